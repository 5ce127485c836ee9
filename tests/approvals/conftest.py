"""Requests to decide, put up as the worker does it, and the cast as policy sees them."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from approvals.digest import canonical_body, digest
from approvals.facts import CallFacts, Judgement, Person, Reason
from approvals.models import ApprovalRequest
from approvals.services import Edit, NewRequest, open_request, take_numbers
from audit.actors import Actor
from audit.batch import Batch
from audit.ids import uuid7
from audit.models import AuditEntry
from audit.services import transition

WORKER = Actor("agent", "research-assistant", "research-assistant")
ARGUMENTS = b'{"subject":"Hello","to":"kim@example.com"}'
ASKS = Judgement("ask", (Reason("tier_asks", "It cannot be taken back."),), risk=3, hold_s=5)

_sessions = itertools.count(90_001)


def call(**changed: Any) -> CallFacts:
    """Return facts of a harmless call in production, with what `changed` says."""
    facts: dict[str, Any] = {
        "tool": "send_email",
        "tier": "read_only",
        "blast_radius": "narrow",
        "egress": False,
        "scopes": frozenset({"mail:send"}),
        "granted": frozenset({"mail:send"}),
        "arguments": {"to": "kim@example.com"},
        "tainted": False,
        "cost_microusd": 0,
        "environment": "production",
        "agent": "research-assistant",
        "task_type": "default",
        "enabled": True,
        "repeat": False,
        "dry_run": False,
        "denied_before": False,
        **changed,
    }
    return CallFacts(**facts)


def body_of(request: str, revision: int, arguments: bytes = ARGUMENTS) -> bytes:
    """Return the body of a request to send an e-mail."""
    return canonical_body(
        request=request,
        revision=revision,
        session="S-88123",
        call="S-88123/1.0",
        tool="send_email",
        definition="d" * 64,
        tier="irreversible_write",
        arguments=arguments,
        prompt_version="1.0.0",
        precondition="",
    )


def ask(judgement: Judgement = ASKS, **changed: Any) -> ApprovalRequest:
    """Put a request up, as the worker does, and return its row."""
    (number,) = take_numbers(1)
    body = body_of(f"AP-{number}", 1)
    values: dict[str, Any] = {
        "id": uuid7(),
        "number": number,
        "kind": "tool_call",
        "body": body,
        "digest": digest(body),
        "summary": "Send an e-mail to kim@example.com",
        "judgement": judgement,
        "session_id": uuid7(),
        "session_ref": f"S-{next(_sessions)}",
        "call_id": uuid7(),
        "agent": "research-assistant",
        "environment": "production",
        "tool": "send_email",
        "tier": "irreversible_write",
        "blast_radius": "narrow",
        **changed,
    }
    birth, entry = open_request(NewRequest(**values), actor=WORKER)
    transition(Batch(births=(birth,), entries=(entry,)))
    return ApprovalRequest.objects.get(id=values["id"])


def edit_of(request: ApprovalRequest, judgement: Judgement = ASKS, arguments: bytes = b'{"to":"lee@example.com"}') -> Edit:
    """Return an edit of `request`, prepared as the gate does it."""
    body = body_of(request.ref, request.revision + 1, arguments)
    difference = ({"path": "to", "before": "kim@example.com", "after": "lee@example.com"},)
    summary = "Send an e-mail to lee@example.com"
    return Edit(body=body, digest=digest(body), summary=summary, judgement=judgement, difference=difference)


def as_person(user: User, *, reauthenticated: bool | None = True) -> Person:
    """Return an account as policy sees it."""
    roles = frozenset(user.groups.values_list("name", flat=True))
    return Person(user.pk, user.first_name, roles, reauthenticated=reauthenticated)


def as_actor(user: User) -> Actor:
    """Return an account as the log names it."""
    return Actor("user", str(user.pk), user.first_name)


def by(user: User, **changed: Any) -> dict[str, Any]:
    """Return who decides, as `decide` takes it."""
    return {"person": as_person(user), "actor": as_actor(user), **changed}


@pytest.fixture
def request_row(db: None) -> ApprovalRequest:
    """One request to send an e-mail that waits for one reviewer."""
    return ask()


@pytest.fixture
def kinds_of() -> Callable[[ApprovalRequest], list[str]]:
    """Return the event kinds in the stream of a request's session, oldest first."""
    return lambda request: list(AuditEntry.objects.filter(stream=request.stream).order_by("seq").values_list("kind", flat=True))
