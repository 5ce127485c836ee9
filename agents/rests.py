"""How a session comes to rest, and how it ends: each as one record.

Resting records hold only if nothing came from outside since the session was read (a decision, a message): else the
ledger refuses them, and the session is read again, so no wake-up is ever lost.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from agents.advice import advised
from agents.gate import words
from agents.gate.request import agent_of
from agents.gate.submit import Numbers
from agents.guardrails.budget import Stop
from agents.guardrails.stops import ActiveStop
from agents.ledger import Record
from agents.lifecycle import SESSION, TOOL_CALL
from agents.money import Unpaid
from agents.state import Call, Pass, Said, State
from agents.steps import ENDS, FREE, entry, move, record
from approvals.digest import digest, other_body
from approvals.facts import Reason
from approvals.lifecycle import OPEN
from approvals.models import ApprovalRequest
from approvals.policy import Judgement
from approvals.services import NewRequest, open_request, withdraw
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import NOW, After, Batch, Birth, Change, Entry, Text

Reader = Callable[[Callable[[], Any]], Awaitable[Any]]


def is_rest(written: Record) -> bool:
    """True if the record takes the session out of the worker's hands."""
    return any(change.lifecycle is SESSION and change.event != "progress" for change in written.batch.changes)


async def stopped(state: State, read: Reader) -> Record | None:
    """What was asked of whoever runs the session: to end it, to pause it, to hold it, or to give it back."""
    if state.stop in ("cancel", "expire") or state.expired:
        event = "cancel" if state.stop == "cancel" else "expire"
        reason = state.stop_note.get("reason") or ("its time to live was over" if event == "expire" else "")
        error = {"category": "timeout", "code": "session_expired", "detail": "The session's time to live was over."}
        return await end(
            state,
            event,
            read,
            error=error if event == "expire" else None,
            told={"reason": reason, "by": state.stop_note.get("name", "")},
        )
    if state.stop == "pause":
        told = {"reason": state.stop_note.get("reason", ""), "by": state.stop_note.get("name", "")}
        change = move(state, "pause", stop="", **FREE)
        return record(state, changes=[change], entries=[entry(state, EventKind.SESSION_PAUSED, told)])
    if state.held is not None:
        return held(state, state.held)
    if state.leaving:
        change = move(state, "release", ready_at=NOW, **FREE)
        return record(state, changes=[change], entries=[entry(state, EventKind.SESSION_RELEASED, {"worker": state.owner})])
    return None


def held(state: State, stop: ActiveStop) -> Record:
    """The kill switch: give the session back; nobody takes it before the stop is lifted."""
    of_tool = stop.kind == "tool"
    change = move(state, "release", quiet=of_tool, ready_at=NOW, held_by=stop.id if of_tool else None, **FREE)
    return record(state, changes=[change], entries=[entry(state, EventKind.SESSION_STOPPED, stop.facts)])


def waiting(state: State) -> Record | None:
    """Rest while people are asked; come back by itself when an undo period ends."""
    pending = _pending(state)
    if not pending and not state.asks_about_session:
        return None
    held = [call.request.held_s for call in pending if call.request and call.request.held_s is not None]
    if held:
        change = move(state, "release", quiet=True, ready_at=After(max(0.0, min(held))), **FREE)
        return record(
            state, changes=[change], entries=[entry(state, EventKind.SESSION_PARKED, {"code": "undo_period", "time": 1})]
        )
    change = move(state, "await_approval", quiet=True, **FREE)
    return record(state, changes=[change], entries=[_waits(state, pending)])


def asked(state: State, births: list[Birth], entries: list[Entry]) -> Record | None:
    """A turn none of whose calls can run before people were asked: it and the rest are one record.

    Something that came meanwhile keeps the session going, as in `answered`.
    """
    pending = _pending(state)
    if not pending:
        return None
    going_on = Batch((move(state),), tuple(births), tuple(entries))
    change = move(state, "await_approval", quiet=True, **FREE)
    return record(state, changes=[change], births=births, entries=[*entries, _waits(state, pending)], fallback=going_on)


