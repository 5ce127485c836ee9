"""What a tool may raise. Each becomes a structured error that the model reads; none reaches a person as a traceback.

A tool that raises one of these says that it knows what happened: nothing, or what the message tells. Anything else
that escapes from a write counts as an unknown outcome: run again under the same key where there is one, else asked about.
"""

from typing import ClassVar, Literal

from django.core.exceptions import ImproperlyConfigured

from audit.errors import CountersignError

ErrorType = Literal[
    "invalid_input", "not_permitted", "timeout", "api_error", "unavailable", "rejected", "budget", "unknown_outcome"
]


class ToolError(CountersignError):
    """A tool says why it could not do its work; the message is its `reason`."""

    code: ClassVar[str] = "api_error"
    error_type: ClassVar[ErrorType] = "api_error"
    blames_service: ClassVar[bool] = True  # counts for the tool's breaker, where its type does
    reason: str
    hint: str

    def __init__(self, reason: str, hint: str = "") -> None:
        """`reason` says what went wrong, `hint` what the model can do about it."""
        super().__init__(reason=reason, hint=hint)

    @property
    def detail(self) -> str:
        """The reason itself."""
        return self.reason


class ApiError(ToolError):
    """The service behind the tool refused or failed."""


class InvalidInput(ToolError):
    """The arguments do not fit."""

    code = "invalid_input"
    error_type = "invalid_input"


class NotPermitted(ToolError):
    """The tool may not do this, whoever asks."""

    code = "not_permitted"
    error_type = "not_permitted"


class Unavailable(ToolError):
    """The tool cannot work now or here."""

    code = "unavailable"
    error_type = "unavailable"


class NotServed(Unavailable):
    """The tool cannot work now or here, and what it reaches is not to blame: a limit of ours, a missing setting."""

    blames_service = False


class ToolTimeout(ToolError):
    """The tool did not answer in time, and nothing was changed."""

    code = "timeout"
    error_type = "timeout"


class OutcomeUnknown(ToolError):
    """Nobody can know whether the effect happened."""

    code = "unknown_outcome"
    error_type = "unknown_outcome"


class CheckFailed(ToolError):
    """The arguments do not fit the world as it is."""

    code = "invalid_input"
    error_type = "invalid_input"


class NotEntered(CountersignError):
    """The kill switch came before the tool was entered."""

    code = "not_entered"


class ToolDefinitionError(CountersignError, ImproperlyConfigured):
    """The tool {name} cannot be registered: {problem}."""

    code: ClassVar[str] = "tool_definition"

    def __init__(self, name: str, problem: str) -> None:
        """`problem` is a sentence that names the way to mend it."""
        super().__init__(name=name, problem=problem)
