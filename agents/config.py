"""The configuration document of an agent: what it may use, its model, its limits. Pure.

The document is what `PUT /agents/{slug}`, the page and `manage.py agents apply` take; a stored revision is
exactly one such document.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.guardrails.private import KINDS, Kind
from approvals.facts import Tier

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Scope = Annotated[str, Field(pattern=r"^[a-z0-9_-]+:[a-z0-9_-]+$", max_length=80)]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
ModelName = Annotated[str, Field(min_length=1, max_length=120)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Micro = Annotated[int, Field(ge=1, le=10**15)]
Seconds = Annotated[int, Field(ge=1, le=31_536_000)]


class Document(BaseModel):
    """A part of the document: unknown keys are an error that names them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _no_scopes() -> dict[str, tuple[str, ...]]:
    return {"default": ()}


class Limits(Document):
    """Soft limits warn once, `ask_above` asks a person, the rest halt with what was reached."""

    turns: Count = 20
    soft_turns: Count | None = None
    tool_calls: Count = 40
    soft_tool_calls: Count | None = None
    tokens: Count = 200_000
    soft_tokens: Count | None = None
    cost_microusd: Micro = 500_000
    soft_cost_microusd: Micro | None = None
    ask_above_cost_microusd: Micro | None = None
    active_s: Seconds = 600  # working time; waiting for people does not count
    session_ttl_s: Seconds = 604_800
    approval_ttl_s: Seconds = 86_400
    consecutive_errors: Annotated[int, Field(ge=1, le=100)] = 5
    context_tokens: Annotated[int, Field(ge=500, le=2_000_000)] = 24_000


class Retries(Document):
    """How often a call that can still succeed is tried again."""

    model: Annotated[int, Field(ge=0, le=10)] = 3
    tool: Annotated[int, Field(ge=0, le=10)] = 2
    base_backoff_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    longest_wait_s: Annotated[int, Field(ge=1, le=86_400)] = 900  # for a place in a rate limit


class Loops(Document):
    """How often something may repeat before it counts as going in circles: first the model is told, then people are asked."""

    same_call: Annotated[int, Field(ge=2, le=100)] = 4  # in a row, with the same outcome
    cycles: Annotated[int, Field(ge=2, le=100)] = 3  # of two and more calls over and over
    longest_cycle: Annotated[int, Field(ge=2, le=20)] = 8
    nothing_new: Annotated[int, Field(ge=2, le=10_000)] = 6  # turns in a row
    hint: bool = True  # False: the model is not told first
    ask: bool = True  # False: nobody is asked, the session halts


class Degradation(Document):
    """What the agent does without, decided before it has to.

    Where no model can be had, neither its own nor a fallback: `queue` lets its sessions wait up to `queue_s`, `fail_fast`
    ends them with what was reached. `drop_tools` keeps tools whose breaker is open from the model, which is told.
    Calls of `suspended_tiers` are denied, or put before people, as long as a session is not at its full.
    """

    when_no_model: Literal["queue", "fail_fast"] = "queue"
    queue_s: Seconds = 3600
    minimal_text: Annotated[str, Field(max_length=500)] = ""
    drop_tools: bool = True
    suspended_tiers: Annotated[tuple[Tier, ...], Field(max_length=4)] = ()
    suspended_calls: Literal["deny", "ask"] = "deny"


class Output(Document):
    """What is taken out of an answer before people read it. `whole`: nothing of it is shown before all of it is there."""

    remove: Annotated[tuple[Kind, ...], Field(max_length=len(KINDS))] = ("secret",)
    prompt: bool = True  # what repeats the agent's own instructions
    whole: bool = False


class Classify(Document):
    """Whether the cheap model looks at what strangers wrote, in results of tools that read and in an inlet's message, and how long."""

    on: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 8.0


class AgentConfig(Document):
    """One agent, whole."""

    slug: Slug
    name: Annotated[str, Field(max_length=120)] = ""
    description: Annotated[str, Field(max_length=2000)] = ""
    environment: Literal["development", "staging", "production"] = "production"
    prompt: Slug
    prompt_text: Annotated[str, Field(max_length=100_000)] | None = None
    model: ModelName
    fallbacks: Annotated[tuple[ModelName, ...], Field(max_length=8)] = ()
    cheap_model: Annotated[str, Field(max_length=120)] = ""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_output_tokens: Annotated[int, Field(ge=16, le=200_000)] = 2048
    model_timeout_s: Annotated[float, Field(gt=0, le=600)] = 120.0
    tools: Annotated[tuple[ToolName, ...], Field(max_length=100)] = ()
    single_turn: bool = False
    priority: Literal["low", "normal", "high"] = "normal"  # who waits first where a budget runs short
    dry_run: bool = False
    task_types: dict[Annotated[str, Field(max_length=60)], tuple[Scope, ...]] = Field(default_factory=_no_scopes)
    limits: Limits = Limits()
    loops: Loops = Loops()
    retries: Retries = Retries()
    output: Output = Output()
    classify: Classify = Classify()
    scrub: Annotated[tuple[Kind, ...], Field(max_length=len(KINDS))] = ()  # what models read as references
    unscrub: Annotated[tuple[ToolName, ...], Field(max_length=100)] = ()  # tools that are given what those stand for
    degradation: Degradation = Degradation()

    @model_validator(mode="after")
    def _has_a_default_task_type(self) -> "AgentConfig":
        if "default" not in self.task_types:
            raise ValueError("task_types must have a `default`, used where a session names none")
        return self

    def scopes(self, task_type: str) -> frozenset[str]:
        """The scopes that a task type allows; none for an unknown one."""
        return frozenset(self.task_types.get(task_type, ()))
