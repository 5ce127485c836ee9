"""Running a tool: the one function that calls it, and what is asked of it before: summary, precondition, radius.

Only `agents.gate` imports this. Whatever a tool does, one `Outcome` comes back; the question that matters for a write is
whether it is sure: a time-out, a lost answer or a surprise in a write without a key means that nobody knows.
"""

import asyncio
import inspect
import string
from typing import Any, Literal

import structlog
from pydantic import BaseModel

from agents.tools.context import ToolContext
from agents.tools.definition import Tool
from agents.tools.errors import ApiError, CheckFailed, NotEntered, OutcomeUnknown, ToolError, ToolTimeout
from agents.tools.results import Outcome, clean, error_text, shorten, success_text, told_error
from agents.tools.sensitive import places
from agents.tools.slots import slot
from agents.tools.threads import in_thread, within
from approvals.facts import Radius
from approvals.sensitive import masked

__all__ = ["Outcome", "execute", "precondition", "precondition_async", "precondition_within", "radius", "rehearse", "summary"]

SUMMARY_VALUE = 120
LONGEST_CHECK_S = 10.0  # a session, or people, wait for a check
_log = structlog.get_logger(__name__)


async def execute(tool: Tool, value: BaseModel, context: ToolContext) -> Outcome:
    """Run the tool once and return how it ended. Raises nothing but CancelledError.

    Args:
        tool: what to run.
        value: its validated arguments.
        context: for whom, with which key; what the function tells about its result is read from it.
    """
    try:
        async with slot(tool):
            result = await _run(tool, value, context)
    except NotEntered:
        return Outcome("error", "", entered=False)
    except ToolError as error:
        return _error(tool, context, error, sure=not isinstance(error, OutcomeUnknown))
    except Exception as error:  # noqa: BLE001  whatever a tool raises becomes an answer
        _log.warning("tool_raised", tool=tool.name, session=context.session, error=type(error).__name__)
        return _surprise(tool, context, error)
    return _returned(tool, context, result)


def rehearse(tool: Tool, value: BaseModel) -> Outcome:
    """Return what a dry run tells the model in place of the effect."""
    told = {"dry_run": True, "would": summary(tool, value), "note": "This is a dry run: nothing was changed."}
    text, sha256, size, _ = success_text(told, tool.max_result)
    return Outcome("success", text, full_hash=sha256, size=size)


def summary(tool: Tool, value: BaseModel) -> str:
    """Return the tool's sentence for people over the validated values, each shortened so that both ends stay readable.

    What the tool's model marks as sensitive is not in it.
    """
    values = _covered(tool, value) if tool.sensitive else {name: getattr(value, name) for name in type(value).model_fields}
    shown = {name: _shown(part) for name, part in values.items()}
    sentence: str = string.Formatter().vformat(tool.summary, (), shown)
    return sentence


def precondition(tool: Tool, value: BaseModel, context: ToolContext) -> str:
    """Return what must still hold when the call runs, "" if the tool states nothing.

    Raises CheckFailed where the arguments do not fit the world. May read the database.
    """
    if tool.check is None:
        return ""
    try:
        return str(tool.check(value, context))
    except CheckFailed:
        raise
    except ToolError as error:
        raise CheckFailed(error.reason, error.hint) from error
    except Exception as error:
        _log.warning("tool_check_raised", tool=tool.name, session=context.session, error=type(error).__name__)
        raise CheckFailed(f"{type(error).__name__}: {shorten(str(error), 500)}") from error


async def precondition_async(tool: Tool, value: BaseModel, context: ToolContext) -> str:
    """Do the same from the event loop: the check runs in a thread, or not at all where there is none."""
    if tool.check is None:
        return ""
    try:
        async with asyncio.timeout(_check_s(tool)):
            return await in_thread(lambda: precondition(tool, value, context))
    except TimeoutError as error:
        raise _check_too_slow(tool) from error


def precondition_within(tool: Tool, value: BaseModel, context: ToolContext) -> str:
    """Do the same for whoever holds a transaction open: in a thread, for a few seconds at most."""
    if tool.check is None:
        return ""
    try:
        return within(lambda: precondition(tool, value, context), _check_s(tool))
    except TimeoutError as error:
        raise _check_too_slow(tool) from error


def _check_s(tool: Tool) -> float:
    return min(tool.timeout_s, LONGEST_CHECK_S)


def _check_too_slow(tool: Tool) -> CheckFailed:
    return CheckFailed(f"The check of {tool.name} did not answer within {_check_s(tool):g} s.", "Try again later.")


