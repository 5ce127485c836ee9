"""Logs are JSON lines with ids and without content."""

import json
import logging
from typing import Any

import pytest
import structlog
from django.test import RequestFactory

from console.logging import logging_config, without_secrets


@pytest.fixture
def formatter() -> logging.Formatter:
    configuration = dict(logging_config("INFO", as_json=True)["formatters"]["line"])
    return structlog.stdlib.ProcessorFormatter(**{key: value for key, value in configuration.items() if key != "()"})


def _line(formatter: logging.Formatter, **extra: Any) -> dict[str, Any]:
    record = logging.LogRecord("agents.worker", logging.INFO, __file__, 1, "session claimed", (), extra.pop("exc_info", None))
    record.__dict__.update(extra)
    parsed: dict[str, Any] = json.loads(formatter.format(record))
    return parsed


def test_a_line_is_one_json_object_with_time_level_and_logger(formatter: logging.Formatter) -> None:
    """OBS-2: the published schema."""
    line = _line(formatter)
    assert line["event"] == "session claimed"
    assert line["level"] == "info"
    assert line["logger"] == "agents.worker"
    assert line["at"].endswith("Z")


def test_a_key_that_names_content_loses_its_value() -> None:
    """OBS-2: operational logs carry no content, also by mistake."""
    processors = logging_config("INFO", as_json=True)["formatters"]["line"]["foreign_pre_chain"]
    event: Any = {"event": "x", "session": "S-1", "goal": "secret goal", "arguments": {"to": "a@b"}, "_record": _record()}
    for step in processors:
        event = step(logging.getLogger("x"), "info", event)
    assert event["session"] == "S-1"
    assert event["goal"] == event["arguments"] == "[content]"


def _record() -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, __file__, 1, "x", (), None)


def test_an_exception_is_told_without_variables_and_quoted_rows(formatter: logging.Formatter) -> None:
    """OBS-2: a traceback shows where, and not what was being handled."""
    customer = "the customer's letter"
    try:
        raise ValueError(f"duplicate key\nDETAIL: Key (body)=({customer}) exists")
    except ValueError as error:
        line = _line(formatter, exc_info=(type(error), error, error.__traceback__))
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert line["exception"][0]["exc_value"] == "duplicate key"
    assert line["exception"][0]["frames"]
    assert customer not in json.dumps(line)


def test_for_reading_an_exception_is_lines_without_variables_and_quoted_rows() -> None:
    """OBS-2: a terminal is a log too."""
    configuration = dict(logging_config("INFO", as_json=False)["formatters"]["line"])
    readable = structlog.stdlib.ProcessorFormatter(**{key: value for key, value in configuration.items() if key != "()"})
    customer = "the customer's letter"
    try:
        raise ValueError(f"duplicate key\nDETAIL: Key (body)=({customer}) exists")
    except ValueError as error:
        record = logging.LogRecord("x", logging.INFO, __file__, 1, "it broke", (), (type(error), error, error.__traceback__))
        text = readable.format(record)
    assert "it broke" in text
    assert "in test_for_reading_an_exception" in text
    assert text.rstrip().endswith("ValueError: duplicate key")
    assert customer not in text


def test_an_unanswered_readiness_probe_is_not_logged_again_and_again(
    caplog: pytest.LogCaptureFixture, rf: RequestFactory
) -> None:
    """A start asks several times a second; the probe's own answer says what is missing."""
    logger = logging.getLogger("django.request")
    with caplog.at_level(logging.WARNING, "django.request"):
        for path in ("/readyz", "/approvals/"):
            logger.error("Service Unavailable: %s", path, extra={"status_code": 503, "request": rf.get(path)})
    kept = [record.getMessage() for record in caplog.records]
    assert kept == ["Service Unavailable: /approvals/"]


def test_keys_and_tokens_are_masked_wherever_they_stand() -> None:
    """GUARD-12: an address with a password in it, an error that quotes a key; the rest of the line stays."""
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    told = {"event": "fetch.failed", "url": "https://kim:hunter22@host.example/x", "why": f"bad {key}", "ms": 3}
    line = without_secrets(None, "info", told)
    assert line == {"event": "fetch.failed", "url": "https[secret]host.example/x", "why": "bad [secret]", "ms": 3}
