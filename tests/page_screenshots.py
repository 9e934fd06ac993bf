"""`python -m tests.page_screenshots`: take the pictures of the web page that the documentation shows.

The models are those of Lodestar's home; what is missing is trained first.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from tests import page_site

FOLDER = Path(__file__).parents[1] / "docs" / "images"
QUERY = "?view=search&q=does+vitamin+D+prevent+infections"
USER = "?view=recommend&user=42"


@dataclass(frozen=True)
class Shot:
    """A picture: where, what has to be there first, how large, in which colours."""

    name: str
    address: str
    shown: str
    scheme: str
    phone: bool = False


SHOTS = (
    Shot("page-search", QUERY, "#search-results .result", "light"),
    Shot("page-item", f"{QUERY}&item=23267371", ".alike .result", "light"),
    Shot("page-recommend", USER, "#history li", "dark"),
    Shot("page-phone-search", QUERY, "#search-results .result", "dark", phone=True),
    Shot("page-phone-recommend", USER, "#history li", "light", phone=True),
)


def main() -> int:
    """Write every picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with page_site.served() as (url, _), page_site.browser() as browser:
        for shot in SHOTS:
            print(take(browser, url, shot))
    return 0


def take(browser: Browser, url: str, shot: Shot) -> Path:
    """Write one picture and return its path."""
    width, height = (390, 844) if shot.phone else (1200, 800)
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=shot.scheme,  # type: ignore[arg-type]
        device_scale_factor=1.5,
        is_mobile=shot.phone,
        has_touch=shot.phone,
        locale="en-GB",
    )
    page = context.new_page()
    # The first answer of a fresh server is slow; the picture shows what a user sees from then on.
    for _ in range(3):
        page.goto(url + shot.address)
        page.locator(shot.shown).first.wait_for()
    page_site.settle(page)
    page.mouse.move(0, 0)
    path = FOLDER / f"{shot.name}.png"
    page.screenshot(path=path)
    context.close()
    return path


if __name__ == "__main__":
    sys.exit(main())
