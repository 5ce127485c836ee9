"""From what the model wrote to what may run: one strict parser, one validation, one canonical form.

Nothing is guessed or repaired. Types are strict (`"10"` is not 10, `1e2` is no whole number), a key that stands twice
or is unknown is an error. What validation itself changes (defaults, a model's own normalising) is listed for the reviewer;
after that the canonical bytes are what is shown, hashed and run.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from agents.tools.definition import Tool
from agents.tools.errors import ErrorType
from approvals.wording import said
from audit.canonical import LARGEST, Json, canonical_with_floats
from audit.canonical import parse as parse_json
from audit.errors import InvalidEntry, InvalidJson

LONGEST = 400_000
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Parsed:
    """Arguments that can run. `changed` lists what differs from the model's own text."""

    value: BaseModel
    canonical: bytes
    changed: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Malformed:
    """Arguments that cannot run, told so that the model can correct them."""

    hint: str
    errors: list[dict[str, str]] = field(default_factory=list)
    error_type: ErrorType = "invalid_input"


def parse(tool: Tool, raw: str) -> Parsed | Malformed:
    """Parse and validate raw arguments; no text at all counts as an empty object."""
    try:
        given = _object(raw)
        value = tool.model.model_validate_json(json.dumps(given), strict=True)
        dumped: dict[str, Json] = value.model_dump(mode="json", by_alias=True)
        _check_numbers(dumped)
        return Parsed(value=value, canonical=canonical_with_floats(dumped), changed=_differences("", given, dumped))
    except InvalidJson as error:
        return Malformed(f"The arguments are not valid JSON: {error.reason}. Write one complete JSON object.")
    except InvalidEntry as error:
        return Malformed(f"The arguments cannot be accepted: {error.reason}.")
    except ValidationError as error:
        return _invalid(tool, error)


def restore(tool: Tool, canonical: bytes) -> BaseModel:
    """Return the value whose canonical bytes these are; raise ValueError unless they come out the same again."""
    parsed = parse(tool, canonical.decode())
    if isinstance(parsed, Malformed):
        raise ValueError(parsed.hint)  # noqa: TRY004  the bytes are wrong, not the type
    if parsed.canonical != canonical:
        raise ValueError("the arguments have another canonical form now")
    return parsed.value


def _object(raw: str) -> dict[str, Any]:
    """Return the JSON object; raise InvalidJson or InvalidEntry for anything that has not exactly one reading."""
    if len(raw) > LONGEST:
        raise InvalidJson(reason=f"it has {len(raw)} characters and at most {LONGEST} are read")
    given = parse_json(raw) if raw.strip() else {}
    if not isinstance(given, dict):
        raise InvalidJson(reason="it is not an object")
    canonical_with_floats(given)  # half a surrogate pair, NUL, an integer beyond 2^53 end here
    return given


def _check_numbers(value: Any) -> None:
    """Refuse a number that would be written as a whole one and read back as something else."""
    if isinstance(value, float) and abs(value) > LARGEST:
        raise InvalidEntry(reason="a number is beyond 2^53 and would not keep its value")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_numbers(part)


def _invalid(tool: Tool, error: ValidationError) -> Malformed:
    errors = [
        {"loc": ".".join(str(part) for part in item["loc"]), "msg": said(item)}
        for item in error.errors(include_url=False, include_input=False)[:20]
    ]
    told = "; ".join(f"{item['loc'] or 'arguments'}: {item['msg']}" for item in errors[:6])
    return Malformed(f"The arguments of {tool.name} are not valid. {told}.", errors)


def _differences(path: str, before: Any, after: Any) -> list[dict[str, Any]]:
    """List where two JSON values differ, by dotted path; a value that validation filled in has `added`."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: list[dict[str, Any]] = []
        for key in sorted({*before, *after}):
            found += _differences(f"{path}.{key}" if path else key, before.get(key, _MISSING), after.get(key, _MISSING))
        return found
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            difference
            for place, (old, new) in enumerate(zip(before, after, strict=True))
            for difference in _differences(f"{path}.{place}", old, new)
        ]
    if before is _MISSING:
        return [{"path": path, "before": None, "after": after, "added": True}]
    if after is _MISSING:
        return [{"path": path, "before": before, "after": None, "removed": True}]
    return [] if _same(before, after) else [{"path": path, "before": before, "after": after}]


def _same(before: Any, after: Any) -> bool:
    """Whether two values are one in JSON, where 1 and 1.0 are the same number and true is none."""
    return before == after and isinstance(before, bool) == isinstance(after, bool)
