"""What an attacker has: an approved call to tamper with, the database's owner role, and a look at what really left."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User

from agents.models import Session
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from tests.conftest import FreshDatabase
from tests.console.views.conftest import signed_in
from tests.flows.conftest import World, model_url, world

__all__ = ["model_url", "signed_in", "world"]

MAIL = "scenario: mail-once to=kim@customer.example token=T1"
Asked = tuple[Session, ApprovalRequest]
Sql = Callable[..., int]


@pytest.fixture
def asked(world: World) -> Asked:
    """A session whose one e-mail waits for a person, and the request."""
    return ask(world)


@pytest.fixture
def approved(world: World, asked: Asked, remy: User) -> Asked:
    """The same, once Remy has approved it and before a worker has seen that."""
    session, request = asked
    world.decide(request, remy, "approve")
    request.refresh_from_db()
    assert request.status == "approved"
    return session, request


def ask(world: World, goal: str = MAIL, **more: Any) -> Asked:
    """Start a session and let it work until it asks people about its one call."""
    session = world.start(goal, **more)
    world.work()
    session.refresh_from_db()
    (request,) = world.pending(session)
    return session, request


@pytest.fixture
def as_owner(fresh_database: FreshDatabase) -> Iterator[Sql]:
    """Runs SQL as the owner role, past a guard if it is named by table and trigger: whoever holds the database's keys."""
    with psycopg.connect(fresh_database.owner_url, autocommit=True) as connection:

        def run(statement: str, values: Sequence[Any] = (), *, past: tuple[str, str] | None = None) -> int:
            if past is not None:
                connection.execute("ALTER TABLE {} DISABLE TRIGGER {}".format(*past))
            try:
                return connection.execute(statement, values or None).rowcount
            finally:
                if past is not None:
                    connection.execute("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}".format(*past))

        yield run


def kinds(session: Session) -> list[str]:
    """The kinds of a session's entries, in order."""
    return list(AuditEntry.objects.filter(stream=f"session:{session.ref}").order_by("seq").values_list("kind", flat=True))


def status(request: ApprovalRequest) -> str:
    """The request's status as it stands."""
    request.refresh_from_db()
    return request.status


def why(session: Session) -> dict[str, str]:
    """Why the session ended, as its row says."""
    session.refresh_from_db()
    assert session.error is not None
    return dict(session.error)
