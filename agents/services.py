"""What people and programs do to sessions and agents. Keyword-only, one transaction each, the actor always named.

Whoever holds the lease writes a running session; so what is asked of one that runs is noted on its row (`nudges`,
`stop`) and its worker is told. A session that rests is moved here at once.
"""

from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents.advice import advised
from agents.agents import apply_agent
from agents.brought import message_key
from agents.errors import NothingRefused, NothingWithheld, SessionEnded, UnknownSession, WrongState
from agents.gate import words
from agents.gate.flagging import WITHHELD, withheld
from agents.gate.refused import like
from agents.guardrails.inputs import MAX_MESSAGE
from agents.lifecycle import SESSION, TOOL_CALL
from agents.loading import load
from agents.models import Message, Session, ToolCall
from agents.starting import accepted, message_row, start_session
from agents.steps import ENDS
from agents.tools import registry
from agents.wake import wake
from approvals.errors import NotYours
from approvals.lifecycle import OPEN
from approvals.models import ApprovalRequest
from approvals.services import exclude, withdraw
from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, Batch, Birth, Change, Entry, Text
from audit.services import transition as write

__all__ = [
    "add_message", "apply_agent", "cancel", "end_session", "get_session", "lift_refusals", "pause", "release_result", "resume",
    "start_session", "watch",
]  # fmt: skip

WATCH_S = 30


def get_session(ref: str | UUID) -> Session:
    """One session by its short id or its id. Raises UnknownSession."""
    found = Session.objects.select_related("agent", "revision", "prompt_version__prompt")
    number = ref[2:] if isinstance(ref, str) and ref[:2].upper() == "S-" else ""
    if isinstance(ref, UUID):
        session = found.filter(pk=ref).first()
    else:
        session = (
            found.filter(number=int(number)).first() if number.isascii() and number.isdigit() and len(number) < 19 else None
        )
    if session is None:
        raise UnknownSession(ref=str(ref)[:40])
    return session


@atomically
def add_message(*, session: Session | UUID, actor: Actor, user_id: int | None, content: str) -> Session:
    """Say something to the agent. It joins the next turn; whoever said it may not decide in this session any more.

    Raises:
        UnknownSession, SessionEnded, BadText.
    """
    text = accepted("content", content, MAX_MESSAGE)
    _open_requests(session)  # requests are locked before their session, and the session before its stream, everywhere
    row = _locked(session)
    if user_id is not None:
        exclude(session_id=row.pk, user_id=user_id, actor=actor)
    said = Text(uuid7(), "message", text.text)
    index = row.next_index if row.status != "running" else _beyond(row)
    facts = {"index": index, "flags": list(text.flags)}
    entry = _entry(row, EventKind.MESSAGE_RECEIVED, actor, facts, said)
    birth = message_row(row.id, index, said, actor, user_id)
    write(Batch((_noticed(row, next_index=index + 1),), (birth,), (entry,)))
    return _moved(row)


@atomically
def cancel(*, session: Session | UUID, actor: Actor, reason: str = "") -> Session:
    """End a session. Nothing more is done; what runs this instant is recorded with its outcome.

    Raises:
        UnknownSession, SessionEnded.
    """
    withdrawn = _open_requests(session)
    row = _locked(session)
    if row.status != "running":
        return end_session(row, "cancel", actor=actor, reason=reason, requests=withdrawn)
    note = {"kind": actor.kind, "id": actor.id, "name": actor.name, "reason": reason[:500]}
    changes, entries = withdraw(withdrawn, actor=actor, reason="The session was cancelled.")
    noticed = _noticed(row, stop="cancel", stop_note=note)
    write(Batch((*changes, noticed), (), tuple(entries)))
    return _moved(row)


