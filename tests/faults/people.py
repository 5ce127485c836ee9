"""The people of the fault tests: they approve what is asked, and look into the independent ledger where nobody knows.

Asked whether a lost call happened, a person looks it up: if it did, that is the answer; if it did not, it may run again.
"""

import os
import time

from django.contrib.auth.models import User
from django.db import DatabaseError, connection

from agents.gate import answer
from approvals.errors import AlreadyDecided, NotPending
from approvals.models import ApprovalRequest
from approvals.policy import Person
from audit.actors import Actor
from tests.faults.effects import URL, Effects

REVIEWER = "remy@demo.example"


def reviewer() -> User:
    """Who answers."""
    return User.objects.get(username=REVIEWER)


def decide_all() -> int:
    """Answer everything that waits for people; returns how much that was."""
    remy = reviewer()
    waiting = list(ApprovalRequest.objects.filter(status="pending").order_by("number"))
    return sum(decide(request, remy) for request in waiting)


def decide(request: ApprovalRequest, by: User) -> bool:
    """Give one answer; False if somebody was faster."""
    person = Person(id=by.pk, name=by.first_name, roles=frozenset({"reviewer"}), reauthenticated=True)
    verdict = "approve" if request.kind in ("tool_call", "prompt_release") else _what_happened(request)
    try:
        answer(
            request_id=request.id, person=person, actor=Actor("user", str(by.pk), by.first_name), verdict=verdict,
            digest=request.digest, answer="I looked it up." if verdict == "happened" else "",
        )  # fmt: skip
    except (AlreadyDecided, NotPending):
        return False
    return True


def _what_happened(request: ApprovalRequest) -> str:
    if request.kind != "unknown_outcome":
        raise AssertionError(f"nobody expected a request of kind {request.kind}")
    done = Effects(os.environ[URL]).of(request.tool, request.facts["key"])
    return "happened" if done else "run_again"


def decide_until_told() -> None:
    """Go on answering until this process is ended; where the database is away, until it is back."""
    while True:
        try:
            done = decide_all()
        except DatabaseError:
            connection.close()
            done = 0
        if not done:
            time.sleep(0.02)  # between looks; whoever ends the process ends the loop
