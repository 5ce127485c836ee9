"""Arguments that people see only once they ask to: how a tool's model marks them, and where they stand in a call. Pure.

A mark is a member of the field's JSON Schema, `"sensitive": true` or the word that people use for it, `"sensitive":
"IBAN"`; so it is part of the tool's definition, and a change of it is a change of the tool.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import Field

from agents.tools.definition import Tool
from approvals.sensitive import Place, at, read_json

T = TypeVar("T")
Sensitive = Annotated[T, Field(json_schema_extra={"sensitive": True})]
"""`iban: Sensitive[str]` marks a field whose own name says what it is."""


def sensitive_places(tool: Tool, *documents: str) -> tuple[Place, ...]:
    """Return where a call holds sensitive values, over all forms of its arguments that are given as JSON."""
    if not tool.sensitive:
        return ()
    found: dict[tuple[str, ...], Place] = {}
    for document in documents:
        found |= {place.parts: place for place in places(tool.schema, read_json(document))}
    return tuple(found.values())


def same_where_sensitive(tool: Tool, one: Any, other: Any) -> bool:
    """Say whether two calls of a tool have equal values in all sensitive fields: who saw the one has seen the other's."""
    found = [{place.parts: at(value, place.parts) for place in places(tool.schema, value)} for value in (one, other)]
    return not tool.sensitive or found[0] == found[1]


def places(schema: Mapping[str, Any], arguments: Any) -> Iterator[Place]:
    """Give the places of `arguments` that the schema marks as sensitive and that hold something."""
    yield from _places([schema], arguments, schema, ())


def _places(nodes: Sequence[Any], value: Any, root: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[Place]:
    if value in (None, "", [], {}):
        return
    nodes = [part for node in nodes for part in _with_referred(node, root, ())]
    marked = next((node["sensitive"] for node in nodes if node.get("sensitive")), None)
    if marked:
        named = [part for part in at if not part.isdigit()] or ["value"]
        yield Place(at, marked if isinstance(marked, str) else named[-1].replace("_", " ").capitalize())
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _places(_members(nodes, str(name)), part, root, (*at, str(name)))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _places(_items(nodes, index), part, root, (*at, str(index)))


def _with_referred(node: Any, root: Mapping[str, Any], seen: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    """Give a schema and all that it refers to: a value counts as sensitive where any form of it is."""
    if not isinstance(node, Mapping):
        return
    yield node
    reference = str(node.get("$ref", ""))
    if reference and reference not in seen:
        name = reference.removeprefix("#/$defs/")
        yield from _with_referred(root.get("$defs", {}).get(name), root, (*seen, reference))
    for key in ("allOf", "anyOf", "oneOf"):
        for part in node.get(key, ()):
            yield from _with_referred(part, root, seen)


def _members(nodes: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [
        node["properties"][name] if name in node.get("properties", {}) else node.get("additionalProperties") for node in nodes
    ]


def _items(nodes: Sequence[Mapping[str, Any]], index: int) -> list[Any]:
    first = [node["prefixItems"][index] for node in nodes if index < len(node.get("prefixItems", ()))]
    return first or [node.get("items") for node in nodes]
