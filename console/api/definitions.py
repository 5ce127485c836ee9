"""The history of tools' definitions over the API: what each declared, since when, and what changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Query, Router, Schema

from agents.tools import definitions, registry
from approvals.errors import UnknownTool
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import ToolPath
from console.rights import Right

router = Router(tags=["tools"])


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
    if registry.get(name) is None:
        raise UnknownTool(name=name)
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
