"""A session's timeline over the API: messages, turns, tool calls, waits and decisions, in the order in which they began.

Read from the rows that the log's entries stand for; texts only for those who may read them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from ninja import Schema

from agents.models import Message, Session, ToolCall, Turn
from agents.waits import parked
from approvals.models import ApprovalRequest, Decision
from audit.content import read_texts
from console.api.paging import Paged, decode, encode
from console.api.session_shapes import Waits
from console.auth import Caller
from console.covering import covered_texts, mask_of_session
from console.readings import note_reading
from console.revealing import reveals_session


class Item(Schema):
    """One thing that happened. Which members are filled depends on `type`."""

    type: Literal["message", "turn", "tool_call", "wait", "decision"]
    at: datetime
    until: datetime | None = None
    duration_ms: int | None = None
    text: str | None = None
    by: str = ""
    trust: str = ""
    number: int | None = None
    model: str = ""
    prompt_version: str = ""
    finish_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    tool: str = ""
    tier: str = ""
    status: str = ""
    key: str = ""
    arguments: str | None = None
    raw_arguments: str | None = None
    result: str | None = None
    error_type: str = ""
    judgement: dict[str, Any] | None = None
    waits: Waits | None = None  # of a wait for what nobody decides: what for; `reason` says why
    reason: str = ""
    approval: str | None = None
    verdict: str = ""
    revision: int | None = None
    summarises: int | None = None  # of a summary: how many earlier steps it stands for


class Timeline(Schema):
    """A part of the timeline, oldest first."""

    items: list[Item]
    next_cursor: str | None


def timeline(caller: Caller, session: Session, page: Paged) -> Timeline:
    """Return the part of a session's timeline that the page asks for."""
    key = decode("timeline", page.cursor)
    start = int(key[0]) if key else 0
    # A session is bounded by its limits on turns and calls; its rows without texts are read whole and ordered here.
    found = sorted([*_rows(session.id), *_kept(session.ref)], key=lambda row: (row[0], row[1]))
    part = found[start : start + page.limit]
    following = [start + page.limit] if len(found) > start + page.limit else None
    allowed = reveals_session(caller, session_id=session.id, started_user=session.started_user)
    if allowed and session.started_user != caller.user_id:
        note_reading(caller, [session.ref])
    texts = _texts(session.id, part) if allowed else {}
    items = [Item(**{**row[2], **{name: texts.get(id_) for name, id_ in row[3].items()}}) for row in part]
    if not allowed:
        items = [_without_words(item) for item in items]
    return Timeline(items=items, next_cursor=encode("timeline", following))


Row = tuple[datetime, int, dict[str, Any], dict[str, UUID]]


def _texts(session_id: UUID, part: Sequence[Row]) -> dict[UUID, str]:
    """Return the texts of a part of the timeline, without the values of sensitive fields."""
    texts = read_texts([id_ for row in part for id_ in row[3].values()])
    mask, calls = mask_of_session(session_id)
    return covered_texts(calls, texts, mask)


def _rows(session_id: UUID) -> Iterator[Row]:
    for message in Message.objects.filter(session_id=session_id):
        facts = {
            "type": "message",
            "at": message.created_at,
            "by": message.author_name or message.source,
            "trust": message.trust,
            "summarises": message.summarises,
        }
        yield message.created_at, 0, facts, _ids(text=message.text_id)
    for turn in Turn.objects.filter(session_id=session_id):
        yield _began(turn), 1, _turn(turn), _ids(text=turn.text_id)
    for call in ToolCall.objects.filter(session_id=session_id):
        ids = _ids(arguments=call.arguments_id, raw_arguments=call.raw_id, result=call.result_id)
        yield call.started_at or call.created_at, 2, _call(call), ids
    for request in ApprovalRequest.objects.filter(session_id=session_id).defer("body"):
        yield request.created_at, 3, _wait(request), {}
    for decision in Decision.objects.filter(request__session_id=session_id).select_related("request").defer("request__body"):
        yield decision.created_at, 4, _decision(decision), {}


def _kept(ref: str) -> Iterator[Row]:
    """The times that it was put back for money, a rate, a model or a tool; `until` is when it was to look again."""
    for one in parked(ref):
        times = {"at": one.at, "until": one.at + timedelta(seconds=one.seconds)}
        yield one.at, 3, {"type": "wait", **times, "waits": one.kind, "reason": one.reason}, {}


def _without_words(item: Item) -> Item:
    """Return an item whose judgement no longer tells what a reviewer changed, nor the titles that values come from."""
    judgement = {name: value for name, value in (item.judgement or {}).items() if name not in ("changes", "origins")}
    return item.model_copy(update={"judgement": judgement or None})


def _ids(**ids: UUID | None) -> dict[str, UUID]:
    return {name: id_ for name, id_ in ids.items() if id_ is not None}


def _turn(row: Turn) -> dict[str, Any]:
    names = (
        "number",
        "model",
        "prompt_version",
        "finish_reason",
        "input_tokens",
        "output_tokens",
        "cost_microusd",
        "duration_ms",
    )
    times = {"at": _began(row), "until": row.created_at}
    return {"type": "turn", **times, **{name: getattr(row, name) for name in names}}


def _began(row: Turn) -> datetime:
    # A turn is written once the model has answered; its calls may start with the same stroke.
    return row.created_at - timedelta(milliseconds=row.duration_ms)


def _call(row: ToolCall) -> dict[str, Any]:
    names = ("tool", "tier", "status", "key", "error_type", "judgement", "trust", "duration_ms")
    times = {"at": row.started_at or row.created_at, "until": row.ended_at}
    return {"type": "tool_call", **times, **{name: getattr(row, name) for name in names}}


def _wait(row: ApprovalRequest) -> dict[str, Any]:
    times = {"at": row.created_at, "until": row.decided_at}
    return {"type": "wait", **times, "approval": row.ref, "status": row.status, "tool": row.tool, "tier": row.tier}


def _decision(row: Decision) -> dict[str, Any]:
    facts = {"by": row.decided_name, "verdict": row.verdict, "revision": row.revision, "approval": row.request.ref}
    return {"type": "decision", "at": row.created_at, **facts}
