"""What the demo's people have answered before a newcomer comes: given once, through the gate, and left alone where it cannot be."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.mail import EmailMessage

from agents.demo.history import make_history
from agents.demo.past import KEY, LABEL, PAST, start_past, step
from agents.demo.seed import seed, start_goals
from agents.gate import answer
from agents.models import Breaker, Session, Stop
from approvals.models import ApprovalRequest, Cover, Decision, GlassUse
from approvals.people import person_named
from approvals.policies import current
from approvals.policy import TIERS
from audit.actors import Actor
from console.auth import caller_of_user
from console.demo import furnish
from console.guide import steps
from console.models import ApiToken
from console.tokens import state
from tests.conftest import FreshDatabase
from tests.flows.conftest import World

SAID = [said for _, _, all_ in PAST for said in all_]


@pytest.fixture
def house(fresh_database: FreshDatabase, model_url: str, settings: Any) -> World:
    """A demo as its first start leaves it, without its canary, and a worker to run at will."""
    settings.SCRIPTED, settings.EMAIL_HOST_GIVEN = True, False
    seed(goals=False)
    make_history()
    furnish()
    start_past()
    start_goals()
    return World(fresh_database, model_url, User.objects.get(username="olga@demo.example"))


def answered(world: World) -> None:
    """Let the worker run, and the demo's people answer, until there is nothing that they answer."""
    world.work(until=lambda: not step() and world.idle())


def test_its_people_answer_what_was_asked_and_five_requests_wait(house: World, mailoutbox: list[EmailMessage]) -> None:
    """Decided, edited, rejected and asked anew, and alone behind broken glass; what a newcomer shall decide still waits."""
    answered(house)
    given = Decision.objects.filter(idempotency_key__startswith=KEY)
    assert sorted((one.decided_name.lower(), one.verdict) for one in given) == sorted((said.by, said.verdict) for said in SAID)
    past = ApprovalRequest.objects.filter(session_id__in=Session.objects.filter(feature=LABEL).values("pk"))
    assert sorted(past.values_list("status", flat=True)) == ["consumed"] * len(PAST) + ["rejected"]
    assert set(Session.objects.filter(feature=LABEL).values_list("status", flat=True)) == {"waiting_input"}
    waiting = ApprovalRequest.objects.filter(status="pending")
    assert sorted(waiting.values_list("requested_by", flat=True)) == ["Olga", "Olga", "Olga", "Paul", "Paul"]
    assert set(waiting.values_list("tier", flat=True)) == set(TIERS), "one of each tier, for whoever tries it"
    assert [bool(one.taint) for one in waiting].count(True) == 1
    assert len(mailoutbox) == 3
    (use,) = GlassUse.objects.all()
    assert (use.used_name, use.status, use.reviewed_name, use.lacked) == ("Ada", "reviewed", "Audrey", ["1 more person"])
    assert house.log_is_whole()


def test_it_is_said_once_whatever_ends_in_between(house: World) -> None:
    """A worker that is killed leaves answers behind; the next one says what is left, and one more says nothing."""
    house.work(until=lambda: (step(), Decision.objects.exists())[1])
    answered(house)
    before = Decision.objects.count()
    assert before == len(SAID)
    assert step() is False
    assert Decision.objects.count() == before


def test_what_somebody_else_answered_first_stands(house: World) -> None:
    """A newcomer who is faster decides, and the demo's people leave it so."""
    (first, *_) = Session.objects.filter(feature=LABEL).order_by("number")
    house.work(until=lambda: house.pending(first))
    (request,) = house.pending(first)
    rosa = person_named("rosa@demo.example")
    answer(request_id=request.pk, person=rosa, actor=Actor("user", str(rosa.id), rosa.name), verdict="reject",
           digest=request.digest, instruction="Do not send it to anybody.")  # fmt: skip
    answered(house)
    assert [one.decided_name for one in Decision.objects.filter(request__session_id=first.pk)] == ["Rosa"]


def test_the_first_steps_are_still_to_be_done(house: World) -> None:
    """They are the newcomer's: what was said before ticks none of them."""
    answered(house)
    caller = caller_of_user(User.objects.get(username="ada@demo.example"))
    assert [one.done for one in steps(caller)] == [False] * 5


@pytest.mark.usefixtures("house")
def test_what_they_did_by_hand_is_over_or_still_to_come() -> None:
    """Nothing of it holds anybody up."""
    assert list(Stop.objects.values_list("status", flat=True)) == ["lifted"]
    assert list(Breaker.objects.values_list("status", flat=True)) == ["closed"]
    assert [(one.absent_name, one.deputy_name, one.status) for one in Cover.objects.all()] == [("Remy", "Rosa", "agreed")]
    assert [state(token) for token in ApiToken.objects.all()] == ["revoked"]
    assert [rule.required for rule in current(fresh=True).policy.rules] == [2]


@pytest.mark.django_db
def test_without_a_demo_nobody_says_anything() -> None:
    assert step() is False
    assert not Decision.objects.exists()
