from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from components.gateway.web import PAGE, mount_page

FILES = sorted(path for path in PAGE.rglob("*") if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
STYLES = [path for path in FILES if path.suffix == ".css"]
INDEX = (PAGE / "index.html").read_text(encoding="utf-8")
# What text is written on, and how much it must stand out (WCAG 2.2: 4.5, edges of controls 3).
PAIRS = [
    *(
        (text, ground, 4.5)
        for text in ("text", "muted", "accent", "wrong")
        for ground in ("ground", "raised")
    ),
    *((text, "soft", 4.5) for text in ("text", "muted")),
    *((text, "accent-soft", 4.5) for text in ("text", "accent")),
    ("on-accent", "accent", 4.5),
    ("gold", "ground", 4.5),
    ("text", "mark", 4.5),
    ("accent", "mark", 4.5),
    ("ground", "wrong", 4.5),
    ("edge", "ground", 3.0),
    ("edge", "raised", 3.0),
]


@pytest.fixture(scope="module")
def page() -> Iterator[TestClient]:
    app = FastAPI()
    mount_page(app)
    with TestClient(app) as client:
        yield client


def test_the_page_is_at_the_root(page: TestClient) -> None:
    answer = page.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == INDEX


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PAGE)))
def test_every_file_has_a_type_that_browsers_accept(page: TestClient, path) -> None:
    answer = page.get(f"/static/{path.relative_to(PAGE)}")
    types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == types[path.suffix]
    assert answer.content == path.read_bytes()


def test_a_file_that_the_browser_has_is_not_sent_again(page: TestClient) -> None:
    first = page.get("/static/js/app.js")
    again = page.get("/static/js/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == again.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/static/../web.py", "/static/%2e%2e/web.py", "/static/absent.js", "/static/"]
)
def test_nothing_but_the_page_is_served(page: TestClient, path: str) -> None:
    assert page.get(path).status_code == 404


def test_no_file_names_another_host() -> None:
    allowed = {"http://www.w3.org/2000/svg"}
    urls = {
        url
        for path in FILES
        for url in re.findall(r"""https?://[^\s"'`)<]+""", path.read_text(encoding="utf-8"))
    }
    assert urls <= allowed


def test_the_page_has_no_inline_script_or_style() -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", INDEX)


def test_whatever_the_page_names_is_there() -> None:
    named = re.findall(r'(?:href|src)="static/([^"]+)"', INDEX)
    assert len(named) > 5
    assert [name for name in named if not (PAGE / name).is_file()] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_import_what_is_there(path) -> None:
    for names, source in re.findall(r'import \{([^}]+)\} from "([^"]+)"', path.read_text(encoding="utf-8")):
        module = (path.parent / source).read_text(encoding="utf-8")
        for name in (part.split(" as ")[0].strip() for part in names.split(",")):
            assert re.search(rf"export (?:async )?(?:const|function|class) {name}\b", module), (
                f"{name} in {source}"
            )


def test_every_icon_that_is_drawn_is_in_the_page() -> None:
    there = set(re.findall(r'<symbol id="i-([^"]+)"', INDEX))
    drawn = {
        name
        for path in SCRIPTS
        for name in re.findall(r'icon\("([^"]+)"\)', path.read_text(encoding="utf-8"))
    }
    assert drawn | set(re.findall(r'href="#i-([^"]+)"', INDEX)) <= there


def test_every_colour_of_a_style_is_defined() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    assert set(re.findall(r"var\(--([\w-]+)\)", text)) <= set(re.findall(r"--([\w-]+):", text))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_small_and_never_parse_markup(path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground", "least"), PAIRS)
def test_text_stands_out_from_its_ground(theme: int, text: str, ground: str, least: float) -> None:
    assert contrast(colours()[text][theme], colours()[ground][theme]) >= least


def colours() -> dict[str, tuple[str, str]]:
    text = (PAGE / "style" / "base.css").read_text(encoding="utf-8")
    pairs = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", text)
    return {name: (light, dark) for name, light, dark in pairs}


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
