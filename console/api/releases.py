"""Where a prompt's traffic goes, over the API: releasing a version in shares, rolling back, and the history of both."""

from typing import Annotated, Literal
from uuid import UUID

from ninja import Query, Router, Schema, Status
from pydantic import Field

from agents.models import Release
from agents.prompts import asking, versions
from agents.prompts.rollback import rollback
from approvals import queries
from approvals.models import ApprovalRequest
from console.api.approvals import ApprovalOut, whole
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.prompts import PromptOut, ReleaseOut, prompt_shapes, release_shape
from console.api.reading import Body, Sentence, SlugPath, Word
from console.rights import Right

router = Router(tags=["prompts"])
Shown = Annotated[UUID | None, Field(description="A live release that was read; where it has ended, 409 and nothing changes")]


class ReleasePage(Schema):
    """A page of releases, newest first."""

    items: list[ReleaseOut]
    next_cursor: str | None


class Override(Body):
    """Why a version shall have traffic although its suites hold it back; only a person may say that."""

    reason: Annotated[Sentence, Field(min_length=10, max_length=500)]


class NewRelease(Body):
    """Which version gets which share of the sessions that start from now on."""

    version: Annotated[Word, Field(min_length=1, max_length=80)]
    share: Literal[5, 10, 25, 50, 100]
    reason: Annotated[Word, Field(max_length=200)] = ""
    shown: Shown = None
    override: Override | None = None


class NewRollback(Body):
    """Why, and what becomes of the sessions that run with the version that is left."""

    reason: Annotated[Sentence, Field(max_length=500)]
    running: Literal["finish", "move", "stop"] = "finish"
    shown: Shown = None


class RollbackOut(Schema):
    """What a rollback did: the version that was left, the one that has all traffic now, and how many sessions it meets."""

    version: str
    to: str
    running: str
    sessions: int


@endpoint(
    router, "GET", "/prompts/{slug}/releases", right=Right.SEE, scope="prompts:read", answer=ReleasePage, refuses=(404, 422)
)
def list_releases(request: ApiRequest, slug: SlugPath, page: Query[Paged]) -> ReleasePage:
    """List what a prompt's traffic went to, newest first."""
    rows = (
        Release.objects.filter(prompt=versions.prompt_named(slug))
        .select_related("version")
        .defer("version__text")
        .order_by("-id")
    )
    if key := decode("releases", page.cursor):
        rows = rows.filter(id__lt=key[0])
    found = list(rows[: page.limit + 1])
    following = [str(found[page.limit - 1].pk)] if len(found) > page.limit else None
    return ReleasePage(items=[release_shape(row) for row in found[: page.limit]], next_cursor=encode("releases", following))


@endpoint(
    router, "POST", "/prompts/{slug}/releases", right=Right.EDIT_PROMPTS, scope="prompts:write", answer=PromptOut, status=201,
    waits=ApprovalOut, refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def release_prompt(request: ApiRequest, slug: SlugPath, body: NewRelease) -> PromptOut | Status[ApprovalOut]:
    """Send a share of the new sessions to a version that its suites let pass. 202: a second person was asked, by this request."""
    caller, said = request.auth, body.override.reason if body.override else ""
    given = body.model_dump(exclude={"override"})
    done = asking.send(slug=slug, actor=caller.actor(), user_id=caller.user_id, override=said, **given)
    if isinstance(done, ApprovalRequest):
        return Status(202, whole(caller, queries.get(done.ref)))
    return prompt_shapes([done.prompt])[0]


@endpoint(
    router, "POST", "/prompts/{slug}/releases/withdraw", right=Right.EDIT_PROMPTS, scope="prompts:write", answer=ApprovalOut,
    refuses=(404, 409, 422),
)  # fmt: skip
def withdraw_release(request: ApiRequest, slug: SlugPath) -> ApprovalOut:
    """Take back the release that waits for a second person."""
    caller = request.auth
    return whole(caller, queries.get(asking.take_back(slug=slug, actor=caller.actor()).ref))


@endpoint(
    router, "POST", "/prompts/{slug}/rollback", right=Right.ROLL_BACK_PROMPTS, scope="prompts:write", answer=RollbackOut,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def roll_back_prompt(request: ApiRequest, slug: SlugPath, body: NewRollback) -> RollbackOut:
    """Restore the release before. Running sessions finish, move to it or stop, before their next question to a model."""
    done = rollback(slug=slug, actor=request.auth.actor(), **body.model_dump())
    return RollbackOut(version=done.left.version, to=done.to.version, running=done.running, sessions=done.sessions)
