"""The registry: one decorator makes a function a tool, `load` brings in the built-in ones and those of COUNTERSIGN_TOOLS.

A tool that is declared carelessly stops the start; what is registered can be offered to a model as it stands.
"""

import importlib
import inspect
import string
import threading
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from django.conf import settings
from pydantic import BaseModel

from agents.tools import definition
from agents.tools.definition import Tool
from agents.tools.errors import ToolDefinitionError
from approvals.facts import Radius, Tier

BUILT_IN = (
    "agents.tools.documents",
    "agents.tools.calculator",
    "agents.tools.files",
    "agents.tools.mail",
    "agents.tools.notes",
    "agents.tools.memory",
    "agents.tools.web",
    "agents.tools.people",
    "agents.tools.earlier",
)
MAX_RESULT = 12_000

_Function = TypeVar("_Function", bound=Callable[..., Any])
_tools: dict[str, Tool] = {}
_loading = threading.RLock()
_loaded = threading.Event()


def tool(  # noqa: PLR0913  a declaration: every fact has a name of its own
    *,
    tier: Tier | None = None,
    scopes: Iterable[str] = (),
    egress: bool = False,
    idempotent: bool | None = None,
    timeout_s: float = 30,
    concurrency: int | None = None,
    rate_per_minute: int | None = None,
    blast_radius: Callable[[Any], str] | Radius = "narrow",
    check: Callable[[Any, Any], str] | None = None,
    summary: str = "",
    consequence: str = "",
    untrusted: bool = False,
    max_result: int = MAX_RESULT,
    own_service: bool = True,
) -> Callable[[_Function], _Function]:
    """Register the decorated function as a tool; its name is the tool's name, its docstring tells the model.

    Each fact stands in docs/tools.md. There is no default for `tier`, because nobody may guess it, and none for
    `idempotent` where a call cannot be taken back.

    Raises:
        ToolDefinitionError: the declaration is not whole; the start stops.
    """
    facts = {"egress": egress, "idempotent": idempotent, "timeout_s": timeout_s, "summary": summary}
    facts |= {"consequence": consequence, "untrusted": untrusted, "max_result": max_result}
    bounds = {"concurrency": concurrency, "rate_per_minute": rate_per_minute, "blast_radius": blast_radius, "check": check}
    bounds |= {"own_service": own_service}

    def register(function: _Function) -> _Function:
        _add(_declared(function, tier, scopes, facts, bounds))
        return function

    return register


def _declared(
    function: Callable[..., Any], tier: Tier | None, scopes: Iterable[str], facts: dict[str, Any], bounds: dict[str, Any]
) -> Tool:
    """Check a declaration whole and return the tool. `facts` and tier, scopes, schema make up its definition."""
    name = function.__name__
    definition.check_name(name)
    known = definition.check_tier(name, tier)
    definition.check_idempotence(name, known, facts["idempotent"])
    model = definition.check_model(name, _first_annotation(function))
    definition.check_summary(name, facts["summary"], model)
    granted = definition.check_scopes(name, scopes)
    told = {
        "name": name,
        "description": _description(function, facts["summary"]),
        "schema": definition.schema_of(model),
        **facts,
    }
    code = [part for part in (function, bounds["check"], bounds["blast_radius"]) if callable(part)]
    radius = bounds["blast_radius"] if isinstance(bounds["blast_radius"], str) else ""
    digest = definition.definition_hash({**told, "tier": known, "scopes": sorted(granted), "blast_radius": radius}, code)
    marked = definition.check_sensitive(name, told["schema"])
    return Tool(
        **told, **bounds, tier=known, scopes=granted, model=model, function=function, definition=digest, sensitive=marked
    )


def get(name: str) -> Tool | None:
    """Return the tool of that name, None if there is none."""
    load()
    return _tools.get(name)


def all_tools() -> Mapping[str, Tool]:
    """Return every registered tool by name, in order of name."""
    load()
    return MappingProxyType(dict(sorted(_tools.items())))


def load() -> None:
    """Import the built-in tools and the modules of COUNTERSIGN_TOOLS, once per process.

    Raises:
        ToolDefinitionError: a module cannot be imported, or a tool in it is not declared whole.
    """
    if _loaded.is_set():
        return
    with _loading:
        for module in BUILT_IN:
            importlib.import_module(module)
        for module in settings.COUNTERSIGN_TOOLS:
            _import(module)
        _loaded.set()


def _import(module: str) -> None:
    before = len(_tools)
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ToolDefinitionError(
            f"module {module}", f"COUNTERSIGN_TOOLS names it, but it cannot be imported: {error}"
        ) from error
    if len(_tools) == before and not any(known.function.__module__ == module for known in _tools.values()):
        raise ToolDefinitionError(f"module {module}", "COUNTERSIGN_TOOLS names it, but it registers no tool")


def _add(found: Tool) -> None:
    known = _tools.get(found.name)
    if known is not None and known.function.__module__ != found.function.__module__:
        raise ToolDefinitionError(found.name, f"the module {known.function.__module__} already has a tool of that name")
    _tools[found.name] = found


def _first_annotation(function: Callable[..., Any]) -> type[BaseModel] | None:
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) != len(("args", "context")):
        raise ToolDefinitionError(function.__name__, "it must take two parameters: its arguments and the context")
    try:
        hints = get_type_hints(function)
    except NameError as error:
        raise ToolDefinitionError(function.__name__, f"an annotation cannot be resolved: {error}") from error
    return hints.get(parameters[0])


def _description(function: Callable[..., Any], summary: str) -> str:
    """Return what the model is told: the docstring, else the summary's sentence with the bare names of its fields."""
    told = inspect.getdoc(function) or ""
    if told.strip():
        return told
    return "".join(text + (name or "") for text, name, _, _ in string.Formatter().parse(summary))
