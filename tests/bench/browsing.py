"""Real pages in a real browser, as another process: `python -m tests.bench.browsing ADDRESS FOLDER`, cookies on the standard input.

Opens one page for each cookie and makes FOLDER/browsing when all are live. When FOLDER/over is there it leaves them alone for
a few seconds, looks at each, loads it anew, and prints for each that shows the same how long after it was over it last changed.
"""

import json
import os
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.processes import give_way
from tests.chromium import find_chromium
from tests.waiting import wait_until

LOOKS_S = 6.0
GIVES_WAY = 19  # people's browsers run on machines of their own: here, where they share the server's processors, they give way
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

# What it showed, and since when, noted by the page itself whenever it came to rest: whoever asks twenty busy pages is answered late.
_NOTED = """() => {
  const shown = SHOWN;
  const clocks = "live-clock, time, .clock, .lookers, svg";
  let timer = 0;
  window.noted = [[Date.now() / 1000, shown()]]; // what never changes is equal from the beginning on
  new MutationObserver((records) => {
    const places = records.map(({ target }) => target.nodeType === 1 ? target : target.parentElement);
    if (!places.some((place) => place?.closest("#queue, [data-count], #sessions, #detail") && !place.closest(clocks))) return;
    const at = Date.now() / 1000;
    clearTimeout(timer);
    timer = setTimeout(() => { window.noted = [...window.noted.slice(-20), [at, shown()]]; }, 200);
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}""".replace("SHOWN", _SHOWN)


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
        for page in pages:
            page.evaluate(_NOTED)
        give_way(os.getpid(), GIVES_WAY)
        (folder / "browsing").touch()
        while not (folder / "over").exists():
            pages[0].wait_for_timeout(_STEP_MS)
        over = (folder / "over").stat().st_mtime
        pages[0].wait_for_timeout(LOOKS_S * 1000)
        noted = [page.evaluate("window.noted") for page in pages]
        anew = [_anew(page) for page in pages]
        browser.close()
    equal = [_since(looks, new, over) for looks, new in zip(noted, anew, strict=True)]
    differing = [_difference(noted[place][-1][1], new) for place, new in enumerate(anew) if equal[place] is None]
    print(json.dumps({"equal_after_s": equal, "differing": differing[:3]}))


def _since(noted: list[tuple[float, Any]], new: Any, over: float) -> float | None:
    """Return how long after the burst a page came to what it shows at the end; None where that is not what a new load shows."""
    same = list(takewhile(lambda look: look[1] == new, reversed(noted)))
    return round(max(0.0, same[-1][0] - over), 2) if same else None


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
