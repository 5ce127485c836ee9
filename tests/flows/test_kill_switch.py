"""The kill switch: what is stopped enters no tool and asks no model, on any worker, and goes on by itself (GUARD-14)."""

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from django.db import connection
from pydantic import BaseModel, ConfigDict

from agents import services, stops
from agents.errors import BadText, SessionEnded, Stopped, UnknownAgent, UnknownSession
from agents.models import Session, Stop, ToolCall
from agents.queries import active_stops
from agents.tools import ToolContext, registry, tool
from approvals.errors import UnknownTool
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of
from tests.waiting import wait_until

TICKS: Counter[str] = Counter()
AT_THE_CHECK: list[Any] = []  # what happens once, between a call's judgement and its writing
INSIDE = threading.Event()  # a slow call is in its tool
WHY = "It mails the wrong people."


class Tick(BaseModel):
    """What is counted."""

    model_config = ConfigDict(extra="forbid")
    number: str


def _checked(args: Tick, context: ToolContext) -> str:
    if AT_THE_CHECK:
        AT_THE_CHECK.pop()()
    return ""


@pytest.fixture(autouse=True)
def _tools() -> Iterator[None]:
    """Tools that count how often they were entered."""
    registry.load()

    @tool(tier="read_only", summary="Tick {number}", check=_checked)
    def tick(args: Tick, context: ToolContext) -> object:
        """Tick."""
        TICKS["tick"] += 1
        return {"tick": args.number}

    @tool(tier="reversible_write", idempotent=True, summary="Tock {number}", check=_checked)
    def tock(args: Tick, context: ToolContext) -> object:
        """Tock."""
        TICKS["tock"] += 1
        return {"tock": args.number}

    @tool(tier="irreversible_write", idempotent=False, summary="Send {number}")
    def send(args: Tick, context: ToolContext) -> object:
        """Send."""
        TICKS["send"] += 1
        return {"sent": args.number}

    @tool(tier="read_only", summary="Hold {number}", concurrency=1)
    def hold(args: Tick, context: ToolContext) -> object:
        """Take the only place until the worker has heard of the stop."""
        TICKS["hold"] += 1
        INSIDE.set()
        wait_until(context.stopped)
        return {"held": args.number}

    TICKS.clear()
    AT_THE_CHECK.clear()
    INSIDE.clear()
    yield
    for name in ("tick", "tock", "send", "hold"):
        registry._tools.pop(name)


def ticker(world: World, name: str = "tick", slug: str = "ticker") -> str:
    """An agent that has one tool and no early end."""
    limits = {"turns": 1000, "tool_calls": 1000}
    return world.agent(slug=slug, tools=[name], limits=limits)


def press(olga: User, scope: str) -> Stop:
    """Olga presses the kill switch."""
    return stops.press(scope=scope, reason=WHY, actor=actor_of(olga))


def lift(olga: User, scope: str) -> Stop | None:
    """Olga lifts it."""
    return stops.lift(scope=scope, actor=actor_of(olga))


def queued(*sessions: Session) -> bool:
    """True once no worker holds any of them and all are ready for one."""
    rows = Session.objects.filter(pk__in=[session.pk for session in sessions], status="queued", lease_owner=None)
    return rows.count() == len(sessions)


def kinds(session: Session) -> list[str]:
    """What happened in a session, in order."""
    return list(AuditEntry.objects.filter(stream=f"session:{session.ref}").order_by("seq").values_list("kind", flat=True))