@atomically
def pause(*, session: Session | UUID, actor: Actor, reason: str = "") -> Session:
    """Hold a session where it is; requests stay open. Raises UnknownSession, SessionEnded, WrongState."""
    row = _locked(session)
    if row.status == "paused":
        raise WrongState(ref=row.ref, status="paused", action="paused")
    if row.status == "running":
        note = {"kind": actor.kind, "id": actor.id, "name": actor.name, "reason": reason[:500]}
        write(Batch((_noticed(row, stop="pause", stop_note=note),)))
        return _moved(row)
    change = Change(SESSION, row.id, row.status, "pause", _rests(row))
    write(Batch((change,), (), (_entry(row, EventKind.SESSION_PAUSED, actor, {"reason": reason[:500], "by": actor.name}),)))
    return _moved(row)


@atomically
def resume(*, session: Session | UUID, actor: Actor, reason: str = "") -> Session:
    """Let a paused session go on where it was. Raises UnknownSession, SessionEnded, WrongState."""
    row = _locked(session)
    if row.status != "paused":
        raise WrongState(ref=row.ref, status=row.status, action="resumed")
    change = Change(SESSION, row.id, "paused", "resume", {**_rests(row), "ready_at": NOW})
    write(Batch((change,), (), (_entry(row, EventKind.SESSION_UNPAUSED, actor, {"reason": reason[:500]}),)))
    return _moved(row)


@atomically
def lift_refusals(*, session: Session | UUID, call: str, actor: Actor, user_id: int) -> Session:
    """Let the agent ask again for what people refused and `call`, its key, was therefore denied (THREATS 19).

    Whoever takes part in the session may not: it would bring one's own wish before people again and again.
    Raises UnknownSession, SessionEnded, NotYours, NothingRefused.
    """
    row = _locked(session)
    state = load([row.pk], None)[0]
    if user_id in state.excluded:
        raise NotYours(refusal="four_eyes", reason="You started this, act in it or wrote in it, so somebody else has to.")
    denied = next((one for one in state.calls() if one.key == call and one.status == "denied"), None)
    tool = registry.get(denied.tool) if denied else None
    keys = {one.refused.key for one in like(state, denied, tool) if one.same} - state.lifted if denied and tool else set()
    if not keys:
        raise NothingRefused(ref=row.ref, call=call[:100])
    change = _noticed(row, lifted=sorted(state.lifted | keys))
    told = {"call": call, "refused": sorted(keys), "by": actor.name}
    write(Batch((change,), (), (_entry(row, EventKind.SESSION_REFUSALS_LIFTED, actor, told),)))
    return _moved(row)


@atomically
def release_result(*, session: Session | UUID, call: str, actor: Actor) -> Session:
    """Give the agent what was kept from it for looking like orders; it stays untrusted.

    `call` is the key of the call whose result it is, or of the message that came with the goal.

    Raises UnknownSession, SessionEnded, NothingWithheld.
    """
    _open_requests(session)
    row = _locked(session)
    tool, text_id = _withheld(row, call)
    if text_id is None or Message.objects.filter(session=row, text_id=text_id).exists():
        raise NothingWithheld(ref=row.ref, call=call[:100])
    index = row.next_index if row.status != "running" else _beyond(row)
    values = {"id": uuid7(), "session_id": row.id, "index": index, "source": "user", "trust": "untrusted", "text_id": text_id,
              "author_name": f"{tool}, released by {actor.name}"}  # fmt: skip
    told = {"call": call, "tool": tool, "by": actor.name}
    entry = _entry(row, EventKind.MESSAGE_RELEASED, actor, told)
    write(Batch((_noticed(row, next_index=index + 1),), (Birth("agents.Message", values),), (entry,)))
    return _moved(row)


def _withheld(row: Session, key: str) -> tuple[str, UUID | None]:
    """Whose words were kept from the model under this key, and the raw content that they are; None where none were."""
    if key == message_key(row.ref):
        return next((str(mark.get("title", "")) for mark in row.taint if mark.get(WITHHELD)), ""), withheld(row.taint)
    kept = ToolCall.objects.filter(session=row, key=key).exclude(sources=[]).first()
    return (kept.tool, withheld(kept.sources)) if kept else ("", None)


