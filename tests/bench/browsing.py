"""Real pages in a real browser, as another process: `python -m tests.bench.browsing ADDRESS FOLDER`, cookies on the standard input.

Opens one page for each cookie and makes FOLDER/browsing when all are live. When FOLDER/over is there it looks at all of
them again and again for a few seconds, then loads each anew, and prints how long after it was over each was as the new one is.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.chromium import find_chromium
from tests.waiting import wait_until

LOOKS_S = 5.0
_STEP_MS = 50
# What a person can read of the page: rows that wait, numbers, the request that the address names. What is decided stays in
# a list until the page is loaded anew, on purpose, clocks run, and who looks changes with the new load: these are left out.
_SHOWN = """() => {
  const text = (node) => node.textContent.replace(/\\s+/g, " ").trim();
  const parts = [...document.querySelectorAll("#queue li:not(.done), #queue h2 .num, [data-count], #sessions tr, #sessions li")];
  if (document.querySelector("[data-view=detail]")) parts.push(document.querySelector("#detail"));
  return parts.map((part) => {
    const copy = part.cloneNode(true);
    copy.querySelectorAll("live-clock, time, .clock, .lookers, svg, noscript").forEach((node) => node.remove());
    return `${part.id || part.dataset.count || ""}: ${text(copy)}`;
  });
}"""


def opened(browser: Browser, address: str, cookie: str, path: str) -> Page:
    """A page of its own person, live."""
    name, _, value = cookie.partition("=")
    context = browser.new_context(base_url=f"http://{address}", viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": name, "value": value, "url": f"http://{address}"}])
    page = context.new_page()
    page.goto(path)
    return page


def live(page: Page) -> bool:
    """Whether it says so."""
    return bool(page.evaluate("document.getElementById('live').dataset.state === 'live'"))


def main(address: str, folder: Path, people: list[tuple[str, str]]) -> None:
    """Open, wait, look, compare."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--disable-gpu", "--no-sandbox"])
        pages = [opened(browser, address, cookie, path) for cookie, path in people]
        wait_until(lambda: all(live(page) for page in pages), seconds=60)
        (folder / "browsing").touch()
        while not (folder / "over").exists():
            pages[0].wait_for_timeout(_STEP_MS)
        over = (folder / "over").stat().st_mtime
        looks: list[tuple[float, list[Any]]] = []
        while time.time() - over < LOOKS_S:
            looks.append((time.time() - over, [page.evaluate(_SHOWN) for page in pages]))
            pages[0].wait_for_timeout(_STEP_MS)
        anew = [_anew(page) for page in pages]
        browser.close()
    equal = [next((round(at, 2) for at, shown in looks if shown[place] == new), None) for place, new in enumerate(anew)]
    differing = [_difference(looks[-1][1][place], new) for place, new in enumerate(anew) if equal[place] is None]
    print(json.dumps({"equal_after_s": equal, "looks_at_s": [round(at, 2) for at, _ in looks], "differing": differing[:3]}))


def _anew(page: Page) -> Any:
    page.reload()
    return page.evaluate(_SHOWN)


def _difference(old: list[str], new: list[str]) -> list[str]:
    """Return what only one of them shows, from a little before where they part."""
    gone, come = [line for line in old if line not in new], [line for line in new if line not in old]
    both = zip(gone[0], come[0], strict=False) if gone and come else ()
    at = max(0, next((place for place, (one, other) in enumerate(both) if one != other), 0) - 20)
    return [f"- {line[at : at + 160]}" for line in gone[:4]] + [f"+ {line[at : at + 160]}" for line in come[:4]]


if __name__ == "__main__":
    words = sys.stdin.read().split()
    main(sys.argv[1], Path(sys.argv[2]), list(zip(words[::2], words[1::2], strict=True)))
