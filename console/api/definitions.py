"""The history of tools' definitions over the API: what each declared, what changed, and the suites to run again for that."""

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Path, Query, Router, Schema

from agents.evals import staleness
from agents.models import ToolDefinition
from agents.tools import definitions, registry
from approvals.errors import UnknownTool
from console.api.endpoint import ApiRequest, endpoint
from console.api.eval_runs import RunOut, run_shapes
from console.api.paging import Paged, decode, encode
from console.api.reading import ToolPath
from console.diff import line_diff
from console.rights import Right

router = Router(tags=["tools"])
HASH = r"^[0-9a-f]{16,64}$"
DefinitionPath = Annotated[str, Path(pattern=HASH, examples=["9f2c4b7d0e8a1c35"])]
Against = Annotated[
    str, Query(pattern=HASH, description="The definition to compare with; the one before it where none is named")
]


class DefinitionOut(Schema):
    """One definition of a tool. `changed` names what differs from the one before; `code` where only the code does."""

    definition: str
    since: datetime
    changed: list[str]
    document: dict[str, Any]


class Definitions(Schema):
    """Definitions of a tool, newest first."""

    items: list[DefinitionOut]
    next_cursor: str | None


@endpoint(
    router, "GET", "/tools/{name}/definitions", right=Right.SEE, scope="tools:read", answer=Definitions, refuses=(404, 422)
)
def list_tool_definitions(request: ApiRequest, name: ToolPath, page: Query[Paged]) -> Definitions:
    """List what a tool declared of itself, newest first, from when workers first ran it."""
    _known(name)
    key = decode("tool-definitions", page.cursor)
    rows = definitions.definitions(name, page.limit + 1, before=UUID(str(key[0])) if key else None)
    following = [str(rows[page.limit - 1].pk)] if len(rows) > page.limit else None
    return Definitions(
        items=[
            DefinitionOut(definition=row.definition, since=row.created_at, changed=row.changed, document=row.document)
            for row in rows[: page.limit]
        ],
        next_cursor=encode("tool-definitions", following),
    )


class DefinitionDifference(Schema):
    """How one definition differs from another: changed lines of the documents, with + or - before them.

    `changed` names what differs; `code` where only the code does.
    """

    definition: str
    against: str
    changed: list[str]
    added: int
    removed: int
    too_big: bool
    lines: list[str]


@endpoint(
    router, "GET", "/tools/{name}/definitions/{definition}/difference", right=Right.SEE, scope="tools:read",
    answer=DefinitionDifference, refuses=(404, 422),
)  # fmt: skip
def compare_tool_definitions(
    request: ApiRequest, name: ToolPath, definition: DefinitionPath, against: Against | None = None
) -> DefinitionDifference:
    """Compare a definition with another one of the tool, by their hashes or the first sixteen letters of those."""
    _known(name)
    after = definitions.definition(name, definition)
    before = definitions.definition(name, against) if against else definitions.one_before(after)
    diff = line_diff(document_text(before), document_text(after), context=0)
    marks = {"add": "+", "del": "-"}
    lines = [marks[row.kind] + "".join(part.text for part in row.segments) for row in diff.rows if row.kind in marks]
    same = before.definition == after.definition
    return DefinitionDifference(
        definition=after.definition, against=before.definition, too_big=diff.too_big, added=diff.added, removed=diff.removed,
        changed=[] if same else definitions.changes(before.document, after.document), lines=lines,
    )  # fmt: skip


def document_text(row: ToolDefinition) -> str:
    """Return a definition's document as lines that can be compared."""
    return json.dumps(row.document, indent=2, ensure_ascii=False, sort_keys=True)


class UsingOut(Schema):
    """A suite whose agent has the tool. `run` is its newest run with the live version, `stale` where that says nothing any more."""

    suite: str
    title: str
    agent: str
    prompt: str
    version: str
    run: str
    stale: bool


class UsingSuites(Schema):
    """The suites that use a tool, by name, at most fifty."""

    items: list[UsingOut]


class StartedRuns(Schema):
    """Runs that were started."""

    items: list[RunOut]


@endpoint(router, "GET", "/tools/{name}/suites", right=Right.SEE, scope="tools:read", answer=UsingSuites, refuses=(404, 422))
def list_tool_suites(request: ApiRequest, name: ToolPath) -> UsingSuites:
    """List the suites that use a tool, and whether they were run since it was declared anew."""
    _known(name)
    names = ("suite", "title", "agent", "prompt", "version", "stale")
    found = staleness.using(name)
    return UsingSuites(items=[UsingOut(**{key: getattr(one, key) for key in names}, run=one.ref) for one in found])


@endpoint(
    router, "POST", "/tools/{name}/suites/runs", right=Right.EDIT_PROMPTS, scope="evals:write", answer=StartedRuns, status=201,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def run_tool_suites(request: ApiRequest, name: ToolPath) -> StartedRuns:
    """Have the suites that use a tool played against the versions that are live; what waits or plays already goes on."""
    _known(name)
    return StartedRuns(items=run_shapes(staleness.run_using(tool=name, actor=request.auth.actor())))


def _known(name: str) -> None:
    if registry.get(name) is None:
        raise UnknownTool(name=name)
