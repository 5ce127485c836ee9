"""The history of tools' definitions: a worker that starts notes what came new or changed, as a row and an entry (TOOL-1).

A change of a tool is a deployment: what agents may do is another thing from then on, and an approval of the old definition no
longer fits. The document is what the tool declares; of its source only the hash is kept, so a change of nothing but code is
named `code`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import transaction

from agents.errors import AgentsError
from agents.models import ToolDefinition
from agents.starters import one_at_a_time
from agents.tools import registry
from agents.tools.definition import Tool
from audit.actors import SYSTEM
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Entry, record

DECLARED = (
    "description",
    "schema",
    "tier",
    "egress",
    "idempotent",
    "timeout_s",
    "summary",
    "consequence",
    "untrusted",
    "max_result",
)


SHORTEST = 16  # letters of a definition's hash that name it, as the page shows them


class UnknownDefinition(AgentsError):
    """The tool {name} never had the definition {definition}."""

    code: ClassVar[str] = "unknown_definition"


def note_definitions() -> list[ToolDefinition]:
    """Store every definition that is not the newest one of its tool, with an entry each; returns those that were stored."""
    with transaction.atomic():
        one_at_a_time("tool definitions")
        newest = {row.name: row for row in ToolDefinition.objects.order_by("name", "-id").distinct("name")}
        made = [
            _noted(tool, newest.get(name))
            for name, tool in registry.all_tools().items()
            if name not in newest or newest[name].definition != tool.definition
        ]
        if made:
            transaction.on_commit(index_soon)
        return made


def definitions(name: str, limit: int, *, before: Any = None) -> list[ToolDefinition]:
    """Return what a tool declared, the newest first; `before` is the id of the last one seen."""
    rows = ToolDefinition.objects.filter(name=name).order_by("-id")
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows[:limit])


def definition(name: str, hash_: str) -> ToolDefinition:
    """Return the newest row of a tool with a definition, named by its hash or the first sixteen letters. Raises UnknownDefinition."""
    found = ToolDefinition.objects.filter(name=name, definition__startswith=hash_).order_by("-id").first()
    if found is None or len(hash_) < SHORTEST:
        raise UnknownDefinition(name=name[:64], definition=hash_[:64])
    return found


def one_before(row: ToolDefinition) -> ToolDefinition:
    """Return the definition that a tool had before this one; the same where it is the first."""
    return ToolDefinition.objects.filter(name=row.name, id__lt=row.pk).order_by("-id").first() or row


def document_of(tool: Tool) -> dict[str, Any]:
    """Return what a tool declares, as it is kept."""
    found: dict[str, Any] = {name: getattr(tool, name) for name in DECLARED}
    radius = tool.blast_radius if isinstance(tool.blast_radius, str) else "computed"
    return {**found, "schema": dict(tool.schema), "scopes": sorted(tool.scopes), "blast_radius": radius}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs between two documents; `code` where nothing that is declared does."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name)) or ["code"]


def _noted(tool: Tool, before: ToolDefinition | None) -> ToolDefinition:
    document = document_of(tool)
    changed = changes(before.document, document) if before is not None else []
    row = ToolDefinition.objects.create(
        id=uuid7(), name=tool.name, definition=tool.definition, document=document, changed=changed
    )
    facts = {"definition": tool.definition, "before": before.definition if before else "", "changed": changed}
    record([Entry(f"tool:{tool.name}", EventKind.TOOL_REGISTERED, SYSTEM, facts, ids=(tool.name,))])
    return row
