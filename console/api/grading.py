"""Grading over the API: what waits, taking one item, grading or skipping it. The services of the pages."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Path, Query, Router, Schema
from pydantic import Field

from agents.grading import items
from agents.grading.document import LONGEST_NOTE
from agents.models import Grade, GradingItem
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, Sentence, Word
from console.auth import Caller
from console.grading import ItemStory, item_story, note_item
from console.revealing import grader_of
from console.rights import Right

router = Router(tags=["evaluations"])
ItemPath = Annotated[str, Path(pattern=r"^G-[1-9][0-9]{0,14}$", examples=["G-12"])]
REFUSES = (404, 409, 422)
Note = Annotated[Word, Field(max_length=LONGEST_NOTE)]


class GradingItemOut(Schema):
    """A session or result that is graded; `of` is S-88123, or a run with its case and repeat."""

    id: str
    of: str
    agent: str
    rubric: str
    revision: int
    status: Literal["waiting", "graded", "skipped"]
    grades: int
    claimed_by: str
    claimed_until: datetime | None
    skipped_reason: str
    created_at: datetime


class GradingItemPage(Schema):
    """A page of items, the oldest first."""

    items: list[GradingItemOut]
    next_cursor: str | None


class GradeOut(Schema):
    """What a person or the judge gave; of each the newest."""

    by_kind: Literal["person", "judge"]
    by: str
    scores: dict[str, int]
    notes: dict[str, str]
    created_at: datetime


class ReadMessage(Schema):
    """One message of what is graded."""

    role: str
    text: str
    calls: list[dict[str, str]]
    answers: str


class GradingItemWhole(GradingItemOut):
    """An item with its rubric and conversation.

    `messages` is null for those who may not read it. `given` holds the grades of others and of the judge only once one has
    given one's own, `hidden` counts those that are not shown yet.
    """

    document: dict[str, Any]
    messages: list[ReadMessage] | None
    given: list[GradeOut]
    hidden: int


class ItemsWhich(Paged):
    """A page of items in one state, of one agent or of all."""

    status: Literal["waiting", "graded", "skipped"] = "waiting"
    agent: Annotated[Word, Field(max_length=63)] = ""


class WhichNext(Body):
    """Of which agent; of any where none is named."""

    agent: Annotated[Word, Field(max_length=63)] = ""


class SkipBody(Body):
    """Why it is not graded."""

    reason: Annotated[Sentence, Field(max_length=500)]


class NewGrade(Body):
    """A step of its scale for each criterion, 1 the worst, and a note where one likes."""

    scores: Annotated[dict[str, int], Field(max_length=20)]
    notes: Annotated[dict[str, Note], Field(max_length=20)] = {}


@endpoint(router, "GET", "/evals/grading/items", right=Right.SEE, scope="evals:read", answer=GradingItemPage, refuses=(422,))
def list_grading_items(request: ApiRequest, which: Query[ItemsWhich]) -> GradingItemPage:
    """List what waits to be graded, was graded, or was skipped, the oldest first."""
    key = decode("grading_items", which.cursor)
    found = items.waiting(
        which.limit + 1, grader=None, after=int(key[0]) if key else 0, status=which.status, agent=which.agent
    )  # fmt: skip
    following = [str(found[which.limit - 1].number)] if len(found) > which.limit else None
    rows = [GradingItemOut(**_item(row)) for row in found[: which.limit]]
    return GradingItemPage(items=rows, next_cursor=encode("grading_items", following))


@endpoint(
    router,
    "GET",
    "/evals/grading/items/{item}",
    right=Right.SEE,
    scope="evals:read",
    answer=GradingItemWhole,
    refuses=(404, 422),
)
def get_grading_item(request: ApiRequest, item: ItemPath) -> GradingItemWhole:
    """Return one item with what is graded, its rubric, and the grades that one may be shown."""
    return _whole(request.auth, items.item_named(item))


@endpoint(
    router, "POST", "/evals/grading/next", right=Right.GRADE, scope="evals:write", answer=GradingItemWhole,
    refuses=(*REFUSES, 413, 415),
)  # fmt: skip
def take_next_item(request: ApiRequest, body: WhichNext) -> GradingItemWhole:
    """Take the oldest item that nobody has in hand, for half an hour; the one that one has already, where there is one."""
    return _whole(request.auth, items.next_item(grader=grader_of(request.auth), agent=body.agent))


@endpoint(
    router, "POST", "/evals/grading/items/{item}/claim", right=Right.GRADE, scope="evals:write", answer=GradingItemWhole,
    refuses=REFUSES,
)  # fmt: skip
def claim_grading_item(request: ApiRequest, item: ItemPath) -> GradingItemWhole:
    """Take an item in hand for half an hour, so that nobody else grades it by accident."""
    return _whole(request.auth, items.claim(ref=item, grader=grader_of(request.auth)))


@endpoint(
    router, "POST", "/evals/grading/items/{item}/release", right=Right.GRADE, scope="evals:write", answer=GradingItemOut,
    refuses=REFUSES,
)  # fmt: skip
def release_grading_item(request: ApiRequest, item: ItemPath) -> GradingItemOut:
    """Give an item back without a grade."""
    return GradingItemOut(**_item(items.release(ref=item, grader=grader_of(request.auth))))


@endpoint(
    router, "POST", "/evals/grading/items/{item}/skip", right=Right.GRADE, scope="evals:write", answer=GradingItemOut,
    refuses=(*REFUSES, 413, 415),
)  # fmt: skip
def skip_grading_item(request: ApiRequest, item: ItemPath, body: SkipBody) -> GradingItemOut:
    """Say why an item is not graded; it does not come up again."""
    return GradingItemOut(**_item(items.skip(ref=item, reason=body.reason, grader=grader_of(request.auth))))


@endpoint(
    router, "POST", "/evals/grading/items/{item}/grades", right=Right.GRADE, scope="evals:write", answer=GradingItemWhole,
    status=201, refuses=(*REFUSES, 413, 415), creates=True,
)  # fmt: skip
def grade_item(request: ApiRequest, item: ItemPath, body: NewGrade) -> GradingItemWhole:
    """Grade an item; a second time it is a correction. Then the grades of others and of the judge are shown."""
    items.give(ref=item, scores=body.scores, notes=body.notes, grader=grader_of(request.auth))
    return _whole(request.auth, items.item_named(item))


def _item(row: GradingItem) -> dict[str, Any]:
    names = ("status", "grades", "claimed_until", "skipped_reason", "created_at")
    return {
        **{name: getattr(row, name) for name in names}, "id": row.ref, "of": row.subject, "agent": row.rule.agent.slug,
        "rubric": row.rubric.slug, "revision": row.rubric.revision, "claimed_by": row.claimed_name,
    }  # fmt: skip


def _whole(caller: Caller, row: GradingItem) -> GradingItemWhole:
    story = item_story(caller, row)
    if story.revealed:
        note_item(caller, row)
    return GradingItemWhole(
        **_item(row), document=row.rubric.document, messages=_messages(story), given=[_grade(one) for one in story.grades],
        hidden=story.others,
    )  # fmt: skip


def _messages(story: ItemStory) -> list[ReadMessage] | None:
    if not story.revealed:
        return None
    return [ReadMessage(role=one.role, text=one.text, calls=list(one.calls), answers=one.answers) for one in story.messages]


def _grade(row: Grade) -> GradeOut:
    names = ("by_kind", "scores", "notes", "created_at")
    return GradeOut(**{name: getattr(row, name) for name in names}, by=row.name)
