"""What time does, whoever is there: requests that nobody answered or that are about to run out, sessions past their time.

Called by every worker each few seconds and by a schedule each minute; rows are taken with SKIP LOCKED, so any number
of sweeps may run at once. An expired request never lets anything run (APPR-6).
"""

from uuid import UUID

from django.db import connection, transaction

from agents.gate import words
from agents.gate.about_session import unanswered
from agents.gate.planting import plant
from agents.lifecycle import SESSION, TOOL_CALL
from agents.models import Session, ToolCall
from agents.money import settle_left_behind
from agents.moving import tend_recalls
from agents.prompts.watching import watch
from agents.schedules import fire
from agents.services import end_session
from agents.wake import wake
from approvals.claims import tend
from approvals.controls import lapsed
from approvals.lifecycle import OPEN
from approvals.models import ApprovalRequest
from approvals.services import due, expire
from audit.actors import SYSTEM
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import NOW, Batch, Change, Entry, Text
from audit.services import transition as write

MOST = 200  # rows of one sweep
LIVE = ("queued", "running", "waiting_approval", "waiting_input", "paused")


def sweep() -> int:
    """Do what is due; returns how many rows it moved."""
    return expire_requests() + expire_sessions() + tend() + plant() + settle_left_behind() + fire() + tend_recalls() + watch()


@transaction.atomic
def expire_requests() -> int:
    """Let requests run out, tell their calls, and wake their sessions."""
    requests = due(MOST)
    if not requests:
        return 0
    controls = lapsed(requests)
    changes, entries = expire(requests, {id_: one.facts for id_, one in controls.items()})
    by_call = {request.call_id: request for request in requests if request.call_id}
    calls = list(
        ToolCall.objects.select_for_update(no_key=True)
        .filter(id__in=by_call, status__in=["awaiting", "unknown"])
        .order_by("id")
    )
    for call in calls:
        change, entry = _unanswered(call, by_call[call.id])
        changes.append(change)
        entries.append(entry)
    ids = {request.session_id for request in requests if request.session_id}
    sessions = list(Session.objects.select_for_update(no_key=True).filter(id__in=ids, status__in=LIVE).order_by("id"))
    about = {request.session_id: request for request in requests if request.call_id is None}
    changes += [_woken(session, about.get(session.id)) for session in sessions]
    write([Batch(tuple(changes), (), tuple(entries)), *(one.batch for one in controls.values())])
    for session in sessions:
        wake(session.id)
    return len(requests)


def _unanswered(call: ToolCall, request: ApprovalRequest) -> tuple[Change, Entry]:
    """The call's one tool message: nobody answered, which is no refusal, and no permission."""
    lost = call.status == "unknown"
    text = Text(uuid7(), "result", words.gave_up("nobody answered in time, so the system") if lost else words.expired())
    values = {"result_id": text.id, "error_type": "unknown_outcome" if lost else "rejected", "ended_at": NOW}
    change = Change(TOOL_CALL, call.id, call.status, "resolve" if lost else "expire", values)
    kind = EventKind.TOOL_CALL_RESOLVED if lost else EventKind.TOOL_CALL_EXPIRED
    told = {"key": call.key, "tool": call.tool, "approval": request.ref}
    return change, Entry(
        f"session:{request.session_ref}", kind, SYSTEM, told, ids=(request.session_ref, request.ref), texts=(text,)
    )


def _woken(session: Session, request: ApprovalRequest | None) -> Change:
    """Let a session look again; `request` is what was asked about itself, if it was."""
    values = {"nudges": session.nudges + 1, "updated_at": NOW}
    if session.status in ("waiting_approval", "queued"):
        values["ready_at"] = NOW
    if request is not None and (notes := unanswered(request, session)):
        values["notes"] = notes
    event = "wake" if session.status == "waiting_approval" else "nudge"
    return Change(SESSION, session.id, session.status, event, values)


def expire_sessions() -> int:
    """End sessions past their time to live; one that runs is told to its worker."""
    ids = _past_their_time()
    for id_ in ids:
        _expire(id_)
    return len(ids)


def _past_their_time() -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM agents_session WHERE expires_at <= now() AND stop = '' AND status = ANY(%s) LIMIT %s",
            [list(LIVE), MOST],
        )
        return [id_ for (id_,) in cursor.fetchall()]


@transaction.atomic
def _expire(id_: UUID) -> None:
    requests = list(
        ApprovalRequest.objects.select_for_update(no_key=True).filter(session_id=id_, status__in=sorted(OPEN)).order_by("id")
    )
    session = Session.objects.select_for_update(of=("self",), no_key=True).select_related("agent").get(pk=id_)
    if session.ended or session.stop:
        return
    if session.status == "running":
        note = {"kind": "system", "id": "system", "name": "Countersign", "reason": "its time to live was over"}
        change = Change(
            SESSION, session.id, "running", "nudge", {"nudges": session.nudges + 1, "stop": "expire", "stop_note": note}
        )
        write(Batch((change,)))
        wake(session.id)
        return
    error = {"category": "timeout", "code": "session_expired", "detail": "The session's time to live was over."}
    end_session(session, "expire", actor=SYSTEM, reason="its time to live was over", requests=requests, error=error)
