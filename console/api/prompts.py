"""Prompts over the API: their immutable versions, and which of them gets traffic."""

from datetime import datetime
from typing import Any

from ninja import Query, Router, Schema

from agents.models import Prompt, PromptVersion, Release
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import SlugPath
from console.auth import Caller
from console.errors import UnknownPrompt
from console.readings import note_reading
from console.revealing import may_read_prompts
from console.rights import Right

router = Router(tags=["prompts"])


class ReleaseOut(Schema):
    """Traffic that goes to a version."""

    version: str
    share: int
    reason: str
    by: str
    started_at: datetime


class PromptOut(Schema):
    """A prompt and where its traffic goes now."""

    slug: str
    created_at: datetime
    releases: list[ReleaseOut]


class PromptPage(Schema):
    """A page of prompts, by slug."""

    items: list[PromptOut]
    next_cursor: str | None


class VersionOut(Schema):
    """One immutable version. Text and variables are null for those who may not read prompts."""

    version: str
    text: str | None
    variables: dict[str, Any] | None
    parameters: dict[str, Any]
    checksum: str
    note: str
    author: str
    created_at: datetime


class VersionPage(Schema):
    """A page of versions, newest first."""

    items: list[VersionOut]
    next_cursor: str | None


@endpoint(router, "GET", "/prompts", right=Right.SEE, scope="prompts:read", answer=PromptPage, refuses=(422,))
def list_prompts(request: ApiRequest, page: Query[Paged]) -> PromptPage:
    """List prompts, by slug."""
    rows = Prompt.objects.order_by("slug")
    if key := decode("prompts", page.cursor):
        rows = rows.filter(slug__gt=key[0])
    found = list(rows[: page.limit + 1])
    following = [found[page.limit - 1].slug] if len(found) > page.limit else None
    return PromptPage(items=_shapes(found[: page.limit]), next_cursor=encode("prompts", following))


@endpoint(router, "GET", "/prompts/{slug}", right=Right.SEE, scope="prompts:read", answer=PromptOut, refuses=(404, 422))
def get_prompt(request: ApiRequest, slug: SlugPath) -> PromptOut:
    """Return one prompt and where its traffic goes now."""
    return _shapes([_prompt(slug)])[0]


@endpoint(
    router, "GET", "/prompts/{slug}/versions", right=Right.SEE, scope="prompts:read", answer=VersionPage, refuses=(404, 422)
)
def list_prompt_versions(request: ApiRequest, slug: SlugPath, page: Query[Paged]) -> VersionPage:
    """List a prompt's versions, newest first."""
    rows = PromptVersion.objects.filter(prompt=_prompt(slug)).order_by("-created_at", "-id")
    if key := decode("versions", page.cursor):
        last = PromptVersion.objects.get(pk=key[0])
        rows = rows.filter(created_at__lte=last.created_at).exclude(created_at=last.created_at, id__gte=last.pk)
    found = list(rows[: page.limit + 1])
    following = [str(found[page.limit - 1].pk)] if len(found) > page.limit else None
    return VersionPage(items=_versions(request.auth, slug, found[: page.limit]), next_cursor=encode("versions", following))


def _prompt(slug: str) -> Prompt:
    prompt = Prompt.objects.filter(slug=slug).first()
    if prompt is None:
        raise UnknownPrompt(slug=slug)
    return prompt


def _shapes(prompts: list[Prompt]) -> list[PromptOut]:
    rows = Release.objects.filter(prompt__in=prompts, ended_at=None).select_related("version").order_by("-share", "started_at")
    live: dict[Any, list[ReleaseOut]] = {}
    for row in rows:
        out = ReleaseOut(
            version=row.version.version, share=row.share, reason=row.reason, by=row.released_by, started_at=row.started_at
        )
        live.setdefault(row.prompt_id, []).append(out)
    return [PromptOut(slug=one.slug, created_at=one.created_at, releases=live.get(one.pk, [])) for one in prompts]


def _versions(caller: Caller, slug: str, rows: list[PromptVersion]) -> list[VersionOut]:
    """Return versions, their texts only for those who may read them, which is noted."""
    reads = may_read_prompts(caller)
    if reads and rows:
        note_reading(caller, [f"prompt {slug}"])
    return [_version(row) if reads else _version(row).model_copy(update={"text": None, "variables": None}) for row in rows]


def _version(row: PromptVersion) -> VersionOut:
    names = ("version", "text", "variables", "parameters", "checksum", "note", "author", "created_at")
    return VersionOut(**{name: getattr(row, name) for name in names})