@pytest.mark.parametrize("scope", ["all", "agent:ticker"])
def test_running_sessions_rest_while_they_are_stopped_and_go_on_by_themselves(world: World, olga: User, scope: str) -> None:
    """GUARD-14: pressed while calls are looping; others work on where only an agent is stopped."""
    sessions = [world.start("scenario: ticking", agent=ticker(world)) for _ in range(3)]
    pressed: list[Stop] = []

    def stopped() -> bool:
        if not pressed and TICKS["tick"] >= 10:
            pressed.append(press(olga, scope))
        return bool(pressed) and queued(*sessions)

    world.work(until=stopped)
    entered, turns = TICKS["tick"], [session.turn_rows.count() for session in sessions]
    found = Counter(call.status for session in sessions for call in world.calls(session))
    assert (found["succeeded"], found.keys() <= {"succeeded", "allowed"}) == (entered, True)
    assert kinds(sessions[0])[-1] == "session.stopped"
    if scope != "all":
        other = world.start("scenario: tick-once", agent=ticker(world, slug="other"))
        world.work(until=lambda: Session.objects.filter(pk=other.pk, status="waiting_input").exists())
        entered += 1
    assert (TICKS["tick"], [session.turn_rows.count() for session in sessions]) == (entered, turns)
    lift(olga, scope)
    world.work(until=lambda: all(session.turn_rows.count() > before for session, before in zip(sessions, turns, strict=True)))
    assert world.log_is_whole()


def test_one_session_is_stopped_and_the_one_beside_it_is_not(world: World, olga: User) -> None:
    """GUARD-14: the narrowest scope."""
    agent = ticker(world)
    stopped, other = [world.start("scenario: tick-once", agent=agent) for _ in range(2)]
    press(olga, f"session:{stopped.ref}")
    world.work(until=lambda: Session.objects.filter(pk=other.pk, status="waiting_input").exists())
    assert (TICKS["tick"], queued(stopped), stopped.turn_rows.count()) == (1, True, 0)
    lift(olga, f"session:{stopped.ref}")
    world.work()
    assert TICKS["tick"] == 2


@pytest.mark.parametrize("name", ["tick", "tock"])
def test_a_press_between_judgement_and_intent_keeps_the_call_from_being_entered(world: World, olga: User, name: str) -> None:
    """GUARD-14, ADR 14: the model's answer is kept, nothing of it is begun, and it runs once it may."""
    session = world.start(f"scenario: tick-once name={name}", agent=ticker(world, name))
    AT_THE_CHECK.append(lambda: press(olga, "all"))
    world.work(until=lambda: active_stops().items and queued(session))
    (call,) = world.calls(session)
    assert (TICKS[name], call.status, session.turn_rows.count()) == (0, "allowed", 1)
    lift(olga, "all")
    world.work()
    call.refresh_from_db()
    assert (TICKS[name], call.status, session.turn_rows.count()) == (1, "succeeded", 2)
    assert world.log_is_whole()


def test_a_call_that_waits_for_its_place_is_not_entered_and_waits_on(world: World, olga: User) -> None:
    """GUARD-14: its intent was written, its tool was not reached; what was in its tool is recorded with its outcome."""
    agent = ticker(world, "hold")
    sessions = [world.start("scenario: tick-once name=hold", agent=agent) for _ in range(2)]
    pressed: list[Stop] = []

    def stopped() -> bool:
        if not pressed and INSIDE.is_set() and ToolCall.objects.filter(status="executing").count() == 2:
            pressed.append(press(olga, "agent:ticker"))
        return bool(pressed) and queued(*sessions)

    world.work(until=stopped)
    assert TICKS["hold"] == 1
    assert sorted(call.status for session in sessions for call in world.calls(session)) == ["allowed", "succeeded"]
    assert sum(kinds(session).count("tool_call.stopped") for session in sessions) == 1
    assert world.log_is_whole()


