"""The web page with models of its own making: files as questions, versions, keys, and what goes wrong."""

from __future__ import annotations

import io
import json
import re
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from components.artifact import publish
from components.family import Family
from components.gateway.keys import add_key
from tests import page_site
from tests.contract.server_process import ServerProcess


@dataclass(frozen=True)
class Toys:
    """A model server with the toys, and what a gateway needs to be put in front of it."""

    home: Path
    server: str
    families: Mapping[str, Family]


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toys]:
    home = tmp_path_factory.mktemp("toys")
    families = page_site.write_toys(home / "serving")
    publish(home / "toys" / "echo", home / "serving" / "echo", {})
    deployed = {
        "stable": 1,
        "canary": {"version": 2, "percent": 0},
        "previous": None,
        "revision": 1,
        "state": "UpToDate",
        "reason": "",
    }
    (home / "serving" / "deployments.json").write_text(json.dumps({"echo": deployed}))
    with ServerProcess(home / "serving") as server:
        for version in (1, 2):
            server.wait_for("loaded", "echo", version)
        yield Toys(home, server.grpc, families)


@pytest.fixture(scope="module")
def url(toys: Toys) -> Iterator[str]:
    with page_site.gateway(page_site.settings_of(toys.home, toys.server), toys.families) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with page_site.browser() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    page = context.new_page()
    complaints = page_site.watched(page)
    yield page
    context.close()
    assert complaints == []


def picture(colour: tuple[int, int, int], form: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(file, form)
    return file.getvalue()


def sound(peak: float) -> bytes:
    """Return half a second of stereo at 44.1 kHz, which no model here takes as it is."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((2, 2, 44_100, 0, "NONE", ""))
        tone = peak * np.sin(np.arange(22_050) * 2 * np.pi * 440 / 44_100)
        writer.writeframes((np.repeat(tone, 2) * 32_767).astype("<i2").tobytes())
    return file.getvalue()


def first(page: Page) -> object:
    return expect(page.locator("#search-results .title").first)


# --- files ---


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_a_chosen_picture_is_searched_in_whatever_form_it_has(page: Page, url: str, form: str) -> None:
    page.goto(f"{url}?model=picture-search")
    file = {"name": "leaf.x", "mimeType": f"image/{form.lower()}", "buffer": picture((20, 200, 40), form)}
    page.set_input_files("#upload input[type=file]", [file])
    first(page).to_have_text("green")
    expect(page.get_by_role("img", name="Picture leaf")).to_be_visible()
    assert page_site.audit(page) == []


DROP = """([name, type, bytes]) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
}"""
PASTE = """([name, type, bytes]) => {
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([new Uint8Array(bytes)], name, { type }));
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""


@pytest.mark.parametrize("how", [DROP, PASTE], ids=["dropped", "pasted"])
def test_a_picture_goes_to_the_model_for_pictures_from_anywhere(page: Page, url: str, how: str) -> None:
    page.goto(f"{url}?model=echo&q=word")
    first(page).to_have_text("word")
    page.evaluate(how, ["sky.png", "image/png", list(picture((10, 40, 220), "PNG"))])
    first(page).to_have_text("blue")
    assert "model=picture-search" in page.url


@pytest.mark.parametrize(("peak", "expected"), [(0.9, "loud"), (0.05, "quiet")])
def test_a_chosen_sound_is_made_one_that_models_read(
    page: Page, url: str, peak: float, expected: str
) -> None:
    page.goto(f"{url}?model=sound-search")
    file = {"name": "tone.wav", "mimeType": "audio/wav", "buffer": sound(peak)}
    page.set_input_files("#upload input[type=file]", [file])
    first(page).to_have_text(expected)
    expect(page.locator("figcaption")).to_have_text("tone.wav, 0.5 s")


def test_a_sound_is_recorded(page: Page, url: str) -> None:
    page.goto(f"{url}?model=sound-search")
    page.get_by_role("button", name="Record").click()
    # The false microphone beeps once a second.
    expect(page.locator(".record")).to_contain_text(re.compile("Stop, [1-9]"))
    page.locator(".record").click()
    first(page).to_have_text("loud")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Record")).to_be_focused()