def _pending(state: State) -> list[Call]:
    last = state.last
    return [call for call in (last.calls if last else ()) if call.status in ("awaiting", "unknown")]


def _waits(state: State, pending: list[Call]) -> Entry:
    return entry(state, EventKind.SESSION_WAITING_APPROVAL, {"calls": [call.key for call in pending]})


async def unpaid(state: State, error: Unpaid, read: Reader) -> Record:
    """A budget does not pay the next question: end with what was reached, or wait where the budget says so."""
    if error.action == "halt":
        return await halt(state, f"{error.reason}.", read, category="budget", code=error.code)
    state.notes, state.waits = {**state.notes, "unpaid": error.budget}, "money"
    told = {"code": error.code, "seconds": int(error.wait_s), "reason": error.reason}
    change = move(state, "release", ready_at=After(error.wait_s), **FREE)
    return record(state, changes=[change], entries=[entry(state, EventKind.SESSION_PARKED, told)])


def idle(state: State) -> Record:
    """Nothing is left to do but wait for another message."""
    change = move(state, "await_input", quiet=True, **FREE)
    return record(state, changes=[change], entries=[entry(state, EventKind.SESSION_WAITING_INPUT, {})])


def answered(state: State, turn: Pass, births: list[Birth], entries: list[Entry]) -> Record:
    """The model answered without a call: that is the answer. A message that came meanwhile keeps the session going."""
    answer_id = births[0].values["text_id"]
    going_on = Batch((move(state, answer_id=answer_id),), tuple(births), tuple(entries))
    if state.config.single_turn:
        change = move(state, "complete", quiet=True, answer_id=answer_id, ended_at=NOW, **FREE)
        last = entry(state, EventKind.SESSION_COMPLETED, {"turn": turn.number}, closes=True)
    else:
        change = move(state, "await_input", quiet=True, answer_id=answer_id, **FREE)
        last = entry(state, EventKind.SESSION_WAITING_INPUT, {"turn": turn.number})
    return record(state, changes=[change], births=births, entries=[*entries, last], fallback=going_on)


async def halt(state: State, text: str, read: Reader, *, category: str, code: str) -> Record:
    """A limit was met: end gracefully, with the partial answer."""
    return await end(state, "halt", read, error={"category": category, "code": code, "detail": text})


async def end(
    state: State, event: str, read: Reader, *, error: dict[str, Any] | None = None, told: dict[str, Any] | None = None
) -> Record:
    """End the session: nothing of it waits any more, and what it reached so far is kept."""
    rows = await read(lambda: list(ApprovalRequest.objects.filter(session_id=state.id, status__in=sorted(OPEN))))
    changes, entries = withdraw(rows, actor=agent_of(state), reason=f"The session ended ({event}).")
    texts: list[Text] = []
    changes += _close_calls(state, event, texts)
    partial = next((item for item in reversed(state.items) if isinstance(item, Pass) and item.text), None)
    values: dict[str, Any] = {"ended_at": NOW, "stop": "", "partial": event != "complete" and partial is not None, **FREE}
    if partial is not None:
        answer = Text(uuid7(), "answer", partial.text)
        texts.append(answer)
        values["answer_id"] = answer.id
    if error is not None:
        values["error"] = error = advised(error)
    facts = {**(told or {}), **({"error": error} if error else {}), "turns": state.turns, "cost_microusd": state.cost_microusd}
    last = entry(state, ENDS[event], facts, *texts, closes=event != "give_up")
    return record(state, changes=[*changes, move(state, event, **values)], entries=[*entries, last])


def _close_calls(state: State, event: str, texts: list[Text]) -> list[Change]:
    """Every call id has its one answer, also when the session ends: a call that never ran says so."""
    closed = []
    for call in state.calls():
        if call.status not in ("awaiting", "allowed"):
            continue
        text = Text(uuid7(), f"call.{call.key.rpartition('/')[2]}.result", words.withdrawn(), "result")
        texts.append(text)
        values = {"result_id": text.id, "error_type": "budget" if event == "halt" else "rejected", "ended_at": NOW}
        closed.append(Change(TOOL_CALL, call.id, call.status, "withdraw", values))
    return closed