def watch(*, session: Session | UUID) -> None:
    """Somebody looks at the session: its answers stream for the next half minute."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agents_session SET watched_until = now() + make_interval(secs => %s)"
            " WHERE id = %s AND (watched_until IS NULL OR watched_until < now() + make_interval(secs => %s))",
            [WATCH_S, _pk(session), WATCH_S / 2],
        )
        if cursor.rowcount:
            cursor.execute("SELECT pg_notify('countersign_wake', %s)", [str(_pk(session))])


def end_session(
    row: Session, event: str, *, actor: Actor, reason: str, requests: list[ApprovalRequest], error: dict[str, Any] | None = None
) -> Session:
    """End a session that no worker runs; the caller holds its row and its requests locked."""
    changes, entries = withdraw(requests, actor=actor, reason=f"The session ended ({event}).")
    texts = []
    for call in ToolCall.objects.filter(session=row, status__in=["awaiting", "allowed"]):
        text = Text(uuid7(), f"call.{call.key.rpartition('/')[2]}.result", words.withdrawn(), "result")
        texts.append(text)
        values = {"result_id": text.id, "error_type": "rejected", "ended_at": NOW}
        changes.append(Change(TOOL_CALL, call.id, call.status, "withdraw", values))
    moved = {
        **_rests(row),
        "ended_at": NOW,
        "partial": row.answer_id is not None,
        **({"error": advised(error)} if error else {}),
    }
    changes.append(Change(SESSION, row.id, row.status, event, moved))
    facts = {"reason": reason[:500], "by": actor.name, "turns": row.turns, "cost_microusd": row.cost_microusd}
    last = _entry(row, ENDS[event], actor, facts, *texts, closes=True)
    write(Batch(tuple(changes), (), (*entries, last)))
    return _moved(row)


def _pk(session: Session | UUID) -> UUID:
    return session.pk if isinstance(session, Session) else session


def _open_requests(session: Session | UUID) -> list[ApprovalRequest]:
    rows = ApprovalRequest.objects.select_for_update(no_key=True).filter(session_id=_pk(session), status__in=sorted(OPEN))
    return list(rows.order_by("id"))


def _locked(session: Session | UUID) -> Session:
    row = Session.objects.select_for_update(of=("self",), no_key=True).select_related("agent").filter(pk=_pk(session)).first()
    if row is None:
        raise UnknownSession(ref=str(_pk(session)))
    if row.ended:
        raise SessionEnded(ref=row.ref, status=row.status)
    return row


def _beyond(row: Session) -> int:
    # A running session's worker counts on in memory; a message from outside takes a place that it will not reach.
    return row.next_index + 1_000 + row.nudges


def _noticed(row: Session, **values: Any) -> Change:
    """Something new: a session that waited for a message goes on; any other finds it when it looks next."""
    event = "wake" if row.status == "waiting_input" and "stop" not in values else "nudge"
    ready = {"ready_at": NOW} if event == "wake" else {}
    return Change(SESSION, row.id, row.status, event, {"nudges": row.nudges + 1, "updated_at": NOW, **ready, **values})


def _rests(row: Session) -> dict[str, Any]:
    return {"nudges": row.nudges + 1, "stop": "", "lease_owner": None, "lease_expires": None, "updated_at": NOW}


def _entry(row: Session, kind: EventKind, actor: Actor, facts: dict[str, Any], *texts: Text, closes: bool = False) -> Entry:
    return Entry(f"session:{row.ref}", kind, actor, facts, ids=(row.ref,), rev=row.rev + 1, texts=texts,
                 on_behalf_of=row.on_behalf_of, trace=row.trace, closes=closes)  # fmt: skip


def _moved(row: Session) -> Session:
    wake(row.id)
    transaction.on_commit(index_soon)
    return get_session(row.id)