def radius(tool: Tool, value: BaseModel) -> Radius:
    """Return how far a wrong call would reach; `wide` where the tool's own function fails or says something else."""
    declared = tool.blast_radius
    if not callable(declared):
        return declared
    try:
        told: object = declared(value)
    except Exception as error:  # noqa: BLE001  a radius that cannot be told is the widest
        _log.warning("blast_radius_raised", tool=tool.name, error=type(error).__name__)
        return "wide"
    return "narrow" if told == "narrow" else "wide"


async def _run(tool: Tool, value: BaseModel, context: ToolContext) -> Any:
    limit = asyncio.timeout(tool.timeout_s)
    try:
        async with limit:
            if inspect.iscoroutinefunction(tool.function):
                return await _entered(tool, value, context)
            return await in_thread(lambda: _entered(tool, value, context))
    except TimeoutError as error:
        if limit.expired():
            raise _too_slow(tool) from error
        raise


def _entered(tool: Tool, value: BaseModel, context: ToolContext) -> Any:
    """Call the tool's function, unless it was stopped while the call waited for its place or its thread."""
    if context.stopped():
        raise NotEntered
    return tool.function(value, context)


def _too_slow(tool: Tool) -> ToolError:
    told = f"{tool.name} did not answer within {tool.timeout_s:g} s."
    return OutcomeUnknown(told) if tool.writes else ToolTimeout(told, "Try again, or ask for less.")


def _returned(tool: Tool, context: ToolContext, result: object) -> Outcome:
    try:
        value = clean(result)
    except ToolError as error:
        if not tool.writes:
            return _error(tool, context, error)
        # It ran and came back: to call this an error would invite a second run.
        value = {"note": "The tool ran; what it returned could not be shown."}
    told = told_error(value)
    if told:
        return _error(tool, context, ApiError(f"The service answered with an error: {shorten(told, 1000)}"))
    text, sha256, size, truncated = success_text(value, tool.max_result)
    return Outcome(
        "success",
        text,
        trust=_trust(tool, context),
        sources=_sources(tool, context),
        confidence=context.confidence,
        full_hash=sha256,
        size=size,
        truncated=truncated,
        spent=tuple(context.spent),
    )


def _surprise(tool: Tool, context: ToolContext, error: Exception) -> Outcome:
    """An exception that the tool did not mean: a read failed; of a write nobody knows what happened.

    A key lets the gate run the same call again; it does not let the model plan another one, which had another key.
    """
    told = f"{type(error).__name__}: {shorten(str(error), 1000)}" if str(error) else type(error).__name__
    if not tool.writes:
        return _error(tool, context, ToolTimeout(told) if isinstance(error, TimeoutError) else ApiError(told))
    return _error(tool, context, OutcomeUnknown(told), sure=False)


def _error(tool: Tool, context: ToolContext, error: ToolError, *, sure: bool = True) -> Outcome:
    reason = clean(error.reason)
    # What the tool itself says (no such place, not configured) is ours; what a service answered is not.
    strange = bool(context.sources) or (tool.untrusted and error.error_type in {"api_error", "unknown_outcome"})
    text = error_text(error.error_type, reason, clean(error.hint))
    return Outcome(
        "error",
        text,
        error_type=error.error_type,
        hint=error.hint or reason,
        trust="untrusted" if strange else "trusted",
        sources=_sources(tool, context) if strange else [],
        full_hash=success_text(reason, tool.max_result)[1],
        size=len(text),
        sure=sure,
        blames_service=tool.own_service and error.blames_service,
        spent=tuple(context.spent),
    )


def _trust(tool: Tool, context: ToolContext) -> Literal["trusted", "untrusted"]:
    return "untrusted" if tool.untrusted or context.sources else "trusted"


def _sources(tool: Tool, context: ToolContext) -> list[dict[str, str]]:
    if context.sources or not tool.untrusted:
        return list(context.sources)
    return [{"source": tool.name, "title": "", "ref": "", "quote": ""}]


def _covered(tool: Tool, value: BaseModel) -> dict[str, Any]:
    dumped = value.model_dump(mode="json", by_alias=True)
    dumped = masked(dumped, tuple(places(tool.schema, dumped)))
    fields = type(value).model_fields
    return {name: dumped[part.serialization_alias or part.alias or name] for name, part in fields.items()}


def _shown(value: object) -> str:
    if value is None or value in ("", []):
        return "—"
    if isinstance(value, dict):
        return shorten(", ".join(f"{name}: {_shown(part)}" for name, part in value.items()), SUMMARY_VALUE * 2)
    if isinstance(value, list | tuple | set | frozenset):
        return shorten(", ".join(_shown(item) for item in value), SUMMARY_VALUE * 2)
    return shorten(" ".join(str(value).split()), SUMMARY_VALUE)