def warn(state: State, stops: tuple[Stop, ...]) -> Record:
    """Soft limits: say it once, to people and to the model."""
    state.notes = {**state.notes, "warned": sorted({*state.notes.get("warned", ()), *(stop.limit for stop in stops)})}
    birth, text = say(state, " ".join(stop.text for stop in stops) + " Come to an end soon: answer with what you have.")
    told = {"limits": [stop.limit for stop in stops]}
    return record(state, changes=[move(state)], births=[birth], entries=[entry(state, EventKind.SESSION_WARNED, told, text)])


def say(state: State, words_: str) -> tuple[Birth, Text]:
    """Tell the model something in the system's name: the message's row, and its text for the entry."""
    text = Text(uuid7(), "message", words_)
    said = Said(uuid7(), state.next_index, "system", "trusted", words_)
    state.items.append(said)
    state.next_index += 1
    values = {"id": said.id, "session_id": state.id, "index": said.index, "source": "system", "text_id": text.id}
    return Birth("agents.Message", values), text


async def ask_or_halt(state: State, stop: Stop, why: str, read: Reader, take_numbers: Numbers) -> Record:
    """A limit that asks people: the session rests until they answer; it ends where they refused, or nobody answered."""
    if stop.limit not in state.notes.get("refused", ()):
        return await _ask_budget(state, stop, why, take_numbers)
    nobody = stop.limit in state.notes.get("unanswered", ())
    text = f"{why} {'Nobody answered the request to extend it.' if nobody else 'A person refused to extend it.'}"
    return await halt(state, text, read, category="budget", code=f"refused_{stop.limit}")


async def _ask_budget(state: State, stop: Stop, why: str, take_numbers: Numbers) -> Record:
    # What was spent beyond it counts too: half as much again as was allowed is left then.
    spent, allowed = int(stop.spent), int(stop.allowed)
    told = {
        "limit": stop.limit,
        "spent": spent,
        "allowed": allowed,
        "suggested": max(max(spent - allowed, 0) + max(allowed // 2, 1), stop.short),
    }
    summary = f"Let {state.ref} spend more: it has used ${stop.spent / 1e6:.4f} of ${stop.allowed / 1e6:.4f}"
    return await ask_people(state, "budget", summary, told, why, take_numbers)


async def ask_people(
    state: State, kind: str, summary: str, told: dict[str, Any], why: str, take_numbers: Numbers, *entries: Entry
) -> Record:
    """Put a request about the session itself before people; it rests until they answer.

    Args:
        state: the session.
        kind: `budget` or `stuck`.
        summary: what is asked, in one line.
        told: the facts that it rests on.
        why: the reason, in one sentence.
        take_numbers: hands out its short id.
        entries: what else is told of in the same record.
    """
    number = (await take_numbers(1))[0]
    request_id = uuid7()
    body = other_body(request=str(request_id), revision=1, kind=kind, session=state.ref, facts=told)
    new = NewRequest(
        id=request_id, number=number, kind=kind, body=body, digest=digest(body), summary=summary,
        judgement=Judgement("ask", (Reason(kind, why),), risk=2), session_id=state.id, session_ref=state.ref,
        agent=state.agent, environment=state.environment, facts=told, taint=tuple(state.taint),
        cost_microusd=state.cost_microusd, prompt_version=state.prompt_version, requested_by=state.started_name,
        requested_for=state.on_behalf_of, requester=state.requester, excluded=frozenset(state.excluded),
        ttl_s=state.config.limits.approval_ttl_s,
    )  # fmt: skip
    birth, opened = open_request(new, actor=agent_of(state), trace=state.trace)
    change = move(state, "await_approval", quiet=True, **FREE)
    waits = entry(state, EventKind.SESSION_WAITING_APPROVAL, {"calls": [], kind: f"AP-{number}"})
    return record(state, changes=[change], births=[birth], entries=[*entries, opened, waits])
