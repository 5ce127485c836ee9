"""What is wrong with a value of a document, in the words of JSON and of people instead of Python's. Pure.

Agents, policies and the API's bodies are checked by models whose own messages speak of tuples, dictionaries and instances.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic_core.core_schema import ErrorType

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
    "finite_number": "must be a number that is not infinite",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "int_parsing_size": "is too large a number",
    "string_unicode": "must be a text in UTF-8",
    "none_required": "must be null",
    "json_invalid": "is not valid JSON",
    "json_type": "must be JSON in a text",
    "uuid_type": "must be an id such as 0198c1d2-7a3b-7c4d-8e5f-60718293a4b5",
    "uuid_parsing": "must be an id such as 0198c1d2-7a3b-7c4d-8e5f-60718293a4b5",
    "timezone_aware": "needs a time zone: end it with Z for UTC, or with an offset such as +02:00",
}
_BOUNDS: Mapping[str, str] = {
    "string_too_short": "needs at least {min_length} characters",
    "string_too_long": "has at most {max_length} characters",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "decimal_max_digits": "has at most {max_digits} digits",
    "decimal_max_places": "has at most {decimal_places} digits after the point",
    "url_too_long": "has at most {max_length} characters",
    "url_scheme": "must begin with {expected_schemes}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "must name its {discriminator}",
}
_FORMS: Mapping[str, str] = {
    r"^[a-z0-9][a-z0-9-]{0,62}$": "must be small letters, digits and hyphens, 63 at most, such as weekly-report",
    r"^[a-z][a-z0-9_]{0,39}$": "must be small letters, digits and underscores, 40 at most, beginning with a letter",
    r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$": "must be the name of a tool: letters, digits, underscores and hyphens, 64 at most",
    r"^[a-z0-9_-]+:[a-z0-9_-]+$": "must be two words with a colon between, such as tickets:read",
    r"^AP-[1-9][0-9]{0,17}$": "must be the id of a request, such as AP-20418",
    r"^S-[1-9][0-9]{0,17}$": "must be the id of a session, such as S-88123",
    r"^[0-9a-f]{64}$": "must be a SHA-256 of 64 hex digits in small letters",
    r"^(https?://[!-~]+)?$": "must be an address that begins with https:// or http://, without spaces, or empty",
}
"""What patterns mean, of those that people meet; the others are quoted."""
_BEGINNINGS: Mapping[str, str] = {
    "datetime_": "must be a time such as 2026-03-31T09:00:00Z",
    "date_": "must be a date such as 2026-03-31",
    "time_delta_": "must be a length of time, in seconds",
    "time_": "must be a time of day such as 09:00",
    "url_": "must be an address such as https://example.com/",
    "bytes_": "must be a text",
}
_THEIRS = frozenset(get_args(ErrorType))
_OURS = re.compile(r"^(?:Value error|Assertion failed), ")
_ONE = re.compile(r"\b1 (character|digit)s\b")
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
        told = f"needs at least {ctx['min_length']}{what}" if kind == "too_short" else f"has at most {ctx['max_length']}{what}"
        return _ONE.sub("1 \\1", told)
    if kind in _LISTS:
        return "must be a list" + (
            f", such as {json.dumps([given[:64]], ensure_ascii=False)}" if isinstance(given, str) else ""
        )
    if kind in _OBJECTS:
        return "must be an object (JSON) or a table of its own (TOML)"
    return _SAID.get(kind) or _bound(kind, wrong.get("ctx")) or _rest(kind, str(wrong["msg"]))


def _bound(kind: str, ctx: Mapping[str, Any] | None) -> str:
    """Return the words for a bound that was passed; empty for anything else."""
    if ctx is None:
        return ""
    if kind == "string_pattern_mismatch":
        return _FORMS.get(ctx["pattern"], f"must match {ctx['pattern']}")
    told = _BOUNDS[kind].format_map({name: _plain(value) for name, value in ctx.items()}) if kind in _BOUNDS else ""
    return _ONE.sub("1 \\1", told)


def _plain(bound: Any) -> Any:
    """Return a bound as people write it: 60, where it was declared as 60.0."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _rest(kind: str, message: str) -> str:
    """Return a validator's own message as it is; of the library's own kinds what is meant, else that it is wrong."""
    if kind not in _THEIRS or _OURS.match(message):
        return _OURS.sub("", message)
    return next(
        (told for start, told in _BEGINNINGS.items() if kind.startswith(start)), "has a value that cannot be taken here"
    )