def test_an_open_model_call_is_abandoned_and_asked_again_afterwards(world: World, olga: User) -> None:
    """GUARD-14: no model works for what is stopped; what it used counts as spent."""
    session = world.start("scenario: tick-once mark=hanging", agent=ticker(world))
    host = world.model_url.removesuffix("/v1")
    httpx2.post(f"{host}/_faults", json={"kind": "hang", "match": "mark=hanging", "seconds": 60}).raise_for_status()
    pressed: list[Stop] = []

    def stopped() -> bool:
        if not pressed and not httpx2.get(f"{host}/_faults").json()["waiting"]:
            pressed.append(press(olga, "all"))
        return bool(pressed) and queued(session)

    world.work(until=stopped)
    session.refresh_from_db()
    assert session.turns == 0
    assert session.input_tokens > 0
    assert kinds(session)[-2:] == ["turn.abandoned", "session.stopped"]
    lift(olga, "all")
    world.work()
    assert TICKS["tick"] == 1


def test_an_approved_call_waits_for_the_stop_and_runs_once_after_it(world: World, olga: User, remy: User) -> None:
    """GUARD-14: requests stay open and may be decided; nothing of it executes while stopped."""
    session = world.start("scenario: tick-once name=send", agent=ticker(world, "send"))
    world.work()
    press(olga, "agent:ticker")
    (request,) = world.pending(session)
    world.decide(request, remy, "approve")
    another = world.start("scenario: tick-once", agent=ticker(world, slug="other"))
    world.work(until=lambda: Session.objects.filter(pk=another.pk, status="waiting_input").exists())
    request.refresh_from_db()
    assert (TICKS["send"], request.status, queued(session)) == (0, "approved", True)
    lift(olga, "agent:ticker")
    world.work()
    request.refresh_from_db()
    assert (TICKS["send"], request.status) == (1, "consumed")
    assert world.log_is_whole()


def test_an_approval_that_runs_out_while_stopped_is_not_used_afterwards(world: World, olga: User, remy: User) -> None:
    """APPR-6: a stop gives nobody more time."""
    session = world.start("scenario: tick-once name=send", agent=ticker(world, "send"))
    world.work()
    press(olga, "all")
    (request,) = world.pending(session)
    world.decide(request, remy, "approve")
    ApprovalRequest.objects.filter(pk=request.pk).update(expires_at="2026-01-01T00:00:00Z")
    lift(olga, "all")
    world.work()
    (call,) = world.calls(session)
    assert (TICKS["send"], call.status) == (0, "expired")


def test_calls_of_a_stopped_tool_wait_while_other_tools_go_on(world: World, olga: User) -> None:
    """GUARD-14: a stop holds where switching a tool off refuses; the session rests behind it and says so."""
    press(olga, "tool:tick")
    held = world.start("scenario: tick-once", agent=ticker(world))
    other = world.start("scenario: tick-once name=tock", agent=ticker(world, "tock", slug="other"))
    world.work(until=lambda: queued(held) and Session.objects.filter(pk=other.pk, status="waiting_input").exists())
    held.refresh_from_db()
    (stop,) = active_stops().items
    assert (TICKS, held.held_by, kinds(held)[-1]) == ({"tock": 1}, stop.id, "session.stopped")
    lift(olga, "tool:tick")
    world.work()
    held.refresh_from_db()
    assert (TICKS["tick"], held.held_by, held.status) == (1, None, "waiting_input")


def test_an_approved_call_of_a_stopped_tool_waits_too(world: World, olga: User, remy: User) -> None:
    """GUARD-14: approving is allowed, running is not; the session does not pretend to wait for people."""
    session = world.start("scenario: tick-once name=send", agent=ticker(world, "send"))
    world.work()
    press(olga, "tool:send")
    (request,) = world.pending(session)
    world.decide(request, remy, "approve")
    world.work(until=lambda: queued(session) and Session.objects.filter(pk=session.pk, held_by__isnull=False).exists())
    assert TICKS["send"] == 0
    lift(olga, "tool:send")
    world.work()
    assert TICKS["send"] == 1


