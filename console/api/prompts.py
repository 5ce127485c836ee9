"""Prompts over the API: reading them, their immutable versions, and how two of these differ. Traffic: `console.api.releases`."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models.functions import Length
from ninja import Query, Router, Schema
from pydantic import Field

from agents.models import Prompt, PromptVersion, Release
from agents.prompts import asking, versions
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, SlugPath, Text, VersionPath, Word
from console.auth import Caller
from console.diff import line_diff
from console.readings import note_reading
from console.revealing import may_read_prompts
from console.rights import Right

router = Router(tags=["prompts"])
PAGE_LETTERS = 1_000_000
VersionName = Annotated[str, Query(max_length=80, examples=["1.0.0"])]


class ReleaseOut(Schema):
    """Traffic that goes, or went, to a version."""

    id: str
    version: str
    share: int
    status: str
    reason: str
    by: str
    started_at: datetime
    ended_at: datetime | None


class PromptOut(Schema):
    """A prompt and where its traffic goes now."""

    slug: str
    created_at: datetime
    releases: list[ReleaseOut]
    awaits: str | None = Field(default=None, description="The request by which a release waits for a second person")


class PromptPage(Schema):
    """A page of prompts, by slug."""

    items: list[PromptOut]
    next_cursor: str | None


class VersionOut(Schema):
    """One immutable version. Text and variables are null for those who may not read prompts."""

    version: str
    status: str
    text: str | None
    variables: dict[str, Any] | None
    parameters: dict[str, Any]
    checksum: str
    parent: str | None
    note: str
    author: str
    created_at: datetime


class VersionPage(Schema):
    """A page of versions, newest first."""

    items: list[VersionOut]
    next_cursor: str | None


class NewVersion(Body):
    """A version; without a number it gets the one that the kind of change proposes."""

    text: Text
    note: Annotated[Word, Field(min_length=3)]
    version: Annotated[Word, Field(max_length=80)] = ""
    parent: Annotated[Word, Field(max_length=80, description="The version it was made from; empty for the newest")] = ""
    variables: dict[str, Any] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)


class VersionDifference(Schema):
    """How one version differs from another: lines, and what else they fix. `too_big`: only the counts were made."""

    version: str
    against: str
    added: int
    removed: int
    too_big: bool
    lines: list[str] = Field(description="Changed lines, with + or - before them")
    variables: bool
    parameters: bool


@endpoint(router, "GET", "/prompts", right=Right.SEE, scope="prompts:read", answer=PromptPage, refuses=(422,))
def list_prompts(request: ApiRequest, page: Query[Paged]) -> PromptPage:
    """List prompts, by slug."""
    rows = Prompt.objects.order_by("slug")
    if key := decode("prompts", page.cursor):
        rows = rows.filter(slug__gt=key[0])
    found = list(rows[: page.limit + 1])
    following = [found[page.limit - 1].slug] if len(found) > page.limit else None
    return PromptPage(items=prompt_shapes(found[: page.limit]), next_cursor=encode("prompts", following))


@endpoint(router, "GET", "/prompts/{slug}", right=Right.SEE, scope="prompts:read", answer=PromptOut, refuses=(404, 422))
def get_prompt(request: ApiRequest, slug: SlugPath) -> PromptOut:
    """Return one prompt and where its traffic goes now."""
    return prompt_shapes([versions.prompt_named(slug)])[0]


@endpoint(
    router, "GET", "/prompts/{slug}/versions", right=Right.SEE, scope="prompts:read", answer=VersionPage, refuses=(404, 422)
)
def list_prompt_versions(request: ApiRequest, slug: SlugPath, page: Query[Paged]) -> VersionPage:
    """List a prompt's versions, newest first. A page ends early where their texts have come to a million characters."""
    rows = PromptVersion.objects.filter(prompt=versions.prompt_named(slug)).order_by("-created_at", "-id")
    if key := decode("versions", page.cursor):
        last = PromptVersion.objects.get(pk=key[0])
        rows = rows.filter(created_at__lte=last.created_at).exclude(created_at=last.created_at, id__gte=last.pk)
    weights = list(rows.annotate(weight=Length("text")).values_list("pk", "weight")[: page.limit + 1])
    count = min(page.limit, _carried([weight for _, weight in weights]))
    following = [str(weights[count - 1][0])] if len(weights) > count else None
    found = rows.filter(pk__in=[id_ for id_, _ in weights[:count]]).select_related("parent").defer("parent__text")
    return VersionPage(items=_versions(request.auth, slug, list(found)), next_cursor=encode("versions", following))


