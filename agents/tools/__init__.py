"""Tools: what an agent may call. `tool` registers one; `ToolContext` is what its function is handed.

Running one is `agents.tools.execute`, which the gate alone calls.
"""

from agents.tools.context import ToolContext
from agents.tools.errors import ApiError, CheckFailed, InvalidInput, NotPermitted, OutcomeUnknown, ToolError, Unavailable
from agents.tools.registry import tool
from agents.tools.sensitive import Sensitive

__all__ = [
    "ApiError",
    "CheckFailed",
    "InvalidInput",
    "NotPermitted",
    "OutcomeUnknown",
    "Sensitive",
    "ToolContext",
    "ToolError",
    "Unavailable",
    "tool",
]
