"""What every test has: a database, a cast of people, and a network that ends at loopback."""

import ipaddress
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connections

from audit import index
from console.local.paths import APP_ROLE, OWNER_ROLE
from console.local.postgres import Server
from console.local.roles import drop
from tests.groups import InGroups
from tests.server import copy, running_server, template
from tests.waiting import one_day

# How long an example takes says how busy the machine is, and nothing else.
hypothesis.settings.register_profile("countersign", deadline=None)
hypothesis.settings.load_profile("countersign")

PASSWORD = "correct horse battery staple"
ALIASES = ("default", "owner")


def _point_django_at(here: Server, database: str) -> None:
    """Make every connection of Django's, in any thread, one to this database of the tests' server."""
    for alias in ALIASES:
        connections[alias].close()
        connections.settings[alias]["NAME"] = database
        connections.settings[alias]["HOST"] = str(here.socket)


def _migrate(here: Server, database: str) -> None:
    before = connections.settings["owner"]["NAME"]
    _point_django_at(here, database)
    call_command("migrate", database="owner", verbosity=0, interactive=False)
    _point_django_at(here, before)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InGroups | None:
    """Hand tests out by `tests/groups.py` where groups are asked for."""
    return InGroups(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The tests' PostgreSQL server, shared by all test processes of this checkout."""
    with running_server() as here:
        yield here


@pytest.fixture(scope="session")
def template_database(postgres: Server, django_db_blocker: pytest.FixtureRequest) -> str:
    """The name of a migrated database that others are copied from."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's, not exported
        return template(postgres, lambda name: _migrate(postgres, name))


@pytest.fixture(scope="session")
def django_db_setup(postgres: Server, template_database: str) -> Iterator[None]:
    """Give this test process a database of its own; `db` tests roll back in it."""
    name = f"worker_{os.getpid()}_{secrets.token_hex(3)}"
    copy(postgres, name, template_database)
    _point_django_at(postgres, name)
    yield
    for alias in ALIASES:
        connections[alias].close()
    drop(postgres, name)


@dataclass(frozen=True, slots=True)
class FreshDatabase:
    """A database of one test alone, for real transactions, threads and other processes."""

    name: str
    url: str
    owner_url: str
    superuser_url: str
    environment: dict[str, str] = field(repr=False)


@pytest.fixture
def fresh_database(
    postgres: Server, django_db_setup: None, template_database: str, django_db_blocker: Any, tmp_path: Path
) -> Iterator[FreshDatabase]:
    """Copy the migrated database for this test and point Django at the copy; other processes take `.environment`."""
    name = f"fresh_{os.getpid()}_{secrets.token_hex(4)}"
    copy(postgres, name, template_database)
    before = connections.settings["default"]["NAME"]
    url, owner_url = postgres.url(APP_ROLE, name), postgres.url(OWNER_ROLE, name)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "DATABASE_URL": url,
        "DATABASE_OWNER_URL": owner_url,
        "COUNTERSIGN_DATA": str(tmp_path / "data"),
        "COUNTERSIGN_TEST": "1",
        "COUNTERSIGN_DEMO": "0",
    }
    with django_db_blocker.unblock():
        _point_django_at(postgres, name)
        try:
            yield FreshDatabase(name, url, owner_url, postgres.url(database=name), environment)
        finally:
            _point_django_at(postgres, before)
            drop(postgres, name)


@pytest.fixture(autouse=True)
def _within_one_day() -> None:
    """Begin no test so shortly before midnight that it would end on another day."""
    one_day()


@pytest.fixture(autouse=True)
def _nothing_left_to_index(request: pytest.FixtureRequest, _django_db_marker: None, django_db_blocker: Any) -> Iterator[None]:
    """Let what a test's commits left to a thread be done while the test's database is still there."""
    for name in ("fresh_database", "db"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    yield
    with django_db_blocker.unblock():
        index.finish()


def person(name: str, *roles: str) -> User:
    """Make one of the cast: e-mail as user name, password PASSWORD, roles as groups."""
    email = f"{name}@demo.example"
    user = User.objects.create_user(username=email, email=email, password=PASSWORD, first_name=name.capitalize())
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    return user


def _cast(name: str, *roles: str) -> Any:
    def one_person(request: pytest.FixtureRequest) -> User:
        if "fresh_database" not in request.fixturenames:
            request.getfixturevalue("db")
        else:
            request.getfixturevalue("fresh_database")
        return person(name, *roles)

    one_person.__doc__ = f"{name.capitalize()}, {', '.join(roles).replace('_', ' ') or 'without any role'}."
    return pytest.fixture(one_person, name=name)


olga = _cast("olga", "operator")
ada = _cast("ada", "admin")
remy = _cast("remy", "reviewer")
rosa = _cast("rosa", "reviewer")
paul = _cast("paul", "prompt_manager")
audrey = _cast("audrey", "auditor")
vic = _cast("vic", "viewer")
sam = _cast("sam")


class NetworkRefusedError(AssertionError):
    """A test tried to reach beyond loopback."""


def _check_local(address: Any) -> None:
    if not isinstance(address, tuple):
        return  # a socket file
    host = str(address[0])
    try:
        local = ipaddress.ip_address(host.split("%", maxsplit=1)[0]).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local:
        raise NetworkRefusedError(f"tests reach nothing beyond loopback, not {host}")


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Refuse connections and look-ups of anything but this machine."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _check_local(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _check_local(address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name:
            _check_local((name,))
        return look_up(host, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield
