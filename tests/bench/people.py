"""Starts sessions and decides on their requests, as another process: `python -m tests.bench.people SESSIONS AT_ONCE`.

Keeps AT_ONCE sessions going: a new one is started when one is answered. Decides as soon as a request is seen.
"""

import json
import sys
import time

import django

django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402  settings first
from django.db import connection  # noqa: E402

from agents import services  # noqa: E402
from agents.gate import answer  # noqa: E402
from agents.models import Session  # noqa: E402
from approvals.models import ApprovalRequest  # noqa: E402
from approvals.policy import Person  # noqa: E402
from audit.actors import Actor  # noqa: E402
from tests.bench.schema import PROMPT  # noqa: E402

AGENT = {
    "slug": "bench",
    "prompt": "bench",
    "prompt_text": PROMPT,
    "model": "scripted-1",
    "tools": ["bench_look_up", "bench_compute", "bench_send"],
}


def account(name: str, role: str) -> User:
    """A user with a role."""
    user, _ = User.objects.get_or_create(username=f"{name}@bench.example", defaults={"first_name": name})
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


def start(user: User) -> None:
    """Start one session."""
    services.start_session(actor=Actor("user", str(user.pk), "Olga"), person_id=user.pk, agent="bench", goal="scenario: bench")


def decide(user: User) -> int:
    """Approve whatever waits."""
    rows = list(ApprovalRequest.objects.filter(status="pending").values_list("id", "digest")[:100])
    person = Person(id=user.pk, name="Remy", roles=frozenset({"reviewer"}), reauthenticated=True)
    for id_, digest in rows:
        answer(request_id=id_, person=person, actor=Actor("user", str(user.pk), "Remy"), verdict="approve", digest=digest)
    return len(rows)


def main(sessions: int, at_once: int) -> None:
    """Run them all, and print how long it took."""
    olga, remy = account("olga", "operator"), account("remy", "reviewer")
    services.apply_agent(AGENT, actor=Actor("user", str(olga.pk), "Olga"))
    before = Session.objects.filter(status="waiting_input").count()
    began, started, ended = time.monotonic(), 0, 0
    while ended < sessions:
        while started < sessions and started - ended < at_once:
            start(olga)
            started += 1
        decide(remy)
        time.sleep(0.02)  # its own polling is not the product's cost
        ended = Session.objects.filter(status="waiting_input").count() - before
    print(json.dumps({"seconds": time.monotonic() - began, "rate": sessions / (time.monotonic() - began)}))
    connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
