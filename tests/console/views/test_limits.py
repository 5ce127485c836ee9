"""The page of limits: what is used beside what is allowed, who waits, and an operator's form (GUARD-5, TOOL-1)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.limiting import limit_of
from agents.models import RateWait, Session
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]


def wait(session: Session, *, back: bool = False, provider: str = "") -> RateWait:
    """Let a session's question wait for a place."""
    now = timezone.now()
    return RateWait.objects.create(
        id=uuid4(), owner=uuid4(), session_id=session.pk, session_ref=session.ref, agent="research-assistant", model="scripted-1",
        provider=provider, tokens=0,
        asked_at=now - timedelta(seconds=30), seen_at=now, back_at=now + timedelta(seconds=60) if back else None,
    )  # fmt: skip


def test_an_operator_sets_a_limit_and_everybody_sees_it(world: World, signed_in: SignedIn, olga: User, vic: User) -> None:
    form = {"scope": "model:", "requests": "600", "tokens": "", "reason": "What the provider allows.", "revision": "0"}
    page = signed_in(olga).post("/limits/", form, follow=True).content.decode()
    assert "Set for all models." in page
    row = limit_of("model:")
    assert (row.requests, row.tokens, row.revision) == (600, None, 1)
    seen = signed_in(vic).get("/limits/").content.decode()
    assert "What the provider allows." in seen
    assert "<b>600</b>" in seen
    assert "Set…" not in seen


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"requests": "0"}, "greater than or equal to 1"),
        ({"reason": ""}, "required"),
        ({"scope": "tool:nothing"}, "There is nothing to limit by that name."),
        ({"scope": "tool:send_email", "requests": "61"}, "needs an admin"),
        ({"scope": "provider:nobody.example"}, "No provider `nobody.example` is configured."),
        ({"scope": "provider:"}, "There is nothing to limit by that name."),
        ({"revision": "7"}, "has changed since you were shown it"),
    ],
)
def test_what_cannot_be_set_is_told_and_what_was_typed_stays(
    world: World, signed_in: SignedIn, olga: User, change: dict[str, str], told: str
) -> None:
    form = {"scope": "model:", "requests": "600", "tokens": "", "reason": "Because.", "revision": "0", **change}
    answer = signed_in(olga).post("/limits/", form)
    assert answer.status_code == 422
    assert told in answer.content.decode()


def test_a_provider_is_limited_beside_its_models(
    world: World, signed_in: SignedIn, olga: User, vic: User, settings: Any
) -> None:
    settings.OPENAI_BASE_URL = "https://llm.example:8443/v1"
    form = {"scope": "provider:llm.example:8443", "requests": "900", "tokens": "", "reason": "Our plan.", "revision": "0"}
    page = signed_in(olga).post("/limits/", form, follow=True).content.decode()
    assert "Set for llm.example:8443." in page
    assert limit_of("provider:llm.example:8443").requests == 900
    wait(world.start("Hello"), provider="llm.example:8443")
    seen = signed_in(vic).get("/limits/").content.decode()
    assert 'aria-labelledby="providers-h"' in seen
    assert "<b>900</b>" in seen
    settings.OPENAI_BASE_URL = "https://other.example/v1"
    lifted = {**form, "requests": "", "revision": "1"}
    assert signed_in(olga).post("/limits/", lifted).status_code == 302, "what is configured no more can be let go"


def test_who_waits_is_told_by_agent_and_on_the_sessions_page(world: World, signed_in: SignedIn, olga: User) -> None:
    session = world.start("Hello")
    wait(session, back=True)
    listed = signed_in(olga).get("/limits/").content.decode()
    assert 'aria-labelledby="waiting-h"' in listed
    assert "scripted-1" in listed
    page = signed_in(olga).get(f"/sessions/{session.ref}/").content.decode()
    assert "Waits for a place in a rate, of" in page
    assert "it was put back so that no worker is held" in page


def test_a_full_queue_is_told_on_the_form_that_starts(world: World, signed_in: SignedIn, olga: User) -> None:
    signed_in(olga).post("/limits/", {"scope": "queue:", "at_once": "1", "reason": "Enough.", "revision": "0"})
    world.start("Hello")
    answer = signed_in(olga).post("/sessions/", {"agent": "research-assistant", "goal": "Hello"})
    assert answer.status_code == 429
    assert "wait in the queue already, and no more than 1 may" in answer.content.decode()


def test_a_tools_page_says_what_it_may_and_leads_to_its_limits(world: World, signed_in: SignedIn, olga: User) -> None:
    form = {"scope": "tool:send_email", "requests": "10", "at_once": "", "reason": "Slowly.", "revision": "0"}
    assert signed_in(olga).post("/limits/", form).status_code == 302
    page = signed_in(olga).get("/tools/send_email/").content.decode()
    assert "10, declared 60" in page
    assert "/limits/?scope=tool:send_email" in page
