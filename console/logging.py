"""Structured JSON logs: one line an event, ids and numbers, never content (OBS-2). The schema is in docs/operations.md.

Every floor logs by `structlog.get_logger()`; this configures it once a process, together with the standard library's
loggers of Django, daphne and the queue.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from agents.guardrails.private import masked

# Names under which content travels elsewhere. A log line that carries one by mistake loses the value, not the line.
CONTENT_KEYS = frozenset(
    {"answer", "arguments", "body", "content", "goal", "instruction", "message_text", "messages", "output", "password",
     "prompt", "raw_arguments", "reasoning", "result", "secret", "text", "token"}
)  # fmt: skip

# Local variables are content.
_FRAMES = ExceptionDictTransformer(show_locals=False, max_frames=25)
_LONGEST_MESSAGE = 200
_SHORTEST_SECRET = 12
# These name addresses, arguments or one line a request at INFO.
_QUIET = ("httpx2", "httpcore2", "openai", "asyncio", "aiohttp", "daphne", "django_q", "django-q", "mail.log", "trafilatura")


def without_content(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the value of every key that names content by `[content]`."""
    for key in CONTENT_KEYS & event.keys():
        event[key] = "[content]"
    return event


def without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace keys and tokens anywhere in the texts of a line by `[secret]`: an address or an error may quote one."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
            event[key] = masked(value, ("secret",))
    return event


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        without_content,
        without_secrets,
    ]


def exceptions_without_content(
    _logger: WrappedLogger, _method: str, event: EventDict, _transform: ExceptionDictTransformer = _FRAMES
) -> EventDict:
    """Turn an exception into types and frames, with the first line of each message: the rest quotes rows and input."""
    given = event.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else sys.exc_info()[1] if given is True else given
    if isinstance(error, BaseException):
        event["exception"] = _transform((type(error), error, error.__traceback__))
        for one in event["exception"]:
            one["exc_value"] = masked(one["exc_value"].split("\n", 1)[0][:_LONGEST_MESSAGE], ("secret",))
            one.pop("exc_notes", None)
    return event


def exceptions_as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Write the types and frames of an exception as lines; the innermost error last, as Python has it."""
    if found := event.get("exception"):
        lines = []
        for one in reversed(found):
            lines += [f"  {frame['filename']}:{frame['lineno']} in {frame['name']}" for frame in one["frames"]]
            lines.append(f"{one['exc_type']}: {one['exc_value']}")
        event["exception"] = "\n".join(lines)
    return event


def _last(as_json: bool) -> list[Processor]:
    if as_json:
        return [exceptions_without_content, structlog.processors.JSONRenderer(ensure_ascii=False)]
    written = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    return [exceptions_without_content, exceptions_as_text, written]


def not_a_probe(record: logging.LogRecord) -> bool:
    """Leave out what Django says of each unanswered readiness probe: it is asked many times a minute, and answers itself."""
    request = getattr(record, "request", None)
    return getattr(request, "path", "") != "/readyz"


def logging_config(level: str, as_json: bool) -> dict[str, Any]:
    """Return the standard library's configuration: one handler on stderr, one formatter."""
    formatter: Mapping[str, Any] = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _shared(),
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_last(as_json)],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"not_a_probe": {"()": lambda: not_a_probe}},
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            **{name: {"level": "WARNING"} for name in _QUIET},
            # Django's own handlers would write each line a second time, and mail errors with their content.
            "django": {"handlers": [], "propagate": True},
            "django.request": {"filters": ["not_a_probe"]},
            "django.server": {"handlers": [], "propagate": True},
        },
    }


def configure(level: str = "INFO", as_json: bool = True) -> dict[str, Any]:
    """Configure structlog for this process; returns what Django's LOGGING setting takes."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return logging_config(level, as_json)
