"""What a tool declared of itself, from when workers first ran it, and what changed each time."""

import json
from typing import Any

from django.http import HttpRequest

from agents.models import ToolDefinition
from agents.tools.definitions import definitions
from console.diff import line_diff
from console.formats import middle

SHOWN = 20


def history(request: HttpRequest, name: str) -> dict[str, Any]:
    """Return a tool's newest definitions, and how the one that is asked for differs from the one before it."""
    rows = definitions(name, SHOWN + 1)
    asked = request.GET.get("definition", "")[:64]
    place = next((at for at, row in enumerate(rows[:SHOWN]) if row.definition[:16] == asked), -1)
    before = rows[place + 1] if 0 <= place < len(rows) - 1 else None
    return {
        "definitions": [
            {"name": row.definition[:16], "shown": middle(row.definition, 8, 8), "at": row.created_at, "current": at == place,
             "what": ", ".join(row.changed).replace("_", " ").capitalize() if row.changed else "First seen", "more": bool(row.changed)}
            for at, row in enumerate(rows[:SHOWN])
        ],
        "definition_diff": line_diff(_text(before), _text(rows[place])) if before is not None else None,
    }  # fmt: skip


def _text(row: ToolDefinition) -> str:
    return json.dumps(row.document, indent=2, ensure_ascii=False, sort_keys=True)
