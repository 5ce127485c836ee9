"""Canonical JSON (RFC 8785), and the one strict parser of JSON that came from outside. Pure.

Hashes and digests are taken over these bytes, so two values that mean the same have the same bytes, and one that could
be read in two ways is refused. For values without floats the standard encoder gives the bytes of RFC 8785 exactly at a
fraction of the cost; a property test holds it against the `rfc8785` package, which writes everything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias, Union

import rfc8785

from audit.errors import InvalidEntry, InvalidJson
from audit.unreadable import reason_of, twice

Json: TypeAlias = Union[bool, int, float, str, "Sequence[Json]", "Mapping[str, Json]", None]

LARGEST = 2**53 - 1
DEEPEST = 64
_FLOAT = 1
_WIDE_KEY = 2  # RFC 8785 sorts keys by UTF-16, the standard encoder by code point; they agree on ASCII
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical(value: Json) -> bytes:
    """Return the RFC 8785 bytes of a value without floats.

    Raises InvalidEntry for a float, an integer beyond 2^53, a key that is not text, half a surrogate pair, a NUL
    character, a type that JSON has not, or nesting deeper than 64.
    """
    found = _inspect(value, 0)
    if found & _FLOAT:
        raise InvalidEntry(reason="it holds a float")
    return _write(value, slowly=found != 0)


def canonical_with_floats(value: Json) -> bytes:
    """Return the RFC 8785 bytes of any JSON value: as `canonical`, but finite floats are let through."""
    return _write(value, slowly=_inspect(value, 0) != 0)


def surely_canonical(body: bytes) -> bool:
    """Return whether bytes are what `canonical` gives of what they say, fast; where it says no, only the slow way knows.

    Bytes that the standard encoder writes again as they are, of plain ASCII and without what it would take otherwise.
    """
    if not body.isascii() or body.count(b"{") + body.count(b"[") > DEEPEST or b"\\u0000" in body:
        return False
    try:
        return _encode(_bounded.decode(body.decode())).encode() == body
    except (ValueError, RecursionError):
        return False


def parse(text: str) -> Json:
    """Return the value of a JSON text; raise InvalidJson for duplicate keys, NaN, Infinity, or anything not JSON."""
    try:
        value: Json = _decoder.decode(text)
    except RecursionError:
        raise InvalidJson(reason="it is nested too deeply") from None
    except InvalidJson:
        raise
    except ValueError as error:
        raise InvalidJson(reason=reason_of(error, text)) from None
    return value


def _write(value: Json, *, slowly: bool) -> bytes:
    try:
        return rfc8785.dumps(_plain(value)) if slowly else _encode(value).encode()
    except UnicodeEncodeError:
        raise InvalidEntry(reason="it holds half a surrogate pair") from None
    except rfc8785.CanonicalizationError as error:
        raise InvalidEntry(reason=str(error)) from None


def _inspect(value: Any, depth: int) -> int:
    """Refuse what has no canonical form; return what the standard encoder would not write exactly."""
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidEntry(reason="it holds a NUL character")
        return 0
    if value is None or value is True or value is False:
        return 0
    if isinstance(value, int):
        if -LARGEST <= value <= LARGEST:
            return 0
        raise InvalidEntry(reason="an integer is beyond 2^53; write it as text")
    if isinstance(value, float):
        return _FLOAT
    if depth > DEEPEST:
        raise InvalidEntry(reason=f"it is nested deeper than {DEEPEST}")
    if isinstance(value, dict):
        return _inspect_object(value, depth)
    if isinstance(value, list | tuple):
        found = 0
        for item in value:
            found |= _inspect(item, depth + 1)
        return found
    raise InvalidEntry(reason=f"JSON has no {type(value).__name__}")


def _inspect_object(value: dict[Any, Any], depth: int) -> int:
    found = 0
    for key, item in value.items():
        if not isinstance(key, str):
            raise InvalidEntry(reason="a key is not text")
        if not key.isascii():
            found |= _WIDE_KEY
        if "\0" in key:
            raise InvalidEntry(reason="it holds a NUL character")
        found |= _inspect(item, depth + 1)
    return found


def _plain(value: Any) -> Any:
    """Copy a value into the exact types that `rfc8785` knows (it refuses none, but compares some by type)."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise InvalidJson(reason=twice([name for name, _ in pairs]))
    return value


def _refuse(name: str) -> NoReturn:
    raise InvalidJson(reason=f"{name} is no number of JSON. Write a number or null")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)


def _integer(text: str) -> int:
    value = int(text)
    if not -LARGEST <= value <= LARGEST:
        raise InvalidJson(reason="an integer is beyond 2^53")
    return value


_bounded = json.JSONDecoder(parse_float=_refuse, parse_int=_integer, parse_constant=_refuse)
