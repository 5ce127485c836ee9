"""The rows of the agents floor, one file per noun."""

from agents.models.agent import Agent, AgentRevision
from agents.models.agreement import AgreementRun
from agents.models.breaker import Breaker
from agents.models.budget import Budget, Meter, ModelUse, Reservation
from agents.models.evaluation import Case, EvalResult, EvalRun, Suite
from agents.models.grading import Grade, GradingItem, GradingRubric, GradingRule, Judging
from agents.models.inlet import Arrival, Inlet
from agents.models.library import DeletedDocument, Draft, LibraryDocument, Memory, Note, WorkspaceFile
from agents.models.load import Limit, RateBook, RateWait, ToolRun
from agents.models.prompt import CanaryWatch, GuardSet, Prompt, PromptVersion, Recall, Release, RolloutPlan
from agents.models.rerun import Rerun
from agents.models.schedule import Firing, Schedule
from agents.models.session import Message, Session, ToolCall, Turn
from agents.models.stop import Stop
from agents.models.tool import ToolDefinition
from agents.models.worker import WorkerHeartbeat

__all__ = [
    "Agent",
    "AgentRevision",
    "AgreementRun",
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
    "Grade",
    "GradingItem",
    "GradingRubric",
    "GradingRule",
    "GuardSet",
    "Inlet",
    "Judging",
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
    "Rerun",
    "Reservation",
    "RolloutPlan",
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
