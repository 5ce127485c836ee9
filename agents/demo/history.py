"""What the demo's people did by hand before a newcomer came: a rule of the policy, a stop, a breaker, a cover.

By the services that people use, each undone, over, or still to come; the word "Demo" in what they said marks it.
"""

from datetime import timedelta

from django.utils import timezone

from agents.breakers import force, release
from agents.demo.people import DOMAIN
from agents.stops import lift, press
from approvals.covers import Wish, agree
from approvals.facts import Person
from approvals.people import person_named
from approvals.policies import current, save
from approvals.policy import DEFAULT_POLICY
from audit.actors import Actor

STOPPED = "agent:research-assistant-development"
HELD = "tool:web_search"
RULE = {"name": "What is published is agreed to by two", "tool": "publish_note", "then": "ask", "required": 2}
AWAY = timedelta(days=14)
AWAY_FOR = timedelta(days=5)


def make_history() -> None:
    """Let each of them do their part. Joins the caller's transaction."""
    rule()
    stop_and_resume()
    hold_and_release()
    plan_cover()


def rule() -> None:
    """Save a second revision of the policy, where the first is the shipped one: a quorum, and a glass that may be broken."""
    if current(fresh=True).policy != DEFAULT_POLICY:
        return
    document = DEFAULT_POLICY.model_dump(mode="json") | {"rules": [RULE], "break_glass": {"enabled": True}}
    save(document, note="Demo: two people agree to what is published; an admin may break the glass.", actor=_actor("ada"))


def stop_and_resume() -> None:
    """Stop an agent that nobody uses, and resume it."""
    olga = _actor("olga")
    press(scope=STOPPED, reason="Demo: tried how fast an agent stands still.", actor=olga)
    lift(scope=STOPPED, actor=olga)


def hold_and_release() -> None:
    """Hold the breaker of a tool open, and release it."""
    olga = _actor("olga")
    force(key=HELD, closed=False, reason="Demo: the search provider moved that morning.", actor=olga)
    release(key=HELD, actor=olga)


def plan_cover() -> None:
    """Let Rosa decide for Remy in two weeks; nobody stands in for anybody until then."""
    remy, rosa = _person("remy"), _person("rosa")
    since = timezone.now() + AWAY
    wish = Wish(absent=remy, deputy=rosa, since=since, until=since + AWAY_FOR, reason="Demo: a week off.")
    agree(wish, person=remy, actor=_actor("remy"))


def _person(name: str) -> Person:
    return person_named(f"{name}@{DOMAIN}")


def _actor(name: str) -> Actor:
    person = _person(name)
    return Actor("user", str(person.id), person.name)
