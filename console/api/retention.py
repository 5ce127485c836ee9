"""How long raw content is kept, over the API: rules, holds, and deletions that people ask for."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Path, Query, Router, Schema
from pydantic import Field

from agents import erasure
from audit.retention import deletions, holds, rules
from audit.retention.classes import CLASSES, LONGEST_DAYS
from audit.retention.models import Deletion, Hold
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, Sentence, Word
from console.errors import NotFound
from console.rights import Right

router = Router(tags=["audit"])
ClassName = Annotated[str, Path(pattern=r"^[a-z_]{1,40}$", examples=["result"])]
By = Literal["session", "tenant", "on_behalf_of", "principal"]


class RetentionOut(Schema):
    """One class of raw content; `days` is null where its texts are kept for ever. `deleted` counts texts so far."""

    cls: str
    told: str
    days: int | None
    revision: int
    deleted: int
    set_by: str
    set_at: datetime | None


class RetentionList(Schema):
    """All classes that can be given days."""

    items: list[RetentionOut]


class SetRetention(Body):
    """How many days; null for ever. `revision` is the one that was shown."""

    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] | None
    revision: Annotated[int, Field(ge=0, le=2**31)] = 0


class HoldOut(Schema):
    """What is kept whatever its age and whoever asks."""

    id: UUID
    scope: Literal["session", "principal"]
    whose: str
    reason: str
    placed_by: str
    placed_at: datetime
    lifted_by: str
    lifted_at: datetime | None


class HoldList(Schema):
    """The holds that stand, the newest first."""

    items: list[HoldOut]


class NewHold(Body):
    """What to keep: a session, or all that a principal started or that ran on a name's behalf; and why."""

    scope: Literal["session", "principal"]
    whose: Annotated[Word, Field(min_length=1)]
    reason: Annotated[Sentence, Field(max_length=holds.LONGEST_REASON)]


class WhoseTexts(Body):
    """Whose texts: a session, a tenant, a name that sessions ran on behalf of, or a principal that started them."""

    by: By
    whose: Annotated[Word, Field(min_length=1)]


class DeletionPreview(Schema):
    """What would go and what would stay; `token` names exactly this. Sessions that are open or held stand in the way."""

    sessions: list[str]
    more: bool
    open: list[str]
    held: list[str]
    texts: dict[str, int]
    goes: dict[str, int]
    stays: dict[str, int]
    token: str


class NewDeletion(WhoseTexts):
    """The deletion of what a preview showed, and why."""

    token: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    reason: Annotated[Sentence, Field(max_length=deletions.LONGEST_REASON)]


class DeletionOut(Schema):
    """A deletion that somebody asked for. `beside` says what else was deleted, and what was left elsewhere."""

    number: int
    asked: dict[str, str]
    reason: str
    texts: int
    classes: dict[str, int]
    beside: dict[str, int]
    by: str
    at: datetime


class DeletionPage(Schema):
    """Deletions, the newest first."""

    items: list[DeletionOut]
    next_cursor: str | None


@endpoint(router, "GET", "/audit/content/rules", right=Right.READ_AUDIT, scope="audit:read", answer=RetentionList)
def list_retention(request: ApiRequest) -> RetentionList:
    """List the classes of raw content and how long each is kept."""
    return RetentionList(items=[RetentionOut(**one) for one in classes()])


