"""What is wrong with a value of a document, in the words of JSON and of people instead of Python's. Pure.

Agents, policies and the API's bodies are checked by models whose own messages speak of tuples, dictionaries and instances.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Error = TypeVar("Error", bound=Mapping[str, Any])

_SAID: Mapping[str, str] = {
    "missing": "must be given",
    "extra_forbidden": "unknown; take it out, or check its spelling",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
}
_BOUNDS: Mapping[str, str] = {
    "string_too_short": "needs at least {min_length} characters",
    "string_too_long": "has at most {max_length} characters",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "must name its {discriminator}",
}
_LISTS = frozenset({"tuple_type", "list_type", "set_type", "frozen_set_type"})
_OBJECTS = frozenset({"dict_type", "model_type", "model_attributes_type", "dataclass_type", "mapping_type"})


def real(found: Sequence[Error]) -> list[Error]:
    """Return what is wrong without lists that are only called too short because parts of them are wrong themselves."""
    places = [tuple(one["loc"]) for one in found]
    return [
        one
        for one, place in zip(found, places, strict=True)
        if one["type"] != "too_short" or not any(at != place and at[: len(place)] == place for at in places)
    ]


def said(wrong: Mapping[str, Any]) -> str:
    """Return what is wrong with a value and how to mend it, of one of pydantic's errors."""
    kind, given = str(wrong.get("type", "")), wrong.get("input")
    if kind in ("too_short", "too_long"):
        ctx = wrong["ctx"]
        # Pydantic counts a text that was trimmed like a list, and calls it a value.
        what = " characters" if isinstance(given, str) or ctx.get("field_type") == "Value" else ""
        return f"needs at least {ctx['min_length']}{what}" if kind == "too_short" else f"has at most {ctx['max_length']}{what}"
    if kind in _LISTS:
        return "must be a list" + (
            f", such as {json.dumps([given[:64]], ensure_ascii=False)}" if isinstance(given, str) else ""
        )
    if kind in _OBJECTS:
        return "must be an object (JSON) or a table of its own (TOML)"
    if kind in _BOUNDS and "ctx" in wrong:
        return _BOUNDS[kind].format_map(wrong["ctx"])
    return _SAID.get(kind) or str(wrong["msg"]).removeprefix("Value error, ")
