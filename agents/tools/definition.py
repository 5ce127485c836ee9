"""What a tool is: its declaration as a value, the hash of that declaration, and the checks that stop a start.

Pure but for the errors. The hash covers everything a reviewer relies on, the function's source included: a change of
any of it is another tool, and an approval of the old one no longer fits.
"""

import hashlib
import inspect
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from agents.tools.errors import ToolDefinitionError
from approvals.facts import TIERS, Radius, Tier
from audit.canonical import canonical_with_floats

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
LONGEST_KIND = 40
_SCOPE = re.compile(r"[a-z0-9_-]+:[a-z0-9_-]+")


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One registered tool. `schema` is what the model is given, `definition` the hash of the whole declaration."""

    name: str
    description: str
    tier: Tier
    scopes: frozenset[str]
    egress: bool
    idempotent: bool | None
    timeout_s: float
    concurrency: int | None
    rate_per_minute: int | None
    blast_radius: Callable[[Any], str] | Radius
    check: Callable[[Any, Any], str] | None
    summary: str
    consequence: str
    untrusted: bool
    max_result: int
    model: type[BaseModel] = field(repr=False)
    function: Callable[[Any, Any], Any] = field(repr=False)
    schema: Mapping[str, Any] = field(repr=False)
    definition: str = field(repr=False)
    own_service: bool = True  # False where each call names what it reaches: its failures say nothing of the next call
    sensitive: bool = False  # whether an argument is one that people see only once they ask to

    @property
    def writes(self) -> bool:
        """Whether a run changes something."""
        return self.tier != "read_only"

    @property
    def repeatable(self) -> bool:
        """Whether a run that may have happened can be run again without a person: it reads, or it is keyed."""
        return not self.writes or self.idempotent is True

    @property
    def offer(self) -> dict[str, Any]:
        """The tool in the form of the chat-completions protocol."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": self.schema},
        }


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of an argument model, without the titles that only cost tokens."""
    schema: dict[str, Any] = _untitled(model.model_json_schema())
    schema.pop("description", None)
    return schema


def definition_hash(facts: Mapping[str, Any], code: Iterable[Callable[..., Any]]) -> str:
    """Return the SHA-256 over a declaration and the source of the functions that carry it out."""
    sources = [_source(function) for function in code]
    return hashlib.sha256(canonical_with_floats({**facts, "code": sources})).hexdigest()


def check_name(name: str) -> None:
    """Raise ToolDefinitionError for a name that models and logs could not carry."""
    if not _NAME.fullmatch(name):
        raise ToolDefinitionError(name, "its name must be lower-case letters, digits and underscores, at most 64")


def check_tier(name: str, tier: str | None) -> Tier:
    """Return the tier; raise ToolDefinitionError for a missing or unknown one."""
    for known in TIERS:
        if tier == known:
            return known
    raise ToolDefinitionError(name, f"it has no known tier; give tier= one of {', '.join(TIERS)}")


def check_idempotence(name: str, tier: Tier, idempotent: bool | None) -> None:
    """Raise ToolDefinitionError where nobody said whether a repeat of an irreversible call is harmless."""
    if tier in {"irreversible_write", "destructive"} and idempotent is None:
        raise ToolDefinitionError(
            name,
            f"it is {tier} and does not say whether it is idempotent; set idempotent=True if it passes on "
            "context.idempotency_key so that a repeat changes nothing, else idempotent=False on purpose",
        )


def check_scopes(name: str, scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes as a set; raise ToolDefinitionError for one that is not `noun:verb`."""
    if isinstance(scopes, str):
        raise ToolDefinitionError(name, 'scopes= must be a list such as ["documents:read"], not one text.')
    found = frozenset(scopes)
    for scope in sorted(found):
        if not _SCOPE.fullmatch(scope):
            raise ToolDefinitionError(name, f"its scope {scope!r} is not of the form noun:verb")
    return found


def check_model(name: str, model: object) -> type[BaseModel]:
    """Return the argument model; raise ToolDefinitionError if it is none or lets unknown keys through."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise ToolDefinitionError(name, "its first parameter must be annotated with a pydantic model of its arguments")
    schema = model.model_json_schema()
    parts = {model.__name__: schema, **schema.get("$defs", {})}
    for part, described in parts.items():
        if described.get("type") == "object" and described.get("additionalProperties") is not False:
            raise ToolDefinitionError(
                name, f'its argument model {part} allows unknown keys; set model_config = ConfigDict(extra="forbid").'
            )
    return model


def check_sensitive(name: str, schema: Mapping[str, Any]) -> bool:
    """Return whether a field is marked as sensitive; raise ToolDefinitionError for a mark that says nothing."""
    marks = list(_marks(schema))
    for mark in marks:
        if mark is not True and not (isinstance(mark, str) and 0 < len(mark.strip()) <= LONGEST_KIND):
            raise ToolDefinitionError(
                name, f'it marks a field as "sensitive": {mark!r}; give True, or a word of at most {LONGEST_KIND} characters'
            )
    return bool(marks)


def _marks(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        for part in node:
            yield from _marks(part)
    elif isinstance(node, Mapping):
        if "sensitive" in node:
            yield node["sensitive"]
        for key, part in node.items():
            # The members of these are named by the tool's author, so one may be called "sensitive".
            named = key in {"properties", "$defs"} and isinstance(part, Mapping)
            yield from _marks(list(part.values()) if named else part if key not in {"default", "examples", "enum"} else None)


def check_summary(name: str, summary: str, model: type[BaseModel]) -> None:
    """Raise ToolDefinitionError for a template that is empty or names a field that the arguments have not."""
    if not summary.strip():
        raise ToolDefinitionError(name, "it has no summary; say in one sentence what a call does")
    try:
        names = {part for _, part, _, _ in string.Formatter().parse(summary) if part is not None}
    except ValueError as error:
        raise ToolDefinitionError(name, f"its summary is not a valid template: {error}") from error
    for part in sorted(names):
        if part not in model.model_fields:
            raise ToolDefinitionError(name, f"its summary names {{{part}}}, which is no field of {model.__name__}")


def _untitled(value: Any) -> Any:
    """Drop the `title` of every schema, but not a property that is called so."""
    if isinstance(value, list):
        return [_untitled(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {name: _untitled(item) for name, item in part.items()} if key in {"properties", "$defs"} else _untitled(part)
        for key, part in value.items()
        if key != "title"
    }


def _source(function: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, "__qualname__", repr(type(function)))
