"""Starts sessions and decides on their requests, as another process: `python -m tests.bench.people SESSIONS`.

Keeps so many sessions going at once: a new one is started when one has rested for good. Decides as soon as a request
is seen, or leaves the requests open.
"""

import argparse
import json
import time
from typing import Any

import django

django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402  settings first
from django.db import connection  # noqa: E402

from agents import services  # noqa: E402
from agents.gate import answer  # noqa: E402
from agents.models import Session  # noqa: E402
from approvals import policies  # noqa: E402
from approvals.models import ApprovalRequest  # noqa: E402
from approvals.policy import DEFAULT_POLICY, Person  # noqa: E402
from audit.actors import Actor  # noqa: E402
from tests.bench.schema import PROMPT  # noqa: E402

AGENT: dict[str, Any] = {
    "slug": "bench",
    "prompt": "bench",
    "prompt_text": PROMPT,
    "model": "scripted-1",
    "tools": ["bench_look_up", "bench_compute", "bench_send"],
}
# For sessions of hundreds of turns: no limit ends them, and the context's budget is the usual one.
LONG: dict[str, Any] = {
    **AGENT,
    "slug": "bench-long",
    "tools": ["bench_look_up", "calculate"],
    "limits": {"turns": 10_000, "tool_calls": 10_000, "tokens": 10_000_000, "cost_microusd": 10**12, "active_s": 86_400},
    "loops": {"nothing_new": 10_000},  # its look-ups all find the same
}
ROOM = 1_000_000
RESTING = ("waiting_input", "completed", "halted", "failed", "dead_letter", "cancelled", "expired")


def account(name: str, role: str) -> User:
    """A user with a role."""
    user, _ = User.objects.get_or_create(username=f"{name}@bench.example", defaults={"first_name": name})
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


def actor_of(user: User) -> Actor:
    """The user as who acts."""
    return Actor("user", str(user.pk), user.first_name)


def person_of(user: User) -> Person:
    """The user as who decides."""
    return Person(id=user.pk, name=user.first_name, roles=frozenset({"reviewer"}), reauthenticated=True)


def start(user: User, agent: str = "bench", goal: str = "scenario: bench") -> Session:
    """Start one session."""
    return services.start_session(actor=actor_of(user), person_id=user.pk, agent=agent, goal=goal)


def decide(user: User) -> None:
    """Approve whatever waits."""
    for id_, digest in ApprovalRequest.objects.filter(status="pending").values_list("id", "digest")[:100]:
        answer(request_id=id_, person=person_of(user), actor=actor_of(user), verdict="approve", digest=digest)


def rested(*, decides: bool) -> int:
    """Sessions that have come to where they are wanted."""
    return Session.objects.filter(status__in=RESTING if decides else (*RESTING, "waiting_approval")).count()


def main(wanted: argparse.Namespace) -> None:
    """Run them all, and print how long it took and what this process itself cost."""
    olga, remy = account("olga", "operator"), account("remy", "reviewer")
    for agent in (AGENT, LONG):
        services.apply_agent(agent, actor=actor_of(olga))
    _make_room(olga)
    before = rested(decides=wanted.decides)
    began, spent, started, ended = time.monotonic(), time.process_time(), 0, 0
    while ended < wanted.sessions:
        while started < wanted.sessions and started - ended < wanted.at_once:
            start(olga, wanted.agent, wanted.goal)
            started += 1
        if wanted.decides:
            decide(remy)
        time.sleep(0.02)  # its own polling is not the product's cost
        ended = rested(decides=wanted.decides) - before
    took = time.monotonic() - began
    cpu_ms = (time.process_time() - spent) * 1000 / wanted.sessions
    print(json.dumps({"seconds": took, "rate": wanted.sessions / took, "cpu_ms": cpu_ms}))
    connection.close()


def _make_room(olga: User) -> None:
    """Let one agent have more requests open than the shipped policy does: here it stands for a whole house."""
    if policies.current(fresh=True).policy.asking.open_per_agent < ROOM:
        document = DEFAULT_POLICY.model_dump(mode="json")
        document["asking"]["open_per_agent"] = ROOM
        policies.save(document, note="For the bench.", actor=actor_of(olga))


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("sessions", type=int)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--agent", default="bench")
    parser.add_argument("--goal", default="scenario: bench")
    parser.add_argument("--leave-open", dest="decides", action="store_false")
    return parser.parse_args()


if __name__ == "__main__":
    main(_wanted())
