"""A signed-in browser for each of the cast, and sessions that really ran."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Session
from approvals.models import ApprovalRequest
from tests.flows.conftest import World, model_url, world

__all__ = ["model_url", "world"]

MAIL = "scenario: mail-once"


@pytest.fixture
def signed_in() -> Callable[[User | None], Client]:
    """Gives a browser in which somebody is signed in, with CSRF checked as in life."""

    def of(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user)
        return client

    return of


@pytest.fixture
def waiting(world: World) -> tuple[Session, ApprovalRequest]:
    """A session that waits for somebody to countersign its e-mail, and the request."""
    session = world.start(MAIL)
    world.work()
    session.refresh_from_db()
    (request,) = world.pending(session)
    return session, request
