"""What is wrong with a value of a document, in the words of JSON and of people instead of Python's. Pure.

Agents, policies and the API's bodies are checked by models whose own messages speak of tuples, dictionaries and instances.
"""

import json
from collections.abc import Mapping
from typing import Any

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
_LISTS = frozenset({"tuple_type", "list_type", "set_type", "frozen_set_type"})
_OBJECTS = frozenset({"dict_type", "model_type", "model_attributes_type", "dataclass_type", "mapping_type"})


def said(wrong: Mapping[str, Any]) -> str:
    """Return what is wrong with a value and how to mend it, of one of pydantic's errors."""
    kind, given = str(wrong.get("type", "")), wrong.get("input")
    if kind in _LISTS:
        return "must be a list" + (
            f", such as {json.dumps([given[:64]], ensure_ascii=False)}" if isinstance(given, str) else ""
        )
    if kind in _OBJECTS:
        return "must be an object (JSON) or a table of its own (TOML)"
    return _SAID.get(kind) or str(wrong["msg"]).removeprefix("Value error, ")
