"""The raw content of a request: arguments with their origins, reasoning, the question, what was changed.

It is put together for those alone who may read it; everybody else gets the sentence that says so.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agents.tools import registry
from approvals.facts import Origin
from approvals.models import ApprovalRequest
from audit.content import read_texts
from console.formats import microusd
from console.revealing import marks_of
from console.views.origins import told

LABELS: Mapping[str, str] = {"why": "What is known", "key": "Idempotency key"}
"""Facts of a request whose own name does not say it."""
NOTHING: Mapping[str, Any] = {
    "hidden": True,
    "reasoning": "",
    "reasoning_note": "Your role does not read raw content.",
    "arguments": [],
    "canonical": "{}",
    "raw": "{}",
    "changes": [],
    "question": "",
}


def content(row: ApprovalRequest, reveal: bool) -> dict[str, Any]:
    """Return what is raw: reasoning, arguments, question; or why it is not shown."""
    if not reveal:
        return {**NOTHING, "taint": marks_of(row.taint, revealed=False)}
    texts = read_texts([id_ for id_ in (row.reasoning_id, row.raw_arguments_id) if id_])
    arguments = json.loads(bytes(row.body)).get("arguments") or {}
    changes = row.facts.get("changed") or []
    origins = [Origin(**part) for part in row.facts.get("origins") or ()]
    lines = [argument(name, value, changes, origins, tainted=bool(row.taint)) for name, value in _ordered(row.tool, arguments)]
    return {
        "hidden": False,
        "reasoning": texts.get(row.reasoning_id, "") if row.reasoning_id else "",
        "reasoning_note": "" if row.reasoning_id else "The model gave no reason.",
        "arguments": lines,
        "tainted_arguments": [line["name"] for line in lines if line["foreign"]],
        "canonical": json.dumps(arguments, ensure_ascii=False),
        "raw": texts.get(row.raw_arguments_id, "") if row.raw_arguments_id else "",
        "changes": [*changes, *_edits(row)],
        "question": _question(row),
        "evidence": _evidence(row),
    }


def argument(
    name: str, value: object, changes: Sequence[Mapping[str, Any]], origins: Sequence[Origin], *, tainted: bool
) -> dict[str, Any]:
    """Return one line of the table of arguments: what is sent, what the model wrote, where it comes from."""
    mine = [origin for origin in origins if origin.path.split(".")[0] == name]
    raw = next((change.get("before") for change in changes if change.get("path") == name and not change.get("added")), None)
    return {
        "name": name,
        "value": _plain(value),
        "raw": "" if raw is None else raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False),
        "origins": told(mine, tainted=tainted),
        "foreign": any(origin.untrusted for origin in mine),
        "checks": [{"ok": True, "text": "Fits the schema"}],
        "failed": any(origin.untrusted for origin in mine),
    }


def _plain(value: object) -> object:
    """Return a list of texts as its lines, which read better than JSON; everything else as it is."""
    texts = isinstance(value, list) and bool(value) and all(isinstance(part, str) and "\n" not in part for part in value)
    return "\n".join(value) if texts and isinstance(value, list) else value


def _ordered(tool: str, arguments: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the arguments in the order of the tool's schema, which is that of reading; the bytes sort them otherwise."""
    found = registry.get(tool)
    places = {name: place for place, name in enumerate(found.schema.get("properties", {}) if found else ())}
    return sorted(arguments.items(), key=lambda pair: places.get(pair[0], len(places)))


def _edits(row: ApprovalRequest) -> list[dict[str, Any]]:
    return [change for decision in row.decisions.all() if decision.verdict == "edit" for change in decision.difference]


def _question(row: ApprovalRequest) -> str:
    for name in ("question", "detail", "text", "message"):
        if said := row.facts.get(name):
            return str(said)
    return "" if row.kind in ("tool_call", "unknown_outcome") else row.summary


def _evidence(row: ApprovalRequest) -> list[dict[str, Any]]:
    if row.kind == "tool_call":
        # From the bound bytes, so that what a title or a path means is shown as it will be compared.
        holds = json.loads(bytes(row.body)).get("precondition")
        return [{"label": "Must still hold when it runs", "value": holds, "mono": True}] if holds else []
    shown = {name: value for name, value in row.facts.items() if name not in {"question", "detail", "text", "message", "call"}}
    return [
        {"label": LABELS.get(name, name.replace("_", " ").capitalize()), "value": _said(name, value), "mono": True}
        for name, value in shown.items()
        if value not in (None, "", [], {})
    ]


def _said(name: str, value: object) -> str:
    if name.endswith("_microusd") and isinstance(value, int):
        return microusd(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
