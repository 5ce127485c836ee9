"""What the rest of the product knows of a language model: questions, completions, errors.

Pure types. A provider is anything that answers a `Question` with a `Completion`; the one that
speaks to real servers is `agents.llm.openai`. Nothing here knows HTTP or a vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from audit.errors import CountersignError

ErrorCategory = Literal["model", "timeout", "budget"]
"""Which failure category of SPEC LOOP-1 an error of the model belongs to."""

JsonObject = dict[str, Any]
"""A JSON object in the shape the chat-completions protocol wants it."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One tool call as the model wrote it; `arguments` is its raw text and may not be JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer consumed; `estimated` says that the server did not tell."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """One whole answer of a model.

    `finish_reason` is never empty: an answer without one is a `BrokenAnswer`. With `"length"`
    the last call may be cut, so the gate refuses the calls. `replaced_characters` counts the
    characters no database text can hold, which were replaced by U+FFFD at this edge; `waited_ms` is
    how long the question waited for a place in a rate before it was sent.
    """

    text: str
    calls: tuple[PlannedCall, ...]
    finish_reason: str
    usage: Usage
    model: str
    request_id: str
    duration_ms: int
    first_token_ms: int | None
    replaced_characters: int = 0
    waited_ms: int = 0

    @property
    def truncated(self) -> bool:
        """Whether the model ran into its output limit, so that calls may be incomplete."""
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True)
class Question:
    """One request to a model; `timeout_s` is the deadline for the whole answer."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    temperature: float | None = None
    max_output_tokens: int | None = None
    timeout_s: float = 60.0
    tool_choice: str | JsonObject | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class Provider(Protocol):
    """Something that answers questions; one instance belongs to one event loop."""

    async def complete(self, question: Question, *, on_delta: Callable[[str], None] | None = None) -> Completion:
        """Ask once, without retry. Streams only when `on_delta` is given.

        Returns:
            The whole answer, also when it was streamed.

        Raises:
            ModelError: one of its subclasses, whatever went wrong.
        """
        ...

    async def aclose(self) -> None:
        """Give the connections back."""
        ...


class ModelError(CountersignError):
    """The model did not answer: {reason}."""

    code: ClassVar[str] = "model_error"
    category: ClassVar[ErrorCategory] = "model"
    retryable: ClassVar[bool] = False

    reason: str
    status: int | None
    retry_after_s: float | None
    request_id: str
    unsent: bool

    def __init__(
        self,
        reason: str = "no reason given",
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        request_id: str = "",
        unsent: bool = False,
    ) -> None:
        """Keep the provider's words (`reason`), what a retry needs to know, and whether surely nothing was sent."""
        super().__init__(reason=reason, status=status, retry_after_s=retry_after_s, request_id=request_id, unsent=unsent)


class RateLimited(ModelError):
    """The model provider asked us to slow down: {reason}."""

    code = "model_rate_limited"
    retryable = True


class Later(ModelError):
    """The model is asked later: {reason}."""

    code = "model_later"
    retryable = True


class WaitedTooLong(ModelError):
    """The model was not asked: {reason}."""

    code = "rate_wait_too_long"


class ModelUnavailable(ModelError):
    """The model provider could not be reached or failed on its side: {reason}."""

    code = "model_unavailable"
    retryable = True


class NotReached(ModelUnavailable):
    """There was no connection to the model provider: {reason}."""


class BreakerOpen(ModelError):
    """{reason}."""

    code = "breaker_open"
    retryable = True


class ModelTimeout(ModelError):
    """The model did not answer in time: {reason}."""

    code = "model_timeout"
    category = "timeout"
    retryable = True


class BrokenAnswer(ModelError):
    """The model's answer was cut off or could not be read: {reason}."""

    code = "model_broken_answer"
    retryable = True


class BadRequest(ModelError):
    """The model provider refused the request for good: {reason}."""

    code = "model_bad_request"


class Misconfigured(BadRequest):
    """The model does not take questions as this agent asks them: {reason}."""

    code = "model_misconfigured"


class UnknownModel(Misconfigured):
    """The model provider does not have this model: {reason}."""

    code = "model_unknown"


class Unauthorized(Misconfigured):
    """The model provider does not let this installation in: {reason}."""

    code = "model_unauthorized"


class ContextOverflow(BadRequest):
    """The conversation is longer than the model can read: {reason}."""

    code = "model_context_overflow"
