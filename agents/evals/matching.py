"""Values against what is said of them: arguments of a call against conditions, an answer against a schema. Pure.

The schema is the part of JSON Schema that says what a plain document looks like; a keyword beyond it is refused where it is
written, instead of being taken as said.
"""

import json
from collections.abc import Mapping
from typing import Any

MISSING = object()
DEEPEST = 20
KEYWORDS = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "minimum", "maximum", "minLength",
     "maxLength", "minItems", "maxItems", "title", "description"}
)  # fmt: skip
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "null": (type(None),),
    "number": (int, float), "integer": (int,),
}  # fmt: skip


def at(value: Any, path: str) -> Any:
    """Return what stands at a dotted path; MISSING where nothing does."""
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and len(part) < 6 and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


def like(text: str, pattern: str) -> bool:
    """Return whether a text is a pattern in which * stands for anything; in time that grows with the text alone."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    if not text.startswith(first):
        return False
    place, last = len(first), rest.pop()
    for part in rest:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(text) - len(last) >= place and text.endswith(last)


def wrong(value: Any, said: Mapping[str, Any]) -> str:
    """Return which condition a value does not meet, in words; empty where it meets all."""
    if said.get("absent"):
        return "" if value is MISSING else "to be absent"
    if said.get("absent") is False and value is MISSING:
        return "to be there"
    for name, wanted in said.items():
        if name == "absent" or wanted is None:
            continue
        if not _holds(name, value, wanted):
            return f"{_WORDS[name]} {told(list(wanted) if name == 'one_of' else wanted)}"
    if "equals" in said and said["equals"] is None and value is not None:
        return "to be null"
    return ""


_WORDS = {
    "equals": "to be",
    "contains": "to contain",
    "like": "to be like",
    "one_of": "to be one of",
    "at_least": "at least",
    "at_most": "at most",
}


def _holds(name: str, value: Any, wanted: Any) -> bool:
    if name == "equals":
        return same(value, wanted)
    if name == "one_of":
        return any(same(value, one) for one in wanted)
    if name == "contains":
        return isinstance(value, str | list) and wanted in value
    if name == "like":
        return isinstance(value, str) and like(value, wanted)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return bool(value >= wanted if name == "at_least" else value <= wanted)


def same(one: Any, other: Any) -> bool:
    """Return whether two values are one in JSON, where 1 and 1.0 are the same number and true is none."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def told(value: Any, most: int = 300) -> str:
    """Return a value as a sentence shows it."""
    if value is MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}…"


def unknown_keyword(schema: Any, path: str = "", depth: int = 0) -> str:
    """Return what of a schema is not understood, in words; empty where all of it is."""
    if not isinstance(schema, Mapping):
        return f"{path or 'the schema'} is no object"
    if depth > DEEPEST:
        return f"it is nested more than {DEEPEST} deep"
    if extra := sorted(set(schema) - KEYWORDS):
        return f"{path or 'the schema'} has {extra[0]}, which is not understood here; known are {', '.join(sorted(KEYWORDS))}"
    kinds = schema.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else [""]:
        if not isinstance(kind, str) or kind not in _TYPES:
            return f"{path or 'the schema'} has no known type"
    if wrong_part := _wrong_parts(schema, path):
        return wrong_part
    inner = schema.get("properties", {})
    parts = [(f"{path}.{name}".strip("."), part) for name, part in inner.items()]
    parts += [(f"{path}.items".strip("."), schema["items"])] if "items" in schema else []
    return next((found for where, part in parts if (found := unknown_keyword(part, where, depth + 1))), "")


def _wrong_parts(schema: Mapping[str, Any], path: str) -> str:
    shapes: tuple[tuple[str, type | tuple[type, ...]], ...] = (
        ("properties", Mapping), ("required", list), ("enum", list), ("additionalProperties", bool), ("minimum", (int, float)),
        ("maximum", (int, float)), ("minLength", int), ("maxLength", int), ("minItems", int), ("maxItems", int),
    )  # fmt: skip
    found = [name for name, shape in shapes if name in schema and not isinstance(schema[name], shape)]
    found += ["required"] if not found and not all(isinstance(name, str) for name in schema.get("required", ())) else []
    return next((f"{path or 'the schema'} has a {name} that is not what it should be" for name in found), "")


def misfit(value: Any, schema: Mapping[str, Any], path: str = "the answer") -> str:
    """Return where a value does not fit a schema, in words; empty where it fits."""
    kinds = schema.get("type")
    known = [kinds] if isinstance(kinds, str) else kinds or []
    if known and not any(_is(value, kind) for kind in known):
        return f"{path} is no {' or '.join(known)}"
    if "const" in schema and not same(value, schema["const"]):
        return f"{path} is not {told(schema['const'])}"
    if "enum" in schema and not any(same(value, one) for one in schema["enum"]):
        return f"{path} is none of {told(schema['enum'])}"
    return _wrong_size(value, schema, path) or _wrong_inside(value, schema, path)


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _wrong_size(value: Any, schema: Mapping[str, Any], path: str) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    for least, most, size in (
        ("minimum", "maximum", value if number else None),
        ("minLength", "maxLength", len(value) if isinstance(value, str) else None),
        ("minItems", "maxItems", len(value) if isinstance(value, list) else None),
    ):
        if size is None:
            continue
        if least in schema and size < schema[least]:
            return f"{path} is below {least} {schema[least]}"
        if most in schema and size > schema[most]:
            return f"{path} is above {most} {schema[most]}"
    return ""


def _wrong_inside(value: Any, schema: Mapping[str, Any], path: str) -> str:
    if isinstance(value, list):
        inner = schema.get("items")
        parts = ((f"{path}.{place}", one) for place, one in enumerate(value))
        return next((found for where, one in parts if (found := misfit(one, inner, where))), "") if inner else ""
    if not isinstance(value, dict):
        return ""
    properties = schema.get("properties", {})
    if missing := [name for name in schema.get("required", ()) if name not in value]:
        return f"{path} has no {missing[0]}"
    if schema.get("additionalProperties") is False and (extra := sorted(set(value) - set(properties))):
        return f"{path} has {extra[0]}, which is not expected"
    parts = ((name, part) for name, part in properties.items() if name in value)
    return next((found for name, part in parts if (found := misfit(value[name], part, f"{path}.{name}"))), "")
