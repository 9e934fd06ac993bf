"""From a key press to the first result on the screen, in a real browser, beside the questions alone.

The peers answer the same questions in the same run: the gateway's API over one kept connection, and the
model server's REST API alone. `LODESTAR_KEYS` is how many key presses are timed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import requests
from playwright.sync_api import Page, expect

from components.family import find_family
from tests import page_site

TARGET_MS = 150.0
# Notes when a key went down, and when the first frame after a new first result was drawn.
WATCH = """() => {
  window.took = [];
  let pressed = 0;
  addEventListener("keydown", (event) => { pressed = event.timeStamp; }, true);
  const list = document.querySelector("#search-results");
  new MutationObserver(() => {
    if (!pressed || !list.querySelector(".result .title")) return;
    const since = pressed;
    pressed = 0;
    requestAnimationFrame(() => setTimeout(() => window.took.push(performance.now() - since)));
  }).observe(list, { childList: true, subtree: true });
}"""


def main() -> int:
    """Print the table; 1 when the page is slower than it has to be."""
    keys = int(os.environ.get("LODESTAR_KEYS", "200"))
    with page_site.served() as (url, rest), page_site.browser() as browser:
        page = browser.new_page()
        page.goto(url)
        page.locator("#query").wait_for()
        typed = list(_type(page, keys))
        asked = [prefix for prefix, _ in typed]
        session = requests.Session()
        rows = [
            ("page: key press to first result", [took for _, took in typed]),
            ("gateway's API alone (peer)", _timed(asked, lambda words: _api(session, url, words))),
            ("model server's REST alone (peer)", _timed(asked, lambda words: _rest(session, rest, words))),
        ]
    print(f"{len(typed)} keys that brought results\n")
    print(f"{'milliseconds':34s} {'p50':>8s} {'p95':>8s}  to reach")
    for name, values in rows:
        p50, p95 = np.percentile(values, [50, 95])
        print(f"{name:34s} {p50:8.1f} {p95:8.1f}  {f'<= {TARGET_MS:.0f}' if name.startswith('page') else ''}")
    return int(np.percentile(rows[0][1], 95) > TARGET_MS)


def _type(page: Page, keys: int) -> Iterator[tuple[str, float]]:
    """Type the sample's queries key by key; give each prefix with results and the time they took."""
    page.evaluate(WATCH)
    sample = find_family("text-search").folder / "sample" / "queries.jsonl"
    pressed = 0
    for line in sample.read_text(encoding="utf-8").splitlines():
        page.fill("#query", "")
        for at, letter in enumerate(words := json.loads(line)["text"][:40], start=1):
            if pressed >= keys:
                return
            if letter == " ":
                page.locator("#query").press(" ")
                continue
            with page.expect_response("**/v1/search?*"):
                page.locator("#query").press(letter)
            pressed += 1
            expect(page.locator("#search")).to_have_attribute("aria-busy", "false")
            page.wait_for_timeout(30)
            took = page.evaluate("window.took.splice(0).at(-1) ?? null")
            if took is not None:
                yield words[:at], took


def _timed(questions: list[str], ask: Callable[[str], requests.Response]) -> list[float]:
    taken = []
    for words in questions:
        started = time.perf_counter()
        ask(words).raise_for_status()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def _api(session: requests.Session, url: str, words: str) -> requests.Response:
    parameters: dict[str, str | int] = {"model": "text-search", "q": words, "limit": 20}
    return session.get(f"{url}v1/search", params=parameters, timeout=30)


def _rest(session: requests.Session, rest: str, words: str) -> requests.Response:
    body = {"inputs": {"query": [words]}}
    return session.post(f"{rest}/v1/models/text-search:predict", json=body, timeout=30)


if __name__ == "__main__":
    sys.exit(main())
