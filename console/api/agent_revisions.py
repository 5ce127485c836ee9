"""The revisions of agents over the API: reading them, how two differ, and making an earlier one current again."""

import json
from datetime import datetime
from typing import Annotated, Any

from ninja import Query, Router, Schema
from pydantic import Field

from agents import revisions
from agents.models import AgentRevision
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Against, Body, NumberPath, SlugPath, Word
from console.diff import line_diff
from console.rights import Right

router = Router(tags=["agents"])


class AgentRevisionOut(Schema):
    """One revision of an agent; its document is as it was stored."""

    number: int
    document: dict[str, Any]
    checksum: str
    note: str
    created_by: str
    created_at: datetime
    current: bool


class AgentRevisions(Schema):
    """Revisions of an agent, newest first."""

    items: list[AgentRevisionOut]
    next_cursor: str | None


class RevisionDifference(Schema):
    """How one revision differs from another: changed lines of the documents, with + or - before them."""

    number: int
    against: int
    added: int
    removed: int
    too_big: bool
    lines: list[str]


class RestoreAgent(Body):
    """Why an earlier revision is made current again."""

    note: Annotated[Word, Field(min_length=3, max_length=200)]
    base: Annotated[int, Field(ge=1, lt=2**31, description="The revision that was read; another one gives 409")] | None = None


@endpoint(
    router, "GET", "/agents/{slug}/revisions", right=Right.SEE, scope="agents:read", answer=AgentRevisions, refuses=(404, 422)
)
def list_agent_revisions(request: ApiRequest, slug: SlugPath, page: Query[Paged]) -> AgentRevisions:
    """List an agent's revisions, newest first."""
    key = decode("agent-revisions", page.cursor)
    rows = revisions.revisions(slug, page.limit + 1, before=int(key[0]) if key else None)
    following = [rows[page.limit - 1].number] if len(rows) > page.limit else None
    return AgentRevisions(items=[_shape(row) for row in rows[: page.limit]], next_cursor=encode("agent-revisions", following))


@endpoint(
    router, "GET", "/agents/{slug}/revisions/{number}", right=Right.SEE, scope="agents:read", answer=AgentRevisionOut,
    refuses=(404, 422),
)  # fmt: skip
def get_agent_revision(request: ApiRequest, slug: SlugPath, number: NumberPath) -> AgentRevisionOut:
    """Return one revision of an agent."""
    return _shape(revisions.revision(slug, number))


@endpoint(
    router, "GET", "/agents/{slug}/revisions/{number}/difference", right=Right.SEE, scope="agents:read",
    answer=RevisionDifference, refuses=(404, 422),
)  # fmt: skip
def compare_agent_revisions(request: ApiRequest, slug: SlugPath, number: NumberPath, against: Against) -> RevisionDifference:
    """Compare a revision with another one of the agent."""
    before, after = (document_text(revisions.revision(slug, one)) for one in (against, number))
    diff = line_diff(before, after, context=0)
    marks = {"add": "+", "del": "-"}
    lines = [marks[row.kind] + "".join(part.text for part in row.segments) for row in diff.rows if row.kind in marks]
    return RevisionDifference(
        number=number, against=against, added=diff.added, removed=diff.removed, too_big=diff.too_big, lines=lines
    )


@endpoint(
    router, "POST", "/agents/{slug}/revisions/{number}/restore", right=Right.ADMINISTER, scope="agents:write",
    answer=AgentRevisionOut, status=201, refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def restore_agent(request: ApiRequest, slug: SlugPath, number: NumberPath, body: RestoreAgent) -> AgentRevisionOut:
    """Make an earlier revision current again, as a new one. Sessions that run stay with theirs."""
    return _shape(revisions.restore(slug=slug, number=number, base=body.base, note=body.note, actor=request.auth.actor()))


def document_text(row: AgentRevision) -> str:
    """Return a revision's document as lines that can be compared."""
    return json.dumps(row.document, indent=2, ensure_ascii=False)


def _shape(row: AgentRevision) -> AgentRevisionOut:
    names = ("number", "document", "checksum", "note", "created_by", "created_at", "current")
    return AgentRevisionOut(**{name: getattr(row, name) for name in names})
