"""A page in a real browser, as another process: `python -m tests.bench.opening ADDRESS TIMES IDLE_S`, a cookie on the standard input.

Opens the queue so often, each time as a browser that was never here, and prints how long after the navigation began its first row
was painted; then lets one page lie open, and prints what went over the wire.
"""

import json
import sys
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, WebSocket, sync_playwright

from tests.bench.browsing import live
from tests.chromium import find_chromium
from tests.waiting import wait_until

# The frame after the one in which the row stood in the page for the first time: by then it is painted.
_NOTES = """
const look = () => document.querySelector(".queue li a.q")
  ? requestAnimationFrame(() => { const port = new MessageChannel(); port.port1.onmessage = () => { window.painted = performance.now(); };
      port.port2.postMessage(0); })
  : requestAnimationFrame(look);
look();
"""
_TIMES = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return { row: window.painted, first_byte: page.responseStart, html: page.responseEnd, paint: paint?.startTime };
}"""


def main(address: str, times: int, idle_s: int, cookie: str) -> None:
    """Open, note, lie, print."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--disable-gpu", "--no-sandbox"])
        painted = [_painted(browser, address, cookie) for _ in range(times)]
        idle = _idle(browser, address, cookie, idle_s)
        browser.close()
    print(json.dumps({"painted": painted, "idle": idle}))


def _newcomer(browser: Browser, address: str, cookie: str) -> tuple[BrowserContext, Page]:
    name, _, value = cookie.partition("=")
    context = browser.new_context(base_url=f"http://{address}", viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": name, "value": value, "url": f"http://{address}"}])
    return context, context.new_page()


def _painted(browser: Browser, address: str, cookie: str) -> dict[str, float]:
    context, page = _newcomer(browser, address, cookie)
    page.add_init_script(_NOTES)
    page.goto("/approvals/")
    wait_until(lambda: page.evaluate("typeof window.painted === 'number'"), seconds=60)
    times: dict[str, float] = page.evaluate(_TIMES)
    context.close()
    return times


def _idle(browser: Browser, address: str, cookie: str, seconds: int) -> dict[str, Any]:
    """What an open page sends and gets while nothing happens: requests, and the socket's messages by their type."""
    _, page = _newcomer(browser, address, cookie)
    heard: list[str] = []
    sent: list[str] = []
    asked: list[str] = []

    def follow(socket: WebSocket) -> None:
        socket.on("framereceived", lambda text: heard.append(json.loads(text)["type"]))
        socket.on("framesent", lambda text: sent.append(str(text)))

    page.on("websocket", follow)
    page.goto("/approvals/")
    wait_until(lambda: live(page), seconds=60)
    page.wait_for_timeout(3000)  # what a fresh page still fetches
    heard.clear()
    sent.clear()
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(seconds * 1000)
    return {
        "requests": len(asked),
        "heard": {kind: heard.count(kind) for kind in set(heard)},
        "sent": sent,
        "asked": asked[:5],
    }


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.stdin.read().strip())
