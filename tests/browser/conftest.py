"""A house, a browser, and visitors who sign in to it. The browser is that of tests/chromium.py.

Everything has the scope of this package, not of the run: Playwright's event loop stays in the tests' thread as long as
it runs, and would stand in the way of tests of other packages.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, expect, sync_playwright

from console.local.paths import APP_ROLE, OWNER_ROLE
from console.local.postgres import Server
from console.local.roles import drop
from tests.browser.house import DOMAIN, House, running_house
from tests.browser.visitor import NARROW, WIDE, Visitor
from tests.chromium import find_chromium
from tests.conftest import _point_django_at
from tests.server import copy

Visit = Callable[..., Visitor]
# A machine that is busy with other tests is slow, not wrong.
expect.set_options(timeout=60_000)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def shots() -> Path | None:
    """Where pictures go: the folder that COUNTERSIGN_SHOTS names, else none is taken."""
    named = os.environ.get("COUNTERSIGN_SHOTS")
    return Path(named) if named else None


@pytest.fixture(scope="package")
def house(
    postgres: Server, django_db_setup: None, template_database: str, django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:  # fmt: skip
    """The running installation."""
    name = f"browser_{os.getpid()}_{secrets.token_hex(3)}"
    copy(postgres, name, template_database)
    environment = {
        **os.environ, "DATABASE_URL": postgres.url(APP_ROLE, name), "DATABASE_OWNER_URL": postgres.url(OWNER_ROLE, name)
    }  # fmt: skip
    with django_db_blocker.unblock():
        before = _database()
        _point_django_at(postgres, name)
        try:
            with running_house(tmp_path_factory.mktemp("house"), environment) as here:
                yield here
        finally:
            _point_django_at(postgres, before)
            drop(postgres, name)


@pytest.fixture(scope="module", autouse=True)
def own_queue(house: House) -> None:
    """Begin each module without what earlier ones left undecided."""
    house.clear()


def _database() -> str:
    return str(connections.settings["default"]["NAME"])


@pytest.fixture(scope="package")
def chromium(house: House) -> Iterator[Browser]:
    """One browser for all."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def visit(house: House, chromium: Browser) -> Iterator[Visit]:
    """Open a browser for somebody: `visit("remy")`, `visit("remy", narrow=True)`, `visit()` for a stranger."""
    visitors: list[Visitor] = []

    def one(name: str = "", *, narrow: bool = False, **options: Any) -> Visitor:
        options.setdefault("viewport", NARROW if narrow else WIDE)
        context = chromium.new_context(base_url=house.address, reduced_motion="reduce", **options)
        if name:
            cookie = {"name": "countersign_session", "value": house.cookie(name), "url": house.address, "httpOnly": True}
            context.add_cookies([cookie])  # type: ignore[list-item]  # Playwright's own typed dict
        visitors.append(Visitor(house, context, name))
        return visitors[-1]

    yield one
    for visitor in visitors:
        visitor.context.close()
    for visitor in visitors:
        visitor.check_quiet()


@pytest.fixture(autouse=True)
def same_policy(house: House) -> Iterator[None]:
    """Leave the policy that a test found to the next one: they share the house."""
    with house.policy_kept():
        yield


@pytest.fixture
def remy(visit: Visit) -> Visitor:
    """A reviewer."""
    return visit("remy")


@pytest.fixture
def olga(visit: Visit) -> Visitor:
    """An operator."""
    return visit("olga")


def email(name: str) -> str:
    """Return somebody's address."""
    return f"{name}@{DOMAIN}"
