"""The turns of a session over the API: each with what its model was given, what it answered, and what became of its calls."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Path, Query, Router, Schema
from pydantic import Field

from agents import replay, services
from agents.models import Turn
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import SessionRef
from console.readings import note_reading
from console.rights import Right
from console.turns import Message, Outcome, TurnStory, turn_story

router = Router(tags=["sessions"])
TurnPath = Annotated[int, Path(ge=1, le=10**9, examples=[3])]


class TurnLine(Schema):
    """A turn in short, without its texts."""

    number: int
    at: datetime
    model: str
    instead_of: str | None
    prompt_version: str
    finish_reason: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost_microusd: int
    duration_ms: int


class TurnPage(Schema):
    """Turns of a session, oldest first."""

    items: list[TurnLine]
    next_cursor: str | None


class PlannedOut(Schema):
    """A call as it stands in what the model was given."""

    id: str
    tool: str
    arguments: str


class MessageOut(Schema):
    """A message that the model was given; `answers` is the id of the call that a tool's message answers."""

    role: str
    text: str
    calls: list[PlannedOut]
    answers: str


class GivenOut(Schema):
    """What the model was given: `messages` is null for those who may not read the session's texts."""

    model: str
    messages: list[MessageOut] | None
    count: int
    tokens: int = Field(description="Estimated, without the tools")
    omitted: int = Field(description="Steps left out for length")
    room: int = Field(description="Tokens that the context may have")
    window: int | None = Field(description="Tokens that the model reads, where that is known")
    tools: list[str]


class SaidOut(Schema):
    """What one person said of a request. `instruction` is null for those who may not read."""

    by: str
    verdict: str
    revision: int
    at: datetime
    voided: str
    instruction: str | None


class AskedOut(Schema):
    """A request that was made for a call."""

    approval: str
    status: str
    decisions: list[SaidOut]


class CallOut(Schema):
    """A call: as the model wrote it, as it was checked, how it was judged, what people said, what came of it."""

    key: str
    tool: str
    tier: str
    status: str
    edited: bool
    dry: bool
    trust: str
    judgement: dict[str, Any]
    raw_arguments: str | None
    arguments: str | None
    result: str | None
    error_type: str
    duration_ms: int | None
    asked: list[AskedOut]


class TurnOut(TurnLine):
    """A turn, whole."""

    given: GivenOut
    answer: str | None
    outcomes: list[CallOut]


@endpoint(router, "GET", "/sessions/{ref}/turns", right=Right.SEE, scope="sessions:read", answer=TurnPage, refuses=(404, 422))
def list_turns(request: ApiRequest, ref: SessionRef, page: Query[Paged]) -> TurnPage:
    """List a session's turns, oldest first."""
    key = decode("turns", page.cursor)
    found = replay.turns_of(services.get_session(ref), first=int(key[0]) + 1 if key else 1, limit=page.limit + 1)
    following = [found[page.limit - 1].number] if len(found) > page.limit else None
    return TurnPage(items=[TurnLine(**_line(row)) for row in found[: page.limit]], next_cursor=encode("turns", following))


@endpoint(
    router, "GET", "/sessions/{ref}/turns/{number}", right=Right.SEE, scope="sessions:read", answer=TurnOut, refuses=(404, 422)
)
def get_turn(request: ApiRequest, ref: SessionRef, number: TurnPath) -> TurnOut:
    """Return a turn as it was: what its model was given, assembled once more from what stood before it, and what followed."""
    session, caller = services.get_session(ref), request.auth
    told = turn_story(caller, session, replay.turn_of(session, number))
    if told.revealed and session.started_user != caller.user_id:
        note_reading(caller, [session.ref])
    return _shape(told)


def _line(row: Turn) -> dict[str, Any]:
    names = ("number", "model", "instead_of", "prompt_version", "finish_reason", "calls", "input_tokens", "output_tokens",
             "cost_microusd", "duration_ms")  # fmt: skip
    return {"at": row.created_at, **{name: getattr(row, name) for name in names}}


def _shape(told: TurnStory) -> TurnOut:
    given = told.given
    return TurnOut(
        **_line(told.turn),
        given=GivenOut(
            model=given.model, messages=[message_shape(one) for one in told.messages] if told.revealed else None, count=len(given.messages),
            tokens=given.tokens, omitted=given.omitted, room=given.room, window=given.window, tools=list(given.tools),
        ),
        answer=told.answer if told.revealed else None,
        outcomes=[_call(one, revealed=told.revealed) for one in told.outcomes],
    )  # fmt: skip


def message_shape(one: Message) -> MessageOut:
    """Return a message that a model was given."""
    return MessageOut(role=one.role, text=one.text, calls=[PlannedOut(**call) for call in one.calls], answers=one.answers)


def _call(one: Outcome, *, revealed: bool) -> CallOut:
    names = ("key", "tool", "tier", "status", "edited", "dry", "trust", "error_type", "duration_ms")
    return CallOut(
        **{name: getattr(one.call, name) for name in names},
        raw_arguments=one.raw if revealed else None, arguments=one.arguments if revealed else None,
        result=one.result if revealed else None, judgement=dict(one.judgement),
        asked=[
            AskedOut(
                approval=asked.request.ref, status=asked.request.status,
                decisions=[
                    SaidOut(by=said.decided_name, verdict=said.verdict, revision=said.revision, at=said.created_at,
                            voided=said.voided, instruction=(said.instruction or said.answer) if revealed else None)
                    for said in asked.decisions
                ],
            )
            for asked in one.asked
        ],
    )  # fmt: skip
