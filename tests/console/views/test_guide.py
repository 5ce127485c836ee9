"""The demo's first steps tick themselves and can be put away (UI.md 8)."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from agents.models import Prompt, Session
from agents.prompts.releases import release
from agents.prompts.rollback import rollback
from agents.prompts.versions import add_version
from approvals.models import ApprovalRequest
from audit.actors import Actor
from console.auth import caller_of_user
from console.guide import steps
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
PAUL = Actor("user", "7", "Paul")


def done(user: User) -> list[bool]:
    """Which steps are done."""
    return [step.done for step in steps(caller_of_user(user))]


def test_each_step_ticks_when_it_was_done(
    world: World, waiting: tuple[Session, ApprovalRequest], signed_in: SignedIn, remy: User, ada: User
) -> None:
    """Whoever did it, by what stands in the tables and in the log."""
    assert done(remy) == [False] * 5
    world.decide(waiting[1], remy, "approve")
    assert done(remy) == [True, False, False, False, False]
    world.start("scenario: mail-once")
    world.work()
    request = ApprovalRequest.objects.filter(status="pending").earliest("number")
    world.decide(request, remy, "reject", instruction="Ask the customer first, please.")
    assert done(remy) == [True, True, False, False, False]
    slug = Prompt.objects.get().slug
    made = add_version(slug=slug, text="Be brief.", actor=PAUL, user_id=7, note="Shorter.")
    release(slug=slug, version=made.version, share=10, actor=PAUL)
    assert done(remy) == [True, True, False, False, False]
    rollback(slug=slug, reason="It is too short.", running="finish", actor=PAUL)
    assert done(remy) == [True, True, False, True, False]
    signed_in(ada).post("/audit/verify/")
    assert done(remy)[4]


def test_who_may_not_do_a_step_is_told_who_can(remy: User, vic: User) -> None:
    """The demo has a person for each."""
    assert next(step.who for step in steps(caller_of_user(vic))) == "Sign in as Remy for this."
    assert next(step.who for step in steps(caller_of_user(remy))) == ""


def test_the_list_stands_in_the_demo_alone_and_can_be_put_away(signed_in: SignedIn, remy: User, settings: Any) -> None:
    """For the person who put it away, for good."""
    client = signed_in(remy)
    settings.DEMO = False
    assert b"First steps" not in client.get("/approvals/").content
    settings.DEMO = True
    assert b"First steps" in client.get("/approvals/").content
    assert b"0 of 5 done" in client.get("/settings/guide/").content
    assert client.post("/settings/guide/", {"next": "/sessions/"}).headers["Location"] == "/sessions/"
    assert b"First steps" not in client.get("/approvals/").content
