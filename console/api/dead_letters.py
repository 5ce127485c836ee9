"""Dead letters over the API: the list, replaying and closing many in one go. The same service as the page's."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Self

from ninja import Query, Router, Schema
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from agents import dead_letters
from agents.guardrails.inputs import MAX_GOAL, MAX_MESSAGE
from agents.models import Session
from agents.services import get_session
from audit.errors import CountersignError
from console.api.endpoint import ApiRequest, endpoint
from console.api.errors import status_of, told
from console.api.paging import Paged, decode, encode
from console.api.problems import Problem
from console.api.reading import Body, Time, Word, storable
from console.api.session_shapes import SessionOut, shape, shapes
from console.rights import Right

router = Router(tags=["dead-letters"])
Ref = Annotated[str, StringConstraints(pattern=r"^S-[1-9][0-9]{0,17}$")]
Refs = Annotated[list[Ref], Field(min_length=1, max_length=dead_letters.MOST)]
Goal = Annotated[str, StringConstraints(max_length=MAX_GOAL), AfterValidator(storable)]
Instruction = Annotated[str, StringConstraints(max_length=MAX_MESSAGE), AfterValidator(storable)]
Note = Annotated[
    str,
    StringConstraints(min_length=3, max_length=dead_letters.LONGEST_NOTE, strip_whitespace=True),
    AfterValidator(storable),
]


class KeptOut(Schema):
    """How many dead letters failed for one reason, and when the oldest of them did."""

    category: str
    code: str
    count: int
    oldest: datetime


class LetterPage(Schema):
    """A page of dead letters, newest first, and how many there are of each kind."""

    items: list[SessionOut]
    kinds: list[KeptOut]
    next_cursor: str | None


class LetterQuery(Paged):
    """Filters of the list."""

    category: Word = ""
    code: Word = ""
    agent: Word = ""


class EveryOne(Body):
    """All dead letters of a filter that failed until a moment; of more than fifty those that failed first."""

    until: Time
    category: Word = ""
    code: Word = ""
    agent: Word = ""


class Chosen(Body):
    """Which dead letters: by their ids, or by a filter."""

    ids: Refs | None = None
    every: EveryOne | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ids is None) == (self.every is None):
            raise ValueError("either `ids` or `every` says which")
        return self

    def found(self) -> dead_letters.Every:
        """Return them, as many as one go takes."""
        if self.every is None:
            return dead_letters.Every(dead_letters.refs(self.ids or ()), 0)
        return dead_letters.every(**self.every.model_dump())


class Replay(Chosen):
    """Which dead letters go on, what their agents are told first, and whether with the agents as they are now.

    A `goal` takes the place of the goal that one dead letter has.
    """

    goal: Goal = ""
    instruction: Instruction = ""
    as_now: bool = False

    @model_validator(mode="after")
    def _one_goal(self) -> Self:
        if self.goal and len(self.ids or ()) != 1:
            raise ValueError("a goal belongs to one dead letter; name it in `ids`")
        return self


class Close(Chosen):
    """Which dead letters are closed for good, and why they are not worth a replay."""

    note: Note


class LetterResult(Schema):
    """What came of one dead letter: the session as it is now, or why nothing was done."""

    id: str
    session: SessionOut | None
    problem: Problem | None


class LetterResults(Schema):
    """One result for each dead letter, in the order of the set, and how many more there are of a filter."""

    items: list[LetterResult]
    left: int


@endpoint(router, "GET", "/dead-letters", right=Right.SEE, scope="sessions:read", answer=LetterPage, refuses=(422,))
def list_dead_letters(request: ApiRequest, page: Query[LetterQuery]) -> LetterPage:
    """List dead letters, newest first, with how many there are of each category and code."""
    key = decode("dead-letters", page.cursor)
    before = key[0] if key else None
    found = dead_letters.letters(category=page.category, code=page.code, agent=page.agent, before=before, limit=page.limit + 1)
    following = [found[page.limit - 1].number] if len(found) > page.limit else None
    kinds = [
        KeptOut(category=kind.category, code=kind.code, count=kind.count, oldest=kind.oldest) for kind in dead_letters.kept()
    ]
    items = shapes(request.auth, found[: page.limit])
    return LetterPage(items=items, kinds=kinds, next_cursor=encode("dead-letters", following))


@endpoint(
    router, "POST", "/dead-letters/replay", right=Right.RESTRAIN, scope="sessions:write", answer=LetterResults,
    refuses=(413, 415, 422), creates=True, apart=True,
)  # fmt: skip
def replay_dead_letters(request: ApiRequest, body: Replay) -> LetterResults:
    """Let dead letters go on from their last good turns, each in a transaction of its own, whatever came of the others."""
    caller = request.auth

    def act(row: Session) -> Session:
        return dead_letters.replay(
            session=row, actor=caller.actor(), user_id=caller.user_id, goal=body.goal, instruction=body.instruction,
            as_now=body.as_now,
        )  # fmt: skip

    return _each(request, body.found(), act)


@endpoint(
    router, "POST", "/dead-letters/close", right=Right.RESTRAIN, scope="sessions:write", answer=LetterResults,
    refuses=(413, 415, 422), creates=True, apart=True,
)  # fmt: skip
def close_dead_letters(request: ApiRequest, body: Close) -> LetterResults:
    """Close dead letters for good, each with the same note and an entry of its own."""
    return _each(request, body.found(), lambda row: dead_letters.close(session=row, actor=request.auth.actor(), note=body.note))


def _each(request: ApiRequest, chosen: dead_letters.Every, act: Callable[[Session], Session]) -> LetterResults:
    return LetterResults(items=[_result(request, ref, act) for ref in chosen.refs], left=chosen.left)


def _result(request: ApiRequest, ref: str, act: Callable[[Session], Session]) -> LetterResult:
    try:
        row = act(get_session(ref))
    except CountersignError as error:
        if status_of(error) >= 500:
            raise
        return LetterResult(id=ref, session=None, problem=Problem(**told(error)))
    return LetterResult(id=ref, session=shape(request.auth, row), problem=None)