@endpoint(
    router, "POST", "/prompts/{slug}/versions", right=Right.EDIT_PROMPTS, scope="prompts:write", answer=VersionOut, status=201,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def create_prompt_version(request: ApiRequest, slug: SlugPath, body: NewVersion) -> VersionOut:
    """Save a version as a draft. It never changes any more, and has no traffic until it is released."""
    caller = request.auth
    row = versions.add_version(slug=slug, actor=caller.actor(), user_id=caller.user_id, **body.model_dump())
    return _versions(caller, slug, [row])[0]


@endpoint(
    router, "GET", "/prompts/{slug}/versions/{version}", right=Right.SEE, scope="prompts:read", answer=VersionOut,
    refuses=(404, 422),
)  # fmt: skip
def get_prompt_version(request: ApiRequest, slug: SlugPath, version: VersionPath) -> VersionOut:
    """Return one version."""
    return _versions(request.auth, slug, [versions.version_named(slug, version)])[0]


@endpoint(
    router, "GET", "/prompts/{slug}/versions/{version}/difference", right=Right.REVEAL_PROMPTS, scope="prompts:read",
    answer=VersionDifference, refuses=(404, 422),
)  # fmt: skip
def compare_prompt_versions(
    request: ApiRequest, slug: SlugPath, version: VersionPath, against: VersionName
) -> VersionDifference:
    """Compare a version with another one of the prompt."""
    before, after = versions.version_named(slug, against), versions.version_named(slug, version)
    note_reading(request.auth, [f"prompt {slug} {version}", f"prompt {slug} {against}"])
    diff = line_diff(before.text, after.text, context=0)
    marks = {"add": "+", "del": "-"}
    lines = [marks[row.kind] + "".join(part.text for part in row.segments) for row in diff.rows if row.kind in marks]
    return VersionDifference(
        version=version, against=against, added=diff.added, removed=diff.removed, too_big=diff.too_big, lines=lines,
        variables=before.variables != after.variables, parameters=before.parameters != after.parameters,
    )  # fmt: skip


@endpoint(
    router, "POST", "/prompts/{slug}/versions/{version}/propose", right=Right.EDIT_PROMPTS, scope="prompts:write",
    answer=VersionOut, refuses=(404, 409, 422),
)  # fmt: skip
def propose_prompt_version(request: ApiRequest, slug: SlugPath, version: VersionPath) -> VersionOut:
    """Make a draft a candidate: its author says that it is ready."""
    return _moved(request.auth, slug, version, "propose")


@endpoint(
    router, "POST", "/prompts/{slug}/versions/{version}/retire", right=Right.EDIT_PROMPTS, scope="prompts:write",
    answer=VersionOut, refuses=(404, 409, 422),
)  # fmt: skip
def retire_prompt_version(request: ApiRequest, slug: SlugPath, version: VersionPath) -> VersionOut:
    """Set a draft or candidate aside. It stays readable."""
    return _moved(request.auth, slug, version, "retire")


def prompt_shapes(prompts: list[Prompt]) -> list[PromptOut]:
    """Return prompts with where their traffic goes now."""
    rows = Release.objects.filter(prompt__in=prompts, ended_at=None).select_related("version").defer("version__text")
    live: dict[Any, list[ReleaseOut]] = {}
    for row in rows.order_by("-share", "id"):
        live.setdefault(row.prompt_id, []).append(release_shape(row))
    waiting = asking.waiting_of([one.slug for one in prompts])
    return [
        PromptOut(slug=one.slug, created_at=one.created_at, releases=live.get(one.pk, []), awaits=waiting.get(one.slug))
        for one in prompts
    ]


def release_shape(row: Release) -> ReleaseOut:
    """Return one release."""
    names = ("share", "status", "reason", "started_at", "ended_at")
    return ReleaseOut(
        **{name: getattr(row, name) for name in names}, id=str(row.pk), version=row.version.version, by=row.released_by
    )


def _moved(caller: Caller, slug: str, version: str, event: str) -> VersionOut:
    asking.move(slug=slug, version=version, event=event, actor=caller.actor())
    return _versions(caller, slug, [versions.version_named(slug, version)])[0]


def _versions(caller: Caller, slug: str, rows: list[PromptVersion]) -> list[VersionOut]:
    """Return versions, their texts only for those who may read them, which is noted."""
    reads = may_read_prompts(caller)
    if reads and rows:
        note_reading(caller, [f"prompt {slug}"])
    return [_version(row) if reads else _version(row).model_copy(update={"text": None, "variables": None}) for row in rows]


def _carried(weights: list[int]) -> int:
    """Return how many of the texts go into one page: the first in any case."""
    return sum(1 for at, _ in enumerate(weights) if at == 0 or sum(weights[: at + 1]) <= PAGE_LETTERS)


def _version(row: PromptVersion) -> VersionOut:
    names = ("version", "status", "text", "variables", "parameters", "checksum", "note", "author", "created_at")
    return VersionOut(**{name: getattr(row, name) for name in names}, parent=row.parent.version if row.parent else None)
