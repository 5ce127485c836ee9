"""Nobody can know whether it happened: a person says what is true, and nothing runs again by itself."""

import json
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from pydantic import BaseModel, ConfigDict

from agents.effects import led_to
from agents.models import Session
from agents.tools import ToolContext, registry, tool
from approvals.models import ApprovalRequest
from tests.flows.conftest import World

DONE: list[str] = []
LOST = {"next": True}


class Payment(BaseModel):
    """What is paid."""

    model_config = ConfigDict(extra="forbid")
    payment: str
    cents: int


@pytest.fixture(autouse=True)
def _pay_once() -> Iterator[None]:
    """A tool whose first answer is lost after the effect."""
    registry.load()

    @tool(tier="irreversible_write", idempotent=False, summary="Pay {cents} cents for {payment}")
    def pay_once(args: Payment, context: ToolContext) -> object:
        """Pay."""
        DONE.append(f"{args.payment} {context.idempotency_key}")
        if LOST.pop("next", False):
            raise ConnectionResetError("the answer was lost")
        return {"paid": args.cents}

    DONE.clear()
    LOST["next"] = True
    yield
    registry._tools.pop("pay_once")


def lost(world: World, remy: User) -> tuple[Session, ApprovalRequest]:
    """A session that waits to hear whether its payment happened."""
    session = world.start("scenario: pay", agent=world.agent(slug="payer", tools=["pay_once"]))
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "approve")
    world.work()
    (question,) = world.pending(session)
    assert question.kind == "unknown_outcome"
    assert len(DONE) == 1
    return session, question


def test_a_person_who_found_that_it_happened_lets_the_session_go_on(world: World, remy: User) -> None:
    """TOOL-3, APPR-3: `happened` with what it returned."""
    session, question = lost(world, remy)
    world.decide(question, remy, "happened", answer="Paid, see the ledger.")
    world.work()
    (call,) = world.calls(session)
    assert call.status == "resolved"
    assert json.loads(world.result(call))["result"] == "Paid, see the ledger."
    assert len(DONE) == 1
    led = led_to(call.key)
    assert [(one.verdict, one.kind) for one in led.decisions] == [("approve", "tool_call"), ("happened", "unknown_outcome")]
    assert world.log_is_whole()


def test_giving_up_runs_nothing_again_and_says_so(world: World, remy: User) -> None:
    """TOOL-3."""
    session, question = lost(world, remy)
    world.decide(question, remy, "give_up")
    world.work()
    (call,) = world.calls(session)
    assert (call.status, call.error_type) == ("resolved", "unknown_outcome")
    assert len(DONE) == 1


def test_running_again_is_asked_about_like_any_risky_call(world: World, remy: User) -> None:
    """APPR-4, THREATS 1: the verdict settles what happened; the bytes that run are approved with their own digest."""
    session, question = lost(world, remy)
    world.decide(question, remy, "run_again")
    world.work()
    assert len(DONE) == 1
    (request,) = world.pending(session)
    assert (request.kind, request.tool) == ("tool_call", "pay_once")
    world.decide(request, remy, "approve")
    world.work()
    (call,) = world.calls(session)
    assert call.status == "succeeded"
    assert call.consumed_id == request.id
    assert [f"p1 {call.key}"] * 2 == DONE
    led = led_to(call.key)  # both runs, and who said that there should be a second
    assert [one.verdict for one in led.decisions] == ["approve", "run_again", "approve"]
    assert (led.request, led.decisions[-1].request) == (request.number, request.number)
    assert world.log_is_whole()
