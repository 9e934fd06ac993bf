"""The web page in a real browser, on a real gateway and model server with both families."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests import page_site
from tests.contract.server_process import ServerProcess

from .conftest import Lodestar

LENIENT = ("--set=evaluate.thresholds.live=-1", "--set=evaluate.thresholds.baseline=-1")
WORDS = "bone marrow cells"
USER = "u7"
SIZES = {"desktop": (1200, 860), "phone": (390, 844), "narrow": (320, 568)}


@dataclass(frozen=True)
class Site:
    """A gateway's address and its home."""

    url: str
    home: Path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, ratings_folder: Path, text_folder: Path) -> Path:
    lodestar = Lodestar(tmp_path_factory.mktemp("home"))
    runs = (
        ("matrix-factorization", "--data", str(ratings_folder), "--set=train.epochs=20", *LENIENT),
        ("text-search", "--data", str(text_folder), "--set=train.dimensions=32", *LENIENT),
    )
    with ThreadPoolExecutor() as both:
        list(both.map(lambda arguments: lodestar.run(*arguments), runs))
    return lodestar.home


@pytest.fixture(scope="module")
def site(home: Path) -> Iterator[Site]:
    with ServerProcess(home / "serving") as server:
        settings = page_site.settings_of(home, server.grpc)
        with page_site.gateway(settings) as url:
            page_site.wait_for_catalogue(url)
            yield Site(url, home)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with page_site.browser() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 860}, locale="en-GB")
    page = context.new_page()
    complaints = page_site.watched(page)
    yield page
    context.close()
    assert complaints == []


def titles(page: Page) -> list[str]:
    return page.locator(".results .title").all_inner_texts()


# --- search ---


