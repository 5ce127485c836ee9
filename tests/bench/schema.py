"""What both loops send to the model: the same prompt and the same tools schema."""

from typing import Any

PROMPT = "You research questions in the company's document library. " * 6


def _function(name: str, description: str, *fields: str) -> dict[str, Any]:
    properties = {field: {"type": "string"} for field in fields}
    parameters = {"additionalProperties": False, "properties": properties, "required": list(fields), "type": "object"}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS: list[Any] = [
    _function("bench_look_up", "Look something up.", "query"),
    _function("bench_compute", "Compute an expression.", "expression"),
    _function("bench_send", "Send a letter.", "to", "body"),
]
