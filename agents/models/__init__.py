"""The rows of the agents floor, one file per noun."""

from agents.models.agent import Agent, AgentRevision
from agents.models.breaker import Breaker
from agents.models.budget import Budget, Meter, ModelUse, Reservation
from agents.models.evaluation import Case, EvalResult, EvalRun, Suite
from agents.models.inlet import Arrival, Inlet
from agents.models.library import DeletedDocument, Draft, LibraryDocument, Memory, Note, WorkspaceFile
from agents.models.load import Limit, RateBook, RateWait, ToolRun
from agents.models.prompt import CanaryWatch, GuardSet, Prompt, PromptVersion, Recall, Release
from agents.models.schedule import Firing, Schedule
from agents.models.session import Message, Session, ToolCall, Turn
from agents.models.stop import Stop
from agents.models.tool import ToolDefinition
from agents.models.worker import WorkerHeartbeat

__all__ = [
    "Agent",
    "AgentRevision",
    "Arrival",
    "Breaker",
    "Budget",
    "CanaryWatch",
    "Case",
    "DeletedDocument",
    "Draft",
    "EvalResult",
    "EvalRun",
    "Firing",
    "GuardSet",
    "Inlet",
    "LibraryDocument",
    "Limit",
    "Memory",
    "Message",
    "Meter",
    "ModelUse",
    "Note",
    "Prompt",
    "PromptVersion",
    "RateBook",
    "RateWait",
    "Recall",
    "Release",
    "Reservation",
    "Schedule",
    "Session",
    "Stop",
    "Suite",
    "ToolCall",
    "ToolDefinition",
    "ToolRun",
    "Turn",
    "WorkerHeartbeat",
    "WorkspaceFile",
]
