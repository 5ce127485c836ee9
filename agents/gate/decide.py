"""What people say of a request, and how its session goes on: the one place where a decision meets a call.

One transaction: the decision, what it makes of the call, the session's wake-up. Requests are locked before calls and
calls before sessions, here and everywhere.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents.errors import BadEdit
from agents.failpoints import failpoint
from agents.gate import words
from agents.gate.submit import context_of, facts, fingerprint
from agents.lifecycle import SESSION, TOOL_CALL
from agents.loading import load
from agents.models import Session, ToolCall
from agents.rules import read as read_rules
from agents.state import Call
from agents.tools import registry
from agents.tools.arguments import Malformed, parse
from agents.tools.errors import CheckFailed
from agents.tools.execute import precondition, radius, summary
from agents.wake import wake
from approvals.services import Decided, Edit, decide
from approvals.services import undo as undo_decision
from approvals.digest import canonical_body, digest
from approvals.models import ApprovalRequest
from approvals.policy import Person, judge
from audit.actors import SYSTEM, Actor
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, Batch, Change, Entry, Text
from audit.services import transition as write


@dataclass(frozen=True, slots=True)
class Edited:
    """An edit that is ready to be decided on: its request revision, and the call with its new arguments."""

    edit: Edit
    call: Call


@transaction.atomic
def answer(  # noqa: PLR0913  one name for each thing that can be said
    *,
    request_id: UUID,
    person: Person,
    actor: Actor,
    verdict: str,
    digest: str,
    instruction: str = "",
    arguments: dict[str, Any] | None = None,
    answer: str = "",
    amount: int | None = None,
    idempotency_key: str = "",
    hold: bool = False,
) -> Decided:
    """Take a person's verdict and let the session go on.

    Args:
        request_id: the request.
        person, actor: who decides, as a human with rights and as a principal.
        verdict: see API.md; `digest` is the one that was shown.
        instruction, arguments, answer, amount: what belongs to the verdict.
        idempotency_key: the same key gives the same decision.
        hold: an approval can be undone for the moment that policy gives.

    Raises:
        BadEdit: `arguments` are not valid, with the fields.
        The errors of `approvals.errors`.
    """
    _locked(request_id)
    made: list[Edited] = []

    def edit(request: ApprovalRequest) -> Edit:
        made.append(_edited(request, arguments or {}))
        return made[0].edit

    decided = decide(
        request_id=request_id, person=person, actor=actor, verdict=verdict, digest=digest, instruction=instruction,
        answer=answer, amount=amount, edit=edit if arguments is not None else None, idempotency_key=idempotency_key, hold=hold,
    )  # fmt: skip
    if not decided.replayed and decided.request.session_id is not None:
        _go_on(decided, actor, made[0] if made else None)
        failpoint("answer.after_decision")
    transaction.on_commit(index_soon)
    return decided


@transaction.atomic
def undo(*, request_id: UUID, actor: Actor) -> ApprovalRequest:
    """Take an approval back within its undo period. The session looks again and goes on waiting."""
    _locked(request_id)
    request = undo_decision(request_id=request_id, actor=actor)
    if request.session_id is not None:
        _wake(request.session_id, held_until=None)
    transaction.on_commit(index_soon)
    return request


def _locked(request_id: UUID) -> None:
    """Lock the request, then its session; their audit stream comes after both, here as in the ledger."""
    request = ApprovalRequest.objects.select_for_update(no_key=True).filter(id=request_id).first()
    if request is not None and request.session_id is not None:
        Session.objects.select_for_update(no_key=True).filter(pk=request.session_id).values_list("pk").first()


def _edited(request: ApprovalRequest, arguments: dict[str, Any]) -> Edited:
    """The call with other arguments: parsed, checked and judged as if the model had written them."""
    state = load([request.session_id], None)[0] if request.session_id else None
    call = next((call for call in state.calls() if call.id == request.call_id), None) if state else None
    tool = registry.get(request.tool)
    if request.kind != "tool_call" or state is None or call is None or tool is None:
        raise BadEdit(errors=[{"loc": "arguments", "msg": "only the arguments of a waiting tool call can be edited"}])
    parsed = parse(tool, json.dumps(arguments))
    if isinstance(parsed, Malformed):
        raise BadEdit(errors=[{**error, "loc": f"arguments.{error['loc']}"} for error in parsed.errors] or [{"loc": "arguments", "msg": parsed.hint}])
    try:
        holds = precondition(tool, parsed.value, context_of(state, call))
    except CheckFailed as error:
        raise BadEdit(errors=[{"loc": "arguments", "msg": error.reason}]) from error
    rules = read_rules()
    before = json.loads(call.arguments or "{}")
    call.arguments, call.arguments_id = parsed.canonical.decode(), uuid7()
    call.fingerprint, call.edited = fingerprint(tool.name, parsed.canonical), True
    call.tier, call.definition = rules.tier(tool), tool.definition
    call.repeat_of = state.fingerprints.get(call.fingerprint)
    judgement = judge(facts(state, call, tool, parsed.value, rules), rules.policy)
    body = canonical_body(
        request=str(request.id), revision=request.revision + 1, session=state.ref, call=str(call.id), tool=tool.name,
        definition=tool.definition, tier=call.tier, arguments=parsed.canonical, prompt_version=state.prompt_version,
        precondition=holds,
    )  # fmt: skip
    difference = tuple(_difference("", before, json.loads(call.arguments)))
    call.judgement = {**judgement.as_json(), "changes": list(difference)}
    edit = Edit(
        body=body, digest=digest(body), summary=summary(tool, parsed.value), judgement=judgement, difference=difference,
        tier=call.tier, blast_radius=radius(tool, parsed.value),
    )  # fmt: skip
    return Edited(edit, call)


def _difference(path: str, before: Any, after: Any) -> list[dict[str, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted({*before, *after})
        return [
            item for key in keys for item in _difference(f"{path}.{key}" if path else key, before.get(key), after.get(key))
        ]
    return [] if before == after else [{"path": path, "before": before, "after": after}]


def _go_on(decided: Decided, actor: Actor, edited: Edited | None) -> None:
    request, decision = decided.request, decided.decision
    if edited is not None:
        _revise(request, edited, actor)
    if decided.effect == "pending":
        return
    if request.call_id is not None:
        _settle(request, decided, actor)
    elif request.kind == "budget" and request.session_id is not None:
        _allow(request.session_id, request.facts["limit"], decision.amount if decision.verdict == "extend" else None)
    if request.session_id is not None:
        _wake(request.session_id, held_until=request.held_until if decided.effect == "held" else None)


def _revise(request: ApprovalRequest, edited: Edited, actor: Actor) -> None:
    call = edited.call
    values = {
        "arguments_id": call.arguments_id, "fingerprint": call.fingerprint, "edited": True, "judgement": call.judgement,
        "tier": call.tier, "definition": call.definition, "repeat_of": call.repeat_of,
    }  # fmt: skip
    if call.arguments is None or call.arguments_id is None:
        raise ValueError(f"{call.key} was edited to nothing")
    told = {"key": call.key, "tool": call.tool, "fingerprint": call.fingerprint, "approval": request.ref, "revision": request.revision}
    entry = Entry(f"session:{request.session_ref}", EventKind.TOOL_CALL_REVISED, actor, told, ids=(request.session_ref, request.ref),
                  texts=(Text(call.arguments_id, "arguments", call.arguments),))  # fmt: skip
    write(Batch((Change(TOOL_CALL, call.id, "awaiting", "revise", values),), (), (entry,)))


def _settle(request: ApprovalRequest, decided: Decided, actor: Actor) -> None:
    """What a decision makes of its call. An approved one stays as it is: a worker consumes the approval."""
    decision = decided.decision
    by = decision.decided_name
    match decision.verdict:
        case "reject":
            _outcome(request, actor, "awaiting", "reject", EventKind.TOOL_CALL_REJECTED, words.rejected(by, decision.instruction), "rejected")
        case "answer":
            _outcome(request, actor, "awaiting", ("approve", "start", "succeed"), EventKind.TOOL_CALL_SUCCEEDED, words.answered(by, decision.answer))
        case "happened":
            _outcome(request, actor, "unknown", "resolve", EventKind.TOOL_CALL_RESOLVED, words.happened(by, decision.answer))
        case "give_up":
            _outcome(request, actor, "unknown", "resolve", EventKind.TOOL_CALL_RESOLVED, words.gave_up(by), "unknown_outcome")
        case "run_again":
            _run_again(request, actor)


def _outcome(
    request: ApprovalRequest, actor: Actor, state: str, event: str | tuple[str, ...], kind: EventKind, text: str, error_type: str = ""
) -> None:
    """Give the call its one tool message."""
    if request.call_id is None:
        raise ValueError(f"{request.ref} is not about a call")
    result = Text(uuid7(), "result", text)
    values = {"result_id": result.id, "error_type": error_type, "ended_at": NOW}
    write(Batch((Change(TOOL_CALL, request.call_id, state, event, values),), (), (_entry(request, kind, actor, result),)))


def _run_again(request: ApprovalRequest, actor: Actor) -> None:
    if request.call_id is None:
        raise ValueError(f"{request.ref} is not about a call")
    change = Change(TOOL_CALL, request.call_id, "unknown", "run_again", {"error_type": ""})
    write(Batch((change,), (), (_entry(request, EventKind.TOOL_CALL_RETRIED, actor),)))


def _entry(request: ApprovalRequest, kind: EventKind, actor: Actor, *texts: Text) -> Entry:
    key = ToolCall.objects.values_list("key", flat=True).get(pk=request.call_id)
    told = {"key": key, "tool": request.tool, "approval": request.ref}
    return Entry(f"session:{request.session_ref}", kind, actor, told, ids=(request.session_ref, request.ref), texts=texts)


def _allow(session: UUID, limit: str, amount: int | None) -> None:
    """Note a further allowance, or that it was refused, for the limits to read."""
    row = Session.objects.select_for_update(no_key=True).get(pk=session)
    notes = dict(row.notes)
    if amount is None:
        notes["refused"] = sorted({*notes.get("refused", ()), limit})
    else:
        allowance = dict(notes.get("allowance", {}))
        allowance[limit] = allowance.get(limit, 0) + amount
        notes["allowance"] = allowance
    event = "nudge" if row.status != "waiting_approval" else "wake"
    write(Batch((Change(SESSION, row.id, row.status, event, {"notes": notes, "ready_at": NOW}),)))


def _wake(session: UUID, *, held_until: Any) -> None:
    """Queue the session, or tell whoever runs it, in the deciding transaction."""
    row = Session.objects.select_for_update(no_key=True).get(pk=session)
    if row.ended:
        return
    event = "wake" if row.status in ("waiting_approval", "waiting_input") else "nudge"
    values: dict[str, Any] = {"nudges": row.nudges + 1, "updated_at": NOW}
    if row.status in ("waiting_approval", "queued"):
        # Another decision may have made it ready before; an undo period only ever delays its own call.
        waits = held_until is not None and row.status == "waiting_approval"
        values["ready_at"] = held_until if waits else min(row.ready_at, held_until) if held_until else NOW
    facts = {"status": "queued" if event == "wake" else row.status}
    told = Entry(f"session:{row.ref}", EventKind.SESSION_RESUMED, SYSTEM, facts, ids=(row.ref,), rev=row.rev + 1, trace=row.trace)
    write(Batch((Change(SESSION, row.id, row.status, event, values),), (), (told,) if event == "wake" else ()))
    if held_until is None:
        wake(row.id)
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('countersign_wake', '')")
