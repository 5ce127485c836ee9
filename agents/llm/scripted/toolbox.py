"""PURE: fits what the scripted model wants to pass into the arguments a tool declares.

The model knows ideas ("to", "body", "document"); the JSON schema in the request says how the
tool calls them and whether it wants a list. So the researcher works with tools it never saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.llm.scripted.answer import AnswerCall, call

_WORDS: Mapping[str, tuple[str, ...]] = {
    "query": ("query", "q", "search", "terms", "question", "text", "key"),
    "document": ("document", "document_id", "slug", "id", "name", "title", "path", "key"),
    "to": ("to", "recipients", "recipient", "address", "addresses", "email"),
    "subject": ("subject", "title", "headline", "name"),
    "body": ("body", "text", "content", "message", "note", "markdown", "value"),
    "path": ("path", "file", "filename", "name"),
    "key": ("key", "name", "topic", "title"),
    "value": ("value", "fact", "text", "content", "body", "note"),
    "expression": ("expression", "formula", "expr", "query", "text"),
    "url": ("url", "link", "address"),
    "question": ("question", "text", "prompt", "message", "body"),
}


def fit(tool: Mapping[str, Any], wanted: Mapping[str, Any]) -> AnswerCall:
    """Return a call of this tool that carries the wanted ideas in the tool's own words."""
    schema = tool.get("parameters") or {}
    properties: Mapping[str, Any] = schema.get("properties") or {}
    arguments: dict[str, Any] = {}
    for idea, value in wanted.items():
        names = (idea, *_WORDS.get(idea, ()))
        name = next((word for word in names if word in properties and word not in arguments), None)
        if name is None and not properties:
            name = idea
        if name is not None:
            arguments[name] = _shape(value, properties.get(name) or {}, schema)
    for name in schema.get("required") or ():
        if name not in arguments:
            arguments[name] = _filler(properties.get(name) or {}, schema)
    return call(str(tool.get("name", "")), arguments)


def property_for(tool: Mapping[str, Any], idea: str) -> str:
    """Return the tool's own word for an idea; the idea itself where it declares none."""
    properties = (tool.get("parameters") or {}).get("properties") or {}
    return next((word for word in (idea, *_WORDS.get(idea, ())) if word in properties), idea)


def _shape(value: Any, declared: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """Return the value as the declared type wants it: a list, a text, a number."""
    kinds = _kinds(declared, schema)
    if "array" in kinds and "string" not in kinds:
        return list(value) if isinstance(value, list | tuple) else [value]
    if isinstance(value, list | tuple) and "array" not in kinds:
        return ", ".join(str(item) for item in value)
    if "integer" in kinds and isinstance(value, str) and value.isdigit():
        return int(value)
    if "string" in kinds and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _kinds(declared: Mapping[str, Any], schema: Mapping[str, Any]) -> set[str]:
    declared = _resolve(declared, schema)
    kinds = {str(declared["type"])} if isinstance(declared.get("type"), str) else set()
    for option in declared.get("anyOf") or declared.get("oneOf") or ():
        kinds |= _kinds(option, schema)
    return kinds


def _filler(declared: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """Return something valid for a required argument nobody has an idea for."""
    declared = _resolve(declared, schema)
    if "default" in declared:
        return declared["default"]
    if declared.get("enum"):
        return declared["enum"][0]
    fillers: Mapping[str, Any] = {"integer": 1, "number": 1, "boolean": False, "array": [], "object": {}}
    return fillers.get(str(declared.get("type")), "as requested")


def _resolve(declared: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = str(declared.get("$ref", ""))
    if not reference:
        return declared
    return (schema.get("$defs") or {}).get(reference.rsplit("/", 1)[-1]) or {}
