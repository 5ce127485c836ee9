"""One turn of a session as it was, for the page and the API: what its model was given, what it said, and what became of it.

Raw texts are there only for those who may read the session's; sensitive values of its calls are covered for everybody.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from agents import replay
from agents.models import Session, ToolCall, Turn
from agents.replay import Given
from approvals.models import ApprovalRequest, Decision
from approvals.sensitive import UNREAD, Mask
from audit.content import read_texts
from audit.retention.deletions import why_gone
from console.auth import Caller
from console.covering import covered_texts, mask_of_session, places_in
from console.revealing import reveals_session


@dataclass(frozen=True, slots=True)
class Message:
    """One message that a model was given: who said it in the model's eyes, its text, and the calls that it planned."""

    role: str
    text: str
    calls: tuple[dict[str, str], ...] = ()  # {id, tool, arguments}
    answers: str = ""  # the id of the call that a tool message answers


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was made for a call, and what people said of it, oldest first."""

    request: ApprovalRequest
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A call with its texts, as they may be read, and the requests that were made for it."""

    call: ToolCall
    raw: str
    arguments: str
    result: str
    judgement: Mapping[str, Any]
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class TurnStory:
    """A turn, whole. Without `revealed` every text in it is empty."""

    turn: Turn
    given: Given
    revealed: bool
    answer: str = ""
    messages: tuple[Message, ...] = ()
    outcomes: tuple[Outcome, ...] = field(default=())


def turn_story(caller: Caller, session: Session, turn: Turn) -> TurnStory:
    """Return a turn as the caller may see it, in a fixed number of queries."""
    given = replay.given(turn)
    revealed = reveals_session(caller, session_id=session.pk, started_user=session.started_user)
    calls = list(ToolCall.objects.filter(turn=turn).order_by("index"))
    mask, hiding = mask_of_session(session.pk)
    texts: dict[UUID, str] = {}
    if revealed:
        ids = [id_ for call in calls for id_ in (call.raw_id, call.arguments_id, call.result_id) if id_]
        texts = covered_texts(calls, _told([*ids, *([turn.text_id] if turn.text_id else [])], session), mask)
    asked = _asked(calls)
    return TurnStory(
        turn=turn,
        given=given,
        revealed=revealed,
        answer=_text(texts, turn.text_id),
        messages=covered(given.messages, mask, hiding) if revealed else (),
        outcomes=tuple(_outcome(call, texts, mask, asked.get(call.pk, ()), revealed) for call in calls),
    )


def _told(ids: Sequence[UUID], session: Session) -> dict[UUID, str]:
    """Return texts, and of those that were deleted what is told of them."""
    texts = read_texts(ids)
    missing = [id_ for id_ in ids if id_ not in texts]
    return {**texts, **dict.fromkeys(missing, why_gone(f"session:{session.ref}"))} if missing else texts


def _text(texts: Mapping[UUID, str], id_: UUID | None) -> str:
    return texts.get(id_, "") if id_ else ""


def _outcome(call: ToolCall, texts: Mapping[UUID, str], mask: Mask, asked: tuple[Asked, ...], revealed: bool) -> Outcome:
    left_out = () if revealed else ("changes", "origins")
    judgement = {name: value for name, value in call.judgement.items() if name not in left_out}
    return Outcome(
        call,
        _text(texts, call.raw_id),
        _text(texts, call.arguments_id),
        _text(texts, call.result_id),
        mask.value(judgement),
        asked,
    )


def _asked(calls: Sequence[ToolCall]) -> dict[UUID, tuple[Asked, ...]]:
    requests = list(ApprovalRequest.objects.filter(call_id__in=[call.pk for call in calls]).defer("body").order_by("number"))
    said: dict[UUID, list[Decision]] = defaultdict(list)
    for decision in Decision.objects.filter(request__in=requests).order_by("created_at") if requests else ():
        said[decision.request_id].append(decision)
    found: dict[UUID, list[Asked]] = defaultdict(list)
    for row in requests:
        if row.call_id is not None:
            found[row.call_id].append(Asked(row, tuple(said[row.pk])))
    return {call: tuple(rows) for call, rows in found.items()}


def covered(messages: Sequence[Mapping[str, Any]], mask: Mask, hiding: Sequence[ToolCall]) -> tuple[Message, ...]:
    """Return messages as people may see them: `hiding` are the session's calls of tools with sensitive fields."""
    refused = {call.provider_id for call in hiding if call.arguments_id is None}
    return tuple(_message(message, mask, refused) for message in messages)


def _message(message: Mapping[str, Any], mask: Mask, refused: set[str]) -> Message:
    planned = tuple(_planned(call, mask, refused) for call in message.get("tool_calls", ()))
    text = mask.document(message.get("content") or "")
    return Message(str(message["role"]), text, planned, str(message.get("tool_call_id", "")))


def _planned(call: Mapping[str, Any], mask: Mask, refused: set[str]) -> dict[str, str]:
    tool, arguments = call["function"]["name"], call["function"]["arguments"]
    # What could not be validated may hold a sensitive value anywhere.
    shown = (
        UNREAD if call["id"] in refused else mask.document(arguments, places_in(tool, arguments) if _object(arguments) else ())
    )
    return {"id": call["id"], "tool": tool, "arguments": shown}


def _object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
