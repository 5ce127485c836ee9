"""One person at a browser, who notices everything that is wrong with a page."""

import re
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Locator, Page, Request, ViewportSize

from approvals.models import ApprovalRequest
from tests.browser.house import House

ASSETS = Path(__file__).parent / "assets"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE, NARROW = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
_CLIPPED = """() => [...document.querySelectorAll("#main *")].filter(one => one.checkVisibility()
    && !one.closest("thead, .sr, .q-views nav, :popover-open") && one.getBoundingClientRect().right > innerWidth + 1
    && one.getBoundingClientRect().width).map(one => `${one.tagName} ${one.className} ${one.textContent.trim().slice(0, 40)}`)"""
"""What stands beyond the right edge, where nobody gets it to see because the page does not scroll that way; tables that
become blocks keep their heads there, and a row of views is meant to be pushed."""
_REFUSED = re.compile(r"the server responded with a status of (\d+)")


@cache
def _axe() -> str:
    (file,) = ASSETS.glob("axe-core-*/axe.min.js")
    return file.read_text(encoding="utf-8")


class Visitor:
    """A browser context of one person, its page, and what went wrong in it."""

    def __init__(self, house: House, context: BrowserContext, name: str) -> None:
        self.house, self.context, self.name = house, context, name
        self.problems: list[str] = []
        self.posts: list[Request] = []
        self.requests: list[str] = []
        self.refusals: set[int] = set()
        """Statuses that the test means to meet: the browser itself writes a line in its console for each."""
        self.allowed: list[str] = []
        self._reported = house.said("web").count("csp.violation")
        context.set_default_timeout(15_000)
        self.page = self._listen(context.new_page())

    def _listen(self, page: Page) -> Page:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"error on {page.url}: {error}"))
        page.on("request", self._request)
        page.on("dialog", self._dialog)
        return page

    def _dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        if request.method == "POST":
            self.posts.append(request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        refused = _REFUSED.search(message.text)
        if refused and int(refused[1]) in self.refusals:
            return
        if not any(re.search(pattern, message.text) for pattern in self.allowed):
            self.problems.append(f"{message.type} on {self.page.url}: {message.text}")

    # Going about

    def open(self, path: str) -> Page:
        """Open a page."""
        self.page.goto(f"{self.house.address}{path}")
        return self.page

    def open_request(self, row: ApprovalRequest) -> Page:
        """Open an approval request's page and wait until keys are listened to again."""
        self.open(f"/approvals/{row.ref}/")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until the quiet time after a new item is over, in which decision keys do nothing (UI.md section 4)."""
        self.wait("performance.now() > 700")

    def live(self) -> None:
        """Wait until the page says that it is live."""
        self.wait("document.getElementById('live').dataset.state === 'live'")

    def rev(self, region: str) -> int:
        """Return the revision of what a region shows."""
        return int(self.page.locator(f"{region} [data-rev]").first.get_attribute("data-rev") or 0)

    def wait_for_rev(self, region: str, rev: int) -> None:
        """Wait until a region shows at least this revision."""
        self.wait(f"Number(document.querySelector('{region} [data-rev]')?.dataset.rev) >= {rev}")

    def wait(self, expression: str, *, seconds: float = 60) -> None:
        """Wait until something is true in the page. Playwright's own way needs an `eval` that the policy forbids."""
        deadline = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"{self.page.url}: not true within {seconds} s: {expression}"
            self.page.wait_for_timeout(25)

    @property
    def detail(self) -> Locator:
        """The open request."""
        return self.page.locator("#detail")

    # Looking

    def check(self) -> None:
        """Assert all that holds on every page: one h1, no overflow, no complaint of axe, of the console, of the policy."""
        self.wait("!document.querySelector('[data-sending], .htmx-request')")  # what is being sent is dimmed
        assert self.page.locator("h1").count() == 1, f"{self.page.url}: not one h1"
        self.check_width()
        found = self.axe()
        assert not found, "\n".join(found)
        self.check_quiet()

    def check_width(self) -> None:
        """Assert that nothing has to be scrolled sideways, and that nothing is cut off at the side."""
        wider = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{self.page.url} is {wider} px wider than the window"
        clipped = self.page.evaluate(_CLIPPED)
        assert not clipped, f"{self.page.url}: beyond the edge: {clipped[:5]}"

    def check_quiet(self) -> None:
        """Assert that neither the page nor the browser complained."""
        assert not self.problems, "\n".join(self.problems)
        assert self.house.said("web").count("csp.violation") == self._reported, "the content security policy was broken"

    def axe(self, rules: Sequence[str] = RULES) -> list[str]:
        """Return what axe finds, one line each."""
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(_axe())
        found: dict[str, Any] = self.page.evaluate(
            "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", list(rules)
        )
        return [
            f"{violation['id']} on {self.page.url}: {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def shoot(self, folder: Path | None, name: str) -> None:
        """Take a picture for people to look at, where they asked for pictures."""
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png")
