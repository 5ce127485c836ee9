"""What the demo's people have answered already: sessions that put calls before people, and what was said of each.

The sessions are real and ask like any others. Here the demo's people answer them, through the gate, as soon as they ask; so a
newcomer finds decisions, sent mail, measures and a use of break-glass. Each answer has a key of its own: it is given once,
however often and on however many hosts this runs, and whatever ends in between. The label `demo-past` marks the sessions.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from agents.demo.people import DOMAIN
from agents.gate import answer
from agents.grading.sampling import beat
from agents.models import Session
from agents.queue import sweep_soon
from agents.services import start_session
from approvals.breaking import review
from approvals.emergency import Glass
from approvals.facts import Person
from approvals.models import ApprovalRequest, Decision, GlassUse
from approvals.people import person_named
from audit.actors import Actor
from audit.errors import CountersignError

log = structlog.get_logger(__name__)
LABEL = "demo-past"
KEY = "demo-past:"
"""What the keys of these answers begin with: the demo's first steps are not done by them."""
EVERY_S = 1.0
WITHIN_S = 3600.0  # what has not asked by then is answered after the next start of a worker
NAME = "demo-past"


@dataclass(frozen=True, slots=True)
class Said:
    """What one of the demo's people says of a request; with `glass` it is broken for that reason."""

    by: str
    verdict: str
    instruction: str = ""
    subject: str = ""  # of the mail, as an edit wants it
    glass: str = ""


GLASS = "Demo: the second reviewer could not be reached, and the note was due."
PAST: tuple[tuple[str, str, tuple[Said, ...]], ...] = (
    ("olga", "Find our refund policy and e-mail three sentences of it to support@halden.example.", (Said("remy", "approve"),)),
    ("paul", "Find our travel policy and e-mail a short summary to everybody@partner.example.", (
        Said("rosa", "reject", "Demo: not outside of the house. Send it to travel@halden.example."),
        Said("remy", "approve"))),
    ("olga", "Find how long the warranty of the HX200 balance is and e-mail it to service@halden.example.", (
        Said("rosa", "edit", subject="Warranty of the HX200 balance (demo)"),)),
    ("paul", "Publish a note titled “Travel policy” saying “The travel policy of 2026 holds from today on.”", (
        Said("ada", "approve", glass=GLASS),)),
)  # fmt: skip
"""Who asked for what, and what was said of it, in order; what else such a session asks waits for whoever tries the demo."""
REVIEWER, REVIEWED = "audrey", "Demo: it was as the reason says; the note was due that day, and two people agree to it now."


def start_past() -> None:
    """Start the sessions. With a real provider they would cost money, so there are none."""
    if settings.SCRIPTED:
        agent = "research-assistant"
        for name, goal, _ in PAST:
            actor, person = _who(name)
            start_session(actor=actor, person_id=person.id, agent=agent, goal=goal, feature=LABEL)


def start(stopping: threading.Event) -> threading.Thread:
    """Answer them in a thread beside the clusters; it ends when there is nothing to answer any more, or `stopping` is set."""
    thread = threading.Thread(target=run, args=[stopping], name=NAME, daemon=True)
    thread.start()
    return thread


def run(stopping: threading.Event) -> None:
    """Answer what they ask until none asks any more; an error that nobody thought of is told, and ends it until the next start."""
    try:
        _until_answered(stopping)
    except Exception as error:  # noqa: BLE001  nobody waits for this thread, and the worker's work does not depend on it
        log.warning("demo.past_failed", error=type(error).__name__)
    connection.close()


def _until_answered(stopping: threading.Event) -> None:
    """Then have done what the minute's sweep does: what was answered is graded, held against the log, and verified."""
    until, given_up, asked = time.monotonic() + WITHIN_S, set[UUID](), False
    while _step_or_wait(given_up):
        asked = True
        if stopping.wait(EVERY_S) or time.monotonic() > until:
            return
    if asked:
        beat(settles_s=0, rests_s=0)
        sweep_soon()


def _step_or_wait(given_up: set[UUID]) -> bool:
    try:
        return step(given_up)
    except (DatabaseError, InterfaceError) as error:
        log.warning("demo.waits", error=type(error).__name__)
        connection.close()
        return True


def step(given_up: set[UUID] | None = None) -> bool:
    """Answer what these sessions ask by now, once each.

    Args:
        given_up: requests that could not be answered so; they wait for whoever tries the demo, and new ones are put there.

    Returns:
        Whether a session is still to ask something that is answered here.
    """
    lost: set[UUID] = set() if given_up is None else given_up
    left = [_answered(session, said, lost) for session, said in _sessions()]
    _review()
    return any(left)


def _sessions() -> Iterator[tuple[Session, tuple[Said, ...]]]:
    """Give the demo's own sessions with what is said of them; who starts more under the label is not answered."""
    rows = Session.objects.filter(feature=LABEL).order_by("number")[: len(PAST)]
    yield from zip(rows, (said for _, _, said in PAST), strict=False)


def _answered(session: Session, said: tuple[Said, ...], lost: set[UUID]) -> bool:
    request = ApprovalRequest.objects.filter(session_id=session.pk, status="pending").order_by("number").first()
    if request is None:
        return session.status in ("queued", "running")
    count = Decision.objects.filter(request__session_id=session.pk, voided="").count()
    if request.pk in lost or request.kind != "tool_call" or count >= len(said):
        return False
    try:
        _say(request, said[count])
    except CountersignError as error:  # somebody was faster, or the policy is another one by now
        log.info("demo.not_answered", approval=request.ref, code=error.code)
        lost.add(request.pk)
    return True


def _say(request: ApprovalRequest, said: Said) -> None:
    actor, person = _who(said.by)
    more: dict[str, Any] = {"arguments": _edited(request, said.subject)} if said.subject else {}
    glass = Glass(said.glass, request.ref) if said.glass else None
    answer(
        request_id=request.pk, person=person, actor=actor, verdict=said.verdict, digest=request.digest,
        instruction=said.instruction, idempotency_key=f"{KEY}{request.ref}", glass=glass, **more,
    )  # fmt: skip


def _edited(request: ApprovalRequest, subject: str) -> dict[str, Any]:
    return {**json.loads(bytes(request.body))["arguments"], "subject": subject}


def _review() -> None:
    """Have the auditor say what was found of the glass that was broken here."""
    asked = ApprovalRequest.objects.filter(session_id__in=Session.objects.filter(feature=LABEL).values("pk"))
    for use in GlassUse.objects.filter(status="open", reason=GLASS, request_id__in=asked.values("pk")):
        with contextlib.suppress(CountersignError):  # where she is gone, somebody else reviews it
            actor, person = _who(REVIEWER)
            review(use.pk, note=REVIEWED, person=person, actor=actor)


def _who(name: str) -> tuple[Actor, Person]:
    """Return one of the demo's people as a principal, and as a human who has just given the password."""
    person = person_named(f"{name}@{DOMAIN}")
    return Actor("user", str(person.id), person.name), replace(person, reauthenticated=True)
