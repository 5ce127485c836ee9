"""The family of errors, and those of the audit floor. Pure.

Every error of the project derives from `CountersignError`: a stable `code`, its facts as attributes, and its docstring
as the message. Which HTTP status an error becomes is decided in one table of the console, not here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar


class _Facts(dict[str, object]):
    """Facts for `str.format_map`; one that was not given stays visible as its name instead of hiding the error."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


class CountersignError(Exception):
    """The request was refused."""

    code: ClassVar[str] = "refused"

    def __init__(self, **facts: Any) -> None:
        self.facts: dict[str, Any] = facts
        for name, value in facts.items():
            setattr(self, name, value)
        super().__init__(self.detail)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.facts)

    @property
    def detail(self) -> str:
        """The message: the class's docstring (its first paragraph) with the facts filled in."""
        paragraph = (type(self).__doc__ or self.code).split("\n\n")[0]
        return " ".join(paragraph.split()).format_map(_Facts({name: _told(value) for name, value in self.facts.items()}))


def _told(fact: object) -> object:
    """Return a moment as RFC 3339 has it, in UTC and to the second; everything else as it is."""
    return fact.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(fact, datetime) else fact


def _rebuild(cls: type[CountersignError], facts: dict[str, Any]) -> CountersignError:
    return cls(**facts)


class IllegalMove(CountersignError):
    """{model} cannot do "{event}" while it is {state}."""

    code = "illegal_move"
    model: str
    state: str
    event: str


class StaleState(CountersignError):
    """Someone was faster: the state that this change relied on is gone ({ids})."""

    code = "stale_state"
    ids: list[str]


class InvalidEntry(CountersignError, ValueError):
    """This cannot be written to the audit log: {reason}."""

    code = "invalid_entry"
    reason: str


class StreamClosed(CountersignError):
    """The audit stream {stream} has ended; nothing can be added to it."""

    code = "stream_closed"
    stream: str


class InvalidJson(CountersignError, ValueError):
    """This is not JSON that can be accepted: {reason}."""

    code = "invalid_json"
    reason: str


class UnknownStream(CountersignError):
    """There is no stream {stream} in the audit log."""

    code = "unknown_stream"
    stream: str


class UnknownEntry(CountersignError):
    """There is no such audit entry."""

    code = "unknown_entry"


class NotInLog(CountersignError):
    """The log has no entry {place}."""

    code = "not_in_log"
    place: int


class NotSealed(CountersignError):
    """Nothing is signed for the log of {size} entries yet, or not at that size."""

    code = "not_sealed"
    size: int


class LogForked(CountersignError):
    """What was signed as the first {size} entries is not what the log holds now. Nothing more is signed; verify the log."""

    code = "log_forked"
    size: int


class KeyExists(CountersignError):
    """There is a file at {path} already; a key is never written over."""

    code = "key_exists"
    path: str


class NoKey(CountersignError):
    """No key could be taken from {path}: {reason}."""

    code = "no_key"
    path: str
    reason: str


class WrongKey(CountersignError):
    """The log is not to be signed with this key: {reason}."""

    code = "wrong_key"
    reason: str


class InvalidCosignature(CountersignError):
    """This is not kept as a witness's signature: {reason}."""

    code = "invalid_cosignature"
    reason: str


class NotPublished(CountersignError):
    """A checkpoint could not be shown at {target}: {reason}."""

    code = "not_published"
    target: str
    reason: str


class InvalidCheckpoint(CountersignError, ValueError):
    """This is not a checkpoint to verify from: {reason}."""

    code = "invalid_checkpoint"
    reason: str


class UnknownVerification(CountersignError):
    """There is no such verification."""

    code = "unknown_verification"


class NoFinding(CountersignError):
    """That verification found nothing that waits for an answer."""

    code = "no_finding"


class AlreadyAcknowledged(NoFinding):
    """{by} has answered this finding already, at {at}."""

    code = "already_acknowledged"
    by: str
    at: datetime


class AlreadyVerifying(CountersignError):
    """The log is being verified already; its outcome comes in a moment."""

    code = "already_verifying"
