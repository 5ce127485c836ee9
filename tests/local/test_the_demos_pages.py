"""A demo as its first start leaves it: no page of the menu shows its empty state, and a second start adds nothing."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.local.running import Running, running
from tests.waiting import PATIENCE_S

FURTHER = (
    "/approvals/?state=decided", "/stop/", "/inlets/", "/evals/grading/", "/audit/sessions/", "/audit/verification/",
    "/audit/agreement/", "/audit/content/", "/audit/push/", "/audit/exports/",
)  # fmt: skip
"""Pages behind those of the menu: tabs, the button at the top."""
EMPTY = re.compile(r'class="empty\b')
MENU = re.compile(r'<nav class="rail".*?</nav>', re.DOTALL)
LINK = re.compile(r'<a [^>]*?href="(/[^"#]*)"')
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@contextmanager
def _signed_in(here: Running, name: str) -> Iterator[httpx2.Client]:
    """Sign in as one of the demo's people, with the password that the start told."""
    (password,) = [line.split()[1] for line in here.output().splitlines() if line.startswith(f"{name}@demo.example")]
    headers = {"Referer": f"{here.address}/sign-in/"}
    with httpx2.Client(base_url=here.address, timeout=PATIENCE_S, headers=headers) as browser:
        form = TOKEN.search(browser.get("/sign-in/").text)
        assert form is not None
        sent = {"csrfmiddlewaretoken": form[1], "username": f"{name}@demo.example", "password": password}
        assert browser.post("/sign-in/", data=sent).status_code == 302
        yield browser


def _is_empty(browser: httpx2.Client, page: str) -> bool:
    answer = browser.get(page, follow_redirects=True)
    assert answer.status_code == 200, page
    return bool(EMPTY.search(answer.text[answer.text.index("<main") :]))


def _until_all_have_content(browser: httpx2.Client, pages: list[str]) -> None:
    """Look again at those that are empty until none is; what has content keeps it. As long as some fill, the rest is waited for."""
    left, until = pages, time.monotonic() + PATIENCE_S
    while found := [page for page in left if _is_empty(browser, page)]:
        if len(found) < len(left):
            until = time.monotonic() + PATIENCE_S
        assert time.monotonic() < until, f"still empty: {found}"
        left = found
        time.sleep(1)  # between looks: the pages' own work would slow down what they wait for


def _counts(browser: httpx2.Client) -> list[str]:
    """What a second start could add to: sessions, covers, tokens, uses of break-glass, policy revisions, people told by mail."""
    pages = ("/sessions/", "/cover/", "/tokens/", "/break-glass/", "/policies/", "/stop/")
    return [str(len(re.findall("<tr", browser.get(page).text))) for page in pages]


def test_no_page_of_the_menu_is_empty_and_a_second_start_adds_nothing(open_path: Path) -> None:
    """As the admin, who sees every page; nobody has done anything yet."""
    data = open_path / "data"
    with running(data, {}) as here, _signed_in(here, "ada") as ada:
        menu = MENU.search(ada.get("/overview/").text)
        assert menu is not None
        pages = [page for page in LINK.findall(menu[0]) if page != "/"]
        assert len(pages) > 20
        _until_all_have_content(ada, [*pages, *FURTHER])
        before = _counts(ada)
    with running(data, {}, port=here.port) as again, _signed_in(again, "ada") as ada:
        assert _counts(ada) == before