@endpoint(
    router, "PUT", "/audit/content/rules/{cls}", right=Right.ADMINISTER, scope="audit:write", answer=RetentionOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def set_retention(request: ApiRequest, cls: ClassName, body: SetRetention) -> RetentionOut:
    """Say how many days texts of a class are kept. What is over is deleted within minutes, for good."""
    if cls not in CLASSES:
        raise NotFound
    rules.set_rule(cls=cls, days=body.days, revision=body.revision, actor=request.auth.actor())
    return next(RetentionOut(**one) for one in classes() if one["cls"] == cls)


@endpoint(router, "GET", "/audit/content/holds", right=Right.READ_AUDIT, scope="audit:read", answer=HoldList)
def list_holds(request: ApiRequest) -> HoldList:
    """List the holds that stand."""
    return HoldList(items=[_hold(row) for row in holds.holds()])


@endpoint(
    router, "POST", "/audit/content/holds", right=Right.ADMINISTER, scope="audit:write", answer=HoldOut, status=201,
    refuses=(409, 413, 415, 422), creates=True,
)  # fmt: skip
def place_hold(request: ApiRequest, body: NewHold) -> HoldOut:
    """Keep what was said, whatever its age and whoever asks, until the hold is lifted."""
    return _hold(holds.place(actor=request.auth.actor(), **body.model_dump()))


@endpoint(
    router, "POST", "/audit/content/holds/{hold_id}/lift", right=Right.ADMINISTER, scope="audit:write", answer=HoldOut,
    refuses=(404, 422),
)  # fmt: skip
def lift_hold(request: ApiRequest, hold_id: UUID) -> HoldOut:
    """Lift a hold; what was due meanwhile is deleted within minutes."""
    return _hold(holds.lift(id_=hold_id, actor=request.auth.actor()))


@endpoint(
    router, "POST", "/audit/content/deletions/preview", right=Right.ADMINISTER, scope="audit:write", answer=DeletionPreview,
    refuses=(413, 415, 422),
)  # fmt: skip
def preview_deletion(request: ApiRequest, body: WhoseTexts) -> DeletionPreview:
    """Say what a deletion would take and what it would leave; nothing is deleted."""
    found = erasure.find(body.by, body.whose)
    return DeletionPreview(
        sessions=list(found.sessions), more=found.more, open=list(found.open), held=list(found.held), texts=dict(found.texts),
        goes=dict(found.goes), stays=dict(found.stays), token=found.token,
    )  # fmt: skip


@endpoint(
    router, "POST", "/audit/content/deletions", right=Right.ADMINISTER, scope="audit:write", answer=DeletionOut, status=201,
    refuses=(409, 413, 415, 422), creates=True,
)  # fmt: skip
def delete_content(request: ApiRequest, body: NewDeletion) -> DeletionOut:
    """Delete for good what a preview showed. The log stays whole and says so."""
    return _deletion(erasure.erase(actor=request.auth.actor(), **body.model_dump()))


@endpoint(
    router, "GET", "/audit/content/deletions", right=Right.READ_AUDIT, scope="audit:read", answer=DeletionPage, refuses=(422,)
)
def list_deletions(request: ApiRequest, page: Query[Paged]) -> DeletionPage:
    """List deletions that somebody asked for."""
    key = decode("deletions", page.cursor)
    rows = deletions.newest(page.limit + 1, before=int(key[0]) if key else None)
    following = [rows[page.limit - 1].number] if len(rows) > page.limit else None
    return DeletionPage(items=[_deletion(row) for row in rows[: page.limit]], next_cursor=encode("deletions", following))


def classes() -> list[dict[str, Any]]:
    """Return every class with its rule, for page and API."""
    set_ = rules.rules()
    found = []
    for cls, told in CLASSES.items():
        row = set_.get(cls)
        found.append({
            "cls": cls, "told": told, "days": row.days if row else None, "revision": row.revision if row else 0,
            "deleted": row.deleted if row else 0, "set_by": row.set_name if row else "", "set_at": row.set_at if row else None,
        })  # fmt: skip
    return found


def _hold(row: Hold) -> HoldOut:
    copied = ("id", "scope", "whose", "reason", "placed_at", "lifted_at")
    return HoldOut(placed_by=row.placed_name, lifted_by=row.lifted_name, **{name: getattr(row, name) for name in copied})


def _deletion(row: Deletion) -> DeletionOut:
    copied = ("number", "asked", "reason", "texts", "classes", "beside", "at")
    return DeletionOut(by=row.by_name, **{name: getattr(row, name) for name in copied})
