"""What people say of a request, and how its session goes on: the one place where a decision meets a call.

One transaction, that of the decision: what it makes of the call, the session's wake-up. Requests are locked before calls and
calls before sessions, here and everywhere.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.errors import BadEdit
from agents.failpoints import failpoint
from agents.gate.about_session import Left, left
from agents.gate.facts import facts
from agents.gate.planting import without_call
from agents.gate.request import stored
from agents.gate.submit import context_of, fingerprint
from agents.gate.tracing import after_edit, kept
from agents.gate.verdict import call_outcome
from agents.lifecycle import SESSION, TOOL_CALL
from agents.loading import load
from agents.models import Session
from agents.prompts.asking import agreed
from agents.rules import read as read_rules
from agents.state import Call
from agents.tools import registry
from agents.tools.arguments import Malformed, parse
from agents.tools.errors import CheckFailed
from agents.tools.execute import precondition_within, radius, summary
from agents.tools.sensitive import sensitive_places
from agents.wake import wake, waking
from approvals.digest import canonical_body, digest
from approvals.looked import Looked
from approvals.models import ApprovalRequest
from approvals.policy import Person, judge
from approvals.sameness import Same
from approvals.sensitive import masked_changes
from approvals.services import Decided, Edit, Glass, Locked, Settled, decide, key_of
from approvals.services import undo as undo_decision
from audit.actors import SYSTEM, Actor
from audit.atomically import atomically
from audit.connection import Asked, locked, locked_with
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, After, Batch, Change, Entry, Moment, Text
from audit.services import transition as write


@dataclass(frozen=True, slots=True)
class Edited:
    """An edit that is ready to be decided on: its request revision, and the call with its new arguments."""

    edit: Edit
    call: Call


def answer(  # noqa: PLR0913  one name for each thing that can be said
    *,
    request_id: UUID | int,
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
    looked: Looked | None = None,
    same: Same | None = None,
    glass: Glass | None = None,
    behind: Asked | None = None,
) -> Decided:
    """Take a person's verdict and let the session go on.

    Args:
        request_id: the request, by its id or its number.
        person, actor: who decides, as a human with rights and as a principal.
        verdict: see API.md; `digest` is the one that was shown.
        instruction, arguments, answer, amount: what belongs to the verdict.
        idempotency_key: the same key gives the same decision.
        hold: an approval can be undone for the moment that policy gives.
        looked: how long a page had it before the person.
        same: for which further calls of the session an approval stands.
        glass: it is approved alone, where others would have to agree.
        behind: what the caller wants to read of the request once it is locked; its rows stand in `told` of the answer.

    Raises:
        BadEdit: `arguments` are not valid, with the fields.
        The errors of `approvals.errors`.
    """
    made: list[Edited] = []
    session: Session | None = None
    told: Sequence[Mapping[str, Any]] = ()

    def lock(request_id: UUID | int) -> Locked | None:
        nonlocal session, told
        found = locked_with(ApprovalRequest, request_id, Session, "session_id", by=key_of(request_id), behind=behind)
        if found is None:
            return None
        (request, session, log, now), told = found
        return Locked(request, now, Moment.read(log, now))

    def edit(request: ApprovalRequest) -> Edit:
        if request.call_id is None:
            return without_call(request, arguments or {})
        made.append(_edited(request, arguments or {}))
        return made[-1].edit

    def consequences(settled: Settled) -> Batch:
        failpoint("answer.before_commit")
        return _consequences(settled, session, actor, made[-1] if made else None) if session else agreed(settled, actor)

    decided = decide(
        request_id=request_id, person=person, actor=actor, verdict=verdict, digest=digest, instruction=instruction,
        answer=answer, amount=amount, edit=edit if arguments is not None else None, idempotency_key=idempotency_key,
        hold=hold, same=same, also=consequences, looked=looked, glass=glass, lock=lock,
    )  # fmt: skip
    failpoint("answer.after_decision")
    index_soon()
    return replace(decided, told=told) if told else decided


def weighed(request: ApprovalRequest, arguments: dict[str, Any]) -> Edit:
    """Return what an edit would make of a request as it stands, checked and judged; nothing is written. Raises BadEdit."""
    return without_call(request, arguments) if request.call_id is None else _edited(request, arguments).edit


@atomically
def undo(*, request_id: UUID, actor: Actor) -> ApprovalRequest:
    """Take an approval back within its undo period. The session looks again and goes on waiting."""
    held = locked(ApprovalRequest, request_id)
    session = _session_of(held) if held is not None else None
    request = undo_decision(request_id=request_id, actor=actor)
    if session is not None and not session.ended:
        change, entries = _woken(session, {})
        write(Batch((change,), (), entries))
        wake(session.id)
    transaction.on_commit(index_soon)
    return request


def _session_of(request: ApprovalRequest) -> Session | None:
    """Lock the session of a request that is locked, and before its audit stream is: the order of locks everywhere."""
    return locked(Session, request.session_id) if request.session_id else None


def _edited(request: ApprovalRequest, arguments: dict[str, Any]) -> Edited:
    """The call with other arguments: parsed, checked and judged as if the model had written them. Its session is locked."""
    state = load([request.session_id], None)[0] if request.session_id else None
    call = next((call for call in state.calls() if call.id == request.call_id), None) if state else None
    tool = registry.get(request.tool)
    if request.kind != "tool_call" or state is None or call is None or tool is None:
        raise BadEdit(errors=[{"loc": "arguments", "msg": "only the arguments of a waiting tool call can be edited"}])
    parsed = parse(tool, json.dumps(arguments))
    if isinstance(parsed, Malformed):
        raise BadEdit(
            errors=[{**error, "loc": f"arguments.{error['loc']}"} for error in parsed.errors]
            or [{"loc": "arguments", "msg": parsed.hint}]
        )
    try:
        holds = precondition_within(tool, parsed.value, context_of(state, call))
    except CheckFailed as error:
        raise BadEdit(errors=[{"loc": "arguments", "msg": error.reason}]) from error
    rules = read_rules()
    before = json.loads(call.arguments or "{}")
    call.arguments, call.arguments_id = parsed.canonical.decode(), uuid7()
    call.fingerprint, call.edited = fingerprint(tool.name, parsed.canonical), True
    call.tier, call.definition = rules.tier(tool), tool.definition
    call.repeat_of = state.fingerprints.get(call.fingerprint)
    difference = tuple(_difference("", before, json.loads(call.arguments)))
    found = after_edit(call, json.loads(call.arguments), difference)
    judgement = judge(facts(state, call, tool, parsed.value, rules, found), rules.policy)
    body = canonical_body(
        request=str(request.id), revision=request.revision + 1, session=state.ref, call=str(call.id), tool=tool.name,
        definition=tool.definition, tier=call.tier, arguments=parsed.canonical, prompt_version=state.prompt_version,
        precondition=holds,
    )  # fmt: skip
    hidden = sensitive_places(tool, json.dumps(before), call.arguments)
    shown = tuple(masked_changes(difference, hidden))
    call.judgement = {**stored(judgement), "origins": kept(found), "changes": list(shown)}
    edit = Edit(
        body=body, digest=digest(body), summary=summary(tool, parsed.value), judgement=judgement, difference=shown,
        tier=call.tier, blast_radius=radius(tool, parsed.value), origins=tuple(kept(found)),
        sensitive=tuple(place.as_json() for place in sensitive_places(tool, call.arguments)),
    )  # fmt: skip
    return Edited(edit, call)


def _difference(path: str, before: Any, after: Any) -> list[dict[str, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted({*before, *after})
        return [item for key in keys for item in _difference(f"{path}.{key}" if path else key, before.get(key), after.get(key))]
    return [] if before == after else [{"path": path, "before": before, "after": after}]


def _consequences(settled: Settled, session: Session, actor: Actor, edited: Edited | None) -> Batch:
    """What a decision makes of the call and of the session, as values for the deciding write."""
    request = settled.request
    changes: list[Change] = []
    entries: list[Entry] = []
    told = Left()
    if edited is not None:
        _add(changes, entries, _revised(settled, edited, actor))
    if settled.effect != "pending":
        if request.call_id is not None:
            _add(changes, entries, call_outcome(settled, actor))
        if not session.ended:
            told = left(settled, session, actor)
            values = {**told.values, **({"standing": True} if settled.stands else {})}
            change, woken = _woken(session, values, hold_s=settled.hold_s)
            changes.append(change)
            entries += [*told.entries, *woken]
    return Batch(tuple(changes), told.births, tuple(entries), (waking(session.id),))


def _add(changes: list[Change], entries: list[Entry], step: tuple[Change, Entry] | None) -> None:
    if step is not None:
        changes.append(step[0])
        entries.append(step[1])


def _revised(settled: Settled, edited: Edited, actor: Actor) -> tuple[Change, Entry]:
    """The call with the editor's arguments."""
    call, request = edited.call, settled.request
    if call.arguments is None or call.arguments_id is None:
        raise ValueError(f"{call.key} was edited to nothing")
    values = {
        "arguments_id": call.arguments_id, "fingerprint": call.fingerprint, "edited": True, "judgement": call.judgement,
        "tier": call.tier, "definition": call.definition, "repeat_of": call.repeat_of,
    }  # fmt: skip
    told: dict[str, Any] = {"key": call.key, "tool": call.tool, "approval": request.ref, "revision": settled.revision}
    entry = Entry(f"session:{request.session_ref}", EventKind.TOOL_CALL_REVISED, actor, told, ids=(request.session_ref, request.ref),
                  texts=(Text(call.arguments_id, "arguments", call.arguments),))  # fmt: skip
    return Change(TOOL_CALL, call.id, "awaiting", "revise", values), entry


def _woken(session: Session, values: dict[str, Any], *, hold_s: int = 0) -> tuple[Change, tuple[Entry, ...]]:
    """Queue the session, or leave a sign for whoever runs it."""
    event = "wake" if session.status in ("waiting_approval", "waiting_input") else "nudge"
    values = {"nudges": session.nudges + 1, "updated_at": NOW, **values}
    if session.status == "waiting_approval":
        values["ready_at"] = After(hold_s) if hold_s else NOW
    elif session.status == "queued" and not hold_s:
        values["ready_at"] = NOW  # another call's undo period delays nothing
    change = Change(SESSION, session.id, session.status, event, values)
    if event == "nudge":
        return change, ()
    told = Entry(f"session:{session.ref}", EventKind.SESSION_RESUMED, SYSTEM, {"status": "queued"}, ids=(session.ref,),
                 rev=session.rev + 1, trace=session.trace)  # fmt: skip
    return change, (told,)