def test_results_come_while_typing(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.locator("#query").press_sequentially("bone mar", delay=20)
    expect(page.locator("#search-results .result").first).to_be_visible()
    expect(page.locator("#search-results .title").first).to_contain_text(re.compile("bone|marrow", re.I))
    expect(page.locator("#search-summary")).to_contain_text(
        re.compile(r"version 1\s*\d.* ms · model \d.* ms")
    )
    assert page.url.endswith("q=bone+mar")
    assert page.locator("#search-results mark").count() > 0


def test_an_answer_to_what_was_typed_before_is_dropped(page: Page, site: Site) -> None:
    held: list[Route] = []
    page.route(re.compile(r"v1/search\?.*q=heart"), lambda route: held.append(route))
    page.goto(site.url)
    page.fill("#query", "heart")
    page.wait_for_timeout(200)
    page.fill("#query", WORDS)
    expect(page.locator(".results mark").first).to_have_text(re.compile("bone|marrow|cells?", re.I))
    newest = titles(page)
    assert len(held) == 1
    assert held[0].request.failure is not None, "the older question was not aborted"
    assert titles(page) == newest


def test_an_address_brings_back_what_it_showed(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.fill("#query", WORDS)
    page.locator(".results .title").nth(1).click()
    drawer = page.locator("dialog#item")
    expect(drawer).to_be_visible()
    title, address, ranking = drawer.locator("h2").inner_text(), page.url, titles(page)
    page.goto("about:blank")
    page.goto(address)
    expect(drawer.locator("h2")).to_have_text(title)
    expect(page.locator("#query")).to_have_value(WORDS)
    expect(page.locator("#search-results .title").first).to_have_text(ranking[0])


def test_the_back_button_closes_an_item_and_the_focus_returns(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.fill("#query", WORDS)
    page.locator(".results .title").first.click()
    expect(page.locator("dialog#item")).to_be_visible()
    page.go_back()
    expect(page.locator("dialog#item")).not_to_be_visible()
    expect(page.locator(".results .title").first).to_be_focused()


def test_more_results_follow_on_demand(page: Page, site: Site) -> None:
    page.goto(f"{site.url}?q={WORDS}")
    expect(page.locator(".results .result")).to_have_count(20)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".results .result")).to_have_count(40)
    expect(page.locator(".results .title").nth(20)).to_be_focused()
    ids = page.eval_on_selector_all(".results .result", "rows => rows.map((row) => row.dataset.id)")
    assert len(set(ids)) == 40


def test_a_question_without_an_answer_says_so(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.fill("#query", "qqqxzzy")
    expect(page.locator(".note .head")).to_have_text("Nothing found")
    page.fill("#query", "")
    expect(page.locator(".note .head")).to_have_text("Start typing")


def test_everything_can_be_done_with_the_keyboard(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.locator("h1 a").focus()
    page.keyboard.press("/")
    expect(page.locator("#query")).to_be_focused()
    # In one piece: what answers is then the whole question, and no newer answer takes the focus away.
    page.keyboard.insert_text(WORDS)
    expect(page.locator(".results mark").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    rows = page.locator("#search-results .title")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("+")
    expect(page.locator("#search-results [data-vote=up]").nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    expect(page.locator("dialog#item")).to_be_visible()
    page.keyboard.press("Escape")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.locator("#user")).to_be_focused()


def test_only_one_row_is_in_the_tab_order(page: Page, site: Site) -> None:
    page.goto(f"{site.url}?q={WORDS}")
    page.locator("#search-results .result").first.wait_for()
    reachable = page.locator("#search-results .result:has([tabindex='0'])")
    expect(reachable).to_have_count(1)
    page.locator("#search-results .title").nth(3).focus()
    expect(reachable).to_have_count(1)
    expect(reachable.locator(".rank")).to_have_text("4")


def test_single_keys_can_be_switched_off(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.locator("#help-open").click()
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.locator("#search")).to_be_visible()


# --- recommendations ---


def test_a_user_is_picked_from_suggestions(page: Page, site: Site) -> None:
    page.goto(f"{site.url}?view=recommend")
    box = page.get_by_role("combobox", name="User")
    box.press_sequentially("u1")
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("u1")
    box.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    box.press("Enter")
    expect(page.locator("#recommend-results .result").first).to_be_visible()
    assert "user=u1" in page.url


def test_history_and_recommendations_with_reasons_are_shown(page: Page, site: Site) -> None:
    page.goto(f"{site.url}?view=recommend&user=u12")
    expect(page.locator("#recommend-results .result").first).to_be_visible()
    expect(page.locator("#history li").first).to_contain_text(re.compile(r"\d.*Film \d+", re.S))
    reasons = page.locator("#recommend-results .reason").all_inner_texts()
    assert reasons and all(re.match("Because of Film|Popular with everybody", one) for one in reasons)


def test_what_was_seen_is_left_out_until_asked_for(page: Page, site: Site) -> None:
    page.goto(f"{site.url}?view=recommend&user=u9")
    expect(page.locator("#history li").first).to_be_visible()
    while page.locator("#history .more").count():
        before = page.locator("#history li").count()
        page.locator("#history .more").click()
        expect(page.locator("#history li")).not_to_have_count(before)
    seen = set(page.locator("#history a").all_inner_texts())
    assert seen and not seen & set(titles(page))
    page.get_by_label("Show seen").check()
    expect(page).to_have_url(re.compile("seen=1"))
    again = re.compile("^(" + "|".join(map(re.escape, sorted(seen))) + ")$")
    expect(page.locator("#recommend-results .title").filter(has_text=again).first).to_be_visible()


def test_a_category_narrows_the_recommendations(page: Page, site: Site) -> None:
    page.goto(f"{site.url}?view=recommend&user={USER}")
    chip = page.locator("#recommend-results button.chip").first
    name = chip.evaluate("one => one.lastChild.data")
    chip.click()
    expect(page.get_by_role("button", name=f"Remove the filter {name}")).to_be_visible()
    assert f"category={name}" in page.url
    expect(page.locator("#recommend-results .result").first).to_be_visible()
    page.get_by_role("button", name=f"Remove the filter {name}").click()
    expect(page.get_by_role("button", name=f"Remove the filter {name}")).to_have_count(0)


def test_similar_items_are_one_key_away(page: Page, site: Site) -> None:
    page.goto(f"{site.url}?view=recommend&user={USER}")
    title = page.locator("#recommend-results .title").first
    name = title.inner_text()
    title.focus()
    page.keyboard.press("s")
    drawer = page.locator("dialog#item")
    expect(drawer.locator("h2")).to_have_text(name)
    expect(drawer.locator(".alike .title").first).to_be_visible()
    others = drawer.locator(".alike .title").all_inner_texts()
    assert name not in others
    drawer.locator(".alike .title").first.click()
    expect(drawer.locator("h2")).to_have_text(others[0])


def test_an_unknown_user_is_told(page: Page, site: Site) -> None:
    page.goto(f"{site.url}?view=recommend&user=nobody")
    expect(page.locator("#recommend-results").locator(".note, .result").first).to_be_visible()
    expect(page.locator("#history")).to_contain_text(re.compile("Nothing is known|no user", re.I))


# --- feedback ---


def test_clicks_and_votes_are_on_disk(page: Page, site: Site) -> None:
    page.goto(f"{site.url}?view=recommend&user={USER}")
    row = page.locator("#recommend-results .result").nth(2)
    item = row.get_attribute("data-id")
    with page.expect_response("**/v1/feedback") as voted:
        row.get_by_role("button", name="Dislike").click()
    with page.expect_response("**/v1/feedback") as clicked:
        row.locator(".title").click()
    assert [voted.value.status, clicked.value.status] == [202, 202]
    events = [event for event in page_site.feedback_of(site.home) if event.get("item") == item]
    assert [(event["type"], event["user"], event["rank"]) for event in events] == [
        ("rating", USER, 3),
        ("click", USER, 3),
    ]
    assert events[0]["value"] == 0.5
    assert {event["version"] for event in events} == {1}
    assert len({event["event_id"] for event in events}) == 2


# --- for everybody ---


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_view_can_be_read_and_reached(browser: Browser, site: Site, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    touch = size != "desktop"
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=touch, is_mobile=touch
    )
    page = context.new_page()
    views = {
        "": ".note",
        f"?q={WORDS}": "#search-results .result",
        "?view=recommend": ".note .chip",
        f"?view=recommend&user={USER}": "#history li",
        f"?view=recommend&user={USER}&item=i1": ".alike .result",
    }
    problems = {}
    for address, shown in views.items():
        page.goto(site.url + address)
        page.locator(shown).first.wait_for()
        page_site.settle(page)
        problems[address] = page_site.audit(page)
    context.close()
    assert problems == {address: [] for address in views}


def test_a_chosen_theme_stays(page: Page, site: Site) -> None:
    page.goto(site.url)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator("#theme").click()
    page.locator("#theme").click()
    expect(page.locator("#theme")).to_have_text("Theme: dark")
    dark = page.evaluate(ground)
    page.reload()
    assert page.evaluate(ground) == dark != light


def test_results_are_said_aloud_once_they_stand(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.fill("#query", WORDS)
    expect(page.locator("#live")).to_have_text(re.compile(r"^\d+ results, version 1"))