def test_what_a_dead_worker_left_is_not_run_again_while_stopped(world: World, olga: User) -> None:
    """LOOP-11, GUARD-14: the session is taken over only to be held; after the stop its call is settled as ever."""
    session = world.start("scenario: tick-once", agent=ticker(world))
    world.work()
    (call,) = world.calls(session)
    with connection.cursor() as cursor:  # as if the worker had died within the tool
        cursor.execute(
            "UPDATE agents_session SET status = 'running', lease_owner = 'gone', lease_expires = now() - interval '1 minute'"
            " WHERE id = %s",
            [session.pk],
        )
        cursor.execute("UPDATE agents_toolcall SET status = 'executing' WHERE id = %s", [call.pk])
    press(olga, "all")
    world.work(until=lambda: queued(session))
    call.refresh_from_db()
    assert (TICKS["tick"], call.status) == (1, "executing")
    lift(olga, "all")
    world.work()
    call.refresh_from_db()
    assert (TICKS["tick"], call.status) == (2, "succeeded")


def test_a_new_session_of_what_is_stopped_is_refused_with_who_and_why(world: World, olga: User) -> None:
    """GUARD-14: whoever starts one learns it at once, instead of waiting for something that nobody sees."""
    agent = ticker(world)
    press(olga, f"agent:{agent}")
    with pytest.raises(Stopped, match=f"Olga stopped agent ticker: {WHY} New sessions"):
        world.start("scenario: tick-once", agent=agent)
    world.start("scenario: tick-once", agent=ticker(world, slug="other"))
    press(olga, "all")
    with pytest.raises(Stopped, match="Olga stopped all agents: "):
        world.start("scenario: tick-once", agent="other")
    assert Session.objects.count() == 1


def test_a_stopped_session_can_still_be_cancelled_and_written_to(world: World, olga: User) -> None:
    """Ending something is no execution; a message joins the next turn, after the stop."""
    agent = ticker(world)
    cancelled, told = [world.start("scenario: tick-once", agent=agent) for _ in range(2)]
    press(olga, "all")
    assert services.cancel(session=cancelled, actor=actor_of(olga)).status == "cancelled"
    services.add_message(session=told, actor=actor_of(olga), user_id=olga.pk, content="Hurry.")
    lift(olga, "all")
    world.work()
    assert (TICKS["tick"], world.answer_of(told)) == (1, "It is done.")


def test_pressing_and_lifting_twice_changes_nothing_more(world: World, olga: User, remy: User) -> None:
    """OPS-2: two operators press at once; each sees who was first."""
    first = press(olga, "all")
    again = stops.press(scope="all", reason="Me too.", actor=actor_of(remy))
    assert (again.pk, again.reason, again.pressed_name) == (first.pk, WHY, "Olga")
    lifted = lift(remy, "all")
    assert lifted is not None
    assert (lifted.status, lifted.lifted_name, lift(remy, "all")) == ("lifted", "Remy", None)
    assert list(AuditEntry.objects.filter(stream="stop").order_by("seq").values_list("kind", flat=True)) == [
        "stop.set", "stop.lifted",
    ]  # fmt: skip
    assert world.log_is_whole()


@pytest.mark.parametrize(
    ("scope", "refusal"),
    [
        ("agent:nobody", UnknownAgent),
        ("tool:nothing", UnknownTool),
        ("session:S-1", UnknownSession),
        ("everything", BadText),
        ("", BadText),
    ],
)
def test_a_stop_names_what_is_there(world: World, olga: User, scope: str, refusal: type[Exception]) -> None:
    """A stop of nothing would look as if something were safe."""
    with pytest.raises(refusal):
        press(olga, scope)
    assert not Stop.objects.exists()


def test_a_stop_needs_a_reason_and_a_session_that_lives(world: World, olga: User) -> None:
    """Everybody reads the reason for as long as it holds."""
    session = world.start("scenario: tick-once", agent=ticker(world))
    services.cancel(session=session, actor=actor_of(olga))
    with pytest.raises(SessionEnded):
        press(olga, f"session:{session.ref}")
    with pytest.raises(BadText, match="reason"):
        stops.press(scope="all", reason="  ", actor=actor_of(olga))