@pytest.mark.parametrize("model", ["picture-search", "sound-search"])
def test_a_file_of_another_kind_is_refused_in_words(page: Page, url: str, model: str) -> None:
    page.goto(f"{url}?model={model}")
    page.set_input_files(
        "#upload input[type=file]", [{"name": "a.txt", "mimeType": "text/plain", "buffer": b"no"}]
    )
    expect(page.locator("#upload [role=alert]")).to_contain_text("that the browser can read")


def test_kinds_of_questions_are_switched_by_buttons(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Picture").click()
    expect(page.get_by_text("Choose a picture")).to_be_visible()
    page.get_by_role("button", name="Words").click()
    expect(page.locator("#query")).to_be_focused()


# --- versions ---


def test_versions_are_switched_by_label_and_number(page: Page, url: str) -> None:
    page.goto(f"{url}?model=echo&q=word")
    summary = page.locator("#search-summary")
    expect(summary).to_contain_text("version 1, stable")
    menu = page.get_by_label("Version")
    assert menu.locator("option").all_inner_texts() == [
        "as deployed",
        "stable (1)",
        "canary (2, 0 %)",
        "2",
        "1",
    ]
    menu.select_option("canary")
    expect(summary).to_contain_text("version 2, canary")
    assert "version=canary" in page.url
    menu.select_option("1")
    expect(summary).to_contain_text("version 1")
    page.go_back()
    expect(summary).to_contain_text("version 2, canary")


def test_a_version_that_is_not_served_is_an_error_with_a_way_out(page: Page, url: str) -> None:
    page.goto(f"{url}?model=echo&q=word&version=9")
    expect(page.get_by_role("alert")).to_contain_text("echo")
    page.get_by_label("Version").select_option("")
    first(page).to_have_text("word")


# --- what goes wrong ---


def test_what_a_model_answers_is_never_markup(page: Page, url: str) -> None:
    page.goto(url)
    words = "<img src=x onerror=alert(1)><b>bold</b>"
    page.fill("#query", words)
    first(page).to_have_text(words)
    assert page.locator("#search-results img, #search-results h3 b").count() == 0


def test_a_gateway_that_is_away_is_asked_again(page: Page, url: str) -> None:
    page.goto(url)
    page.context.set_offline(True)
    page.fill("#query", "word")
    expect(page.get_by_role("alert")).to_contain_text("The gateway cannot be reached")
    page.context.set_offline(False)
    first(page).to_have_text("word")


def test_a_limit_is_waited_for(page: Page, toys: Toys) -> None:
    settings = page_site.settings_of(toys.home, toys.server, rate_limit="4/hour")
    with page_site.gateway(settings, toys.families) as url:
        page.goto(url)
        for word in ("one", "two", "three", "four", "five"):
            with page.expect_response("**/v1/search?*"):
                page.fill("#query", word)
        expect(page.get_by_role("alert")).to_contain_text("4/hour")
        expect(page.get_by_role("button", name=re.compile(r"Trying again in \d+ s"))).to_be_visible()


def test_a_key_is_asked_for_where_one_is_needed(page: Page, toys: Toys, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    key = add_key(keys, "somebody")
    settings = page_site.settings_of(toys.home, toys.server, api_keys=keys)
    with page_site.gateway(settings, toys.families) as url:
        page.goto(f"{url}?model=echo&q=word")
        dialog = page.get_by_role("dialog", name="This gateway asks for a key")
        dialog.get_by_label("API key").fill("wrong")
        dialog.get_by_role("button").click()
        expect(dialog.get_by_role("alert")).to_have_text("The gateway did not accept that key.")
        assert page_site.audit(page) == []
        dialog.get_by_label("API key").fill(key)
        dialog.get_by_role("button").click()
        first(page).to_have_text("word")
        page.reload()
        first(page).to_have_text("word")


def test_nothing_served_is_said_and_noticed_when_it_changes(page: Page, toys: Toys) -> None:
    strangers = {"absent": page_site.toy_family("absent", None)}
    with page_site.gateway(page_site.settings_of(toys.home, toys.server), strangers) as url:
        page.goto(url)
        expect(page.get_by_text("No model is served yet")).to_be_visible()
        publish(toys.home / "toys" / "echo", toys.home / "serving" / "absent", {})
        expect(page.locator("#query")).to_be_visible(timeout=20_000)
