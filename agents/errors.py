"""What can go wrong on the agents floor, for whoever called. Each has a code; HTTP statuses are the console's."""

from typing import ClassVar

from audit.errors import CountersignError


class AgentsError(CountersignError):
    """The agents floor refused."""

    code: ClassVar[str] = "agents_error"


class UnknownAgent(AgentsError):
    """There is no agent `{slug}`."""

    code: ClassVar[str] = "unknown_agent"


class UnknownAgentRevision(AgentsError):
    """The agent {slug} has no revision {number}."""

    code: ClassVar[str] = "unknown_agent_revision"


class StaleAgent(AgentsError):
    """Revision {number} of {slug} was made by {by} since you were shown it. Look again."""

    code: ClassVar[str] = "stale_agent"


class UnknownSession(AgentsError):
    """There is no session `{ref}`."""

    code: ClassVar[str] = "unknown_session"


class UnknownTurn(AgentsError):
    """{ref} has no turn {number}."""

    code: ClassVar[str] = "unknown_turn"


class UnknownCall(AgentsError):
    """There is no call `{key}`."""

    code: ClassVar[str] = "unknown_call"


class UnknownTaskType(AgentsError):
    """The agent `{agent}` has no task type `{task_type}`; it has {known}."""

    code: ClassVar[str] = "unknown_task_type"


class BadText(AgentsError):
    """`{field}` {reason}."""

    code: ClassVar[str] = "invalid_input"


class NothingRefused(AgentsError):
    """{ref} has no call {call} that was answered by what people refused before."""

    code: ClassVar[str] = "nothing_refused"
    ref: str
    call: str


class NothingWithheld(AgentsError):
    """{ref} keeps no result of a call {call} from the model."""

    code: ClassVar[str] = "nothing_withheld"
    ref: str
    call: str


class SessionEnded(AgentsError):
    """{ref} has ended ({status}); start a new session."""

    code: ClassVar[str] = "session_ended"


class WrongState(AgentsError):
    """{ref} is {status}; it cannot be {action} now."""

    code: ClassVar[str] = "wrong_state"


class UnknownSchedule(AgentsError):
    """There is no schedule `{name}`."""

    code: ClassVar[str] = "unknown_schedule"


class StaleSchedule(AgentsError):
    """The schedule {name} has changed since you were shown it. Look again."""

    code: ClassVar[str] = "stale_schedule"


class StaleInlet(AgentsError):
    """The inlet {name} has changed since you were shown it. Look again."""

    code: ClassVar[str] = "stale_inlet"


class UnknownInlet(AgentsError):
    """There is no inlet `{name}`."""

    code: ClassVar[str] = "unknown_inlet"


class InletPaused(AgentsError):
    """The inlet {name} is paused. Send the message again later."""

    code: ClassVar[str] = "inlet_paused"


class InletFull(AgentsError):
    """The inlet {name} took {most} messages within an hour, and no more are taken. Send it again later."""

    code: ClassVar[str] = "inlet_full"
    most: int
    retry_after_s: int


class NotStuck(AgentsError):
    """No question waits about {ref} making no progress; only then it goes on with another version of its prompt."""

    code: ClassVar[str] = "not_stuck"


class NotDead(AgentsError):
    """{ref} is {status}; only a dead letter is replayed or closed."""

    code: ClassVar[str] = "not_dead"


class BadAgent(AgentsError):
    """The agent's document is not valid: {problem}."""

    code: ClassVar[str] = "invalid_agent"


class PromptVersionExists(AgentsError):
    """The prompt {slug} has a version {version} already; versions never change. Take another number."""

    code: ClassVar[str] = "prompt_exists"


class UnknownPrompt(AgentsError):
    """There is no prompt `{slug}`."""

    code: ClassVar[str] = "unknown_prompt"


class UnknownPromptVersion(AgentsError):
    """The prompt {slug} has no version {version}."""

    code: ClassVar[str] = "unknown_prompt_version"


class BadPromptVersion(AgentsError):
    """The version is not valid: {problem}."""

    code: ClassVar[str] = "invalid_prompt"
    errors: list[dict[str, str]]


class BadGuards(AgentsError):
    """The guards are not valid: {problem}."""

    code: ClassVar[str] = "invalid_guards"
    errors: list[dict[str, str]]


class NotReleased(AgentsError):
    """{version} of {slug} cannot be released: {reason}."""

    code: ClassVar[str] = "not_released"


class BelowGate(AgentsError):
    """{version} of {slug} is held back by its suites: {reason}."""

    code: ClassVar[str] = "below_gate"


class NothingBefore(AgentsError):
    """The prompt {slug} has no release before the one that is live; there is nothing to roll back to."""

    code: ClassVar[str] = "nothing_before"


class WrongStage(AgentsError):
    """{version} of {slug} is {status}; it cannot be {action}."""

    code: ClassVar[str] = "wrong_stage"


class StaleRelease(AgentsError):
    """The traffic of {slug} was routed anew since you were shown it. Look again."""

    code: ClassVar[str] = "stale_release"


class BadEdit(AgentsError):
    """The edited arguments are not valid."""

    code: ClassVar[str] = "invalid_arguments"
    errors: list[dict[str, str]]


class Stopped(AgentsError):
    """{by} stopped {what}: {reason}. New sessions are refused until that is resumed."""

    code: ClassVar[str] = "stopped"


class BudgetSpent(AgentsError):
    """The budget of {budget} is spent; new sessions are refused until the {period} is over."""

    code: ClassVar[str] = "budget_spent"
    retry_after_s: int


class UnknownBudget(AgentsError):
    """There is no active budget {budget}."""

    code: ClassVar[str] = "unknown_budget"


class BudgetExists(AgentsError):
    """There is a budget of {budget} already; change that one."""

    code: ClassVar[str] = "budget_exists"


class StaleBudget(AgentsError):
    """The budget of {budget} has changed since you were shown it. Look again."""

    code: ClassVar[str] = "stale_budget"


class TooManyBudgets(AgentsError):
    """There are {most} budgets, and no room for more; end one first."""

    code: ClassVar[str] = "too_many_budgets"


class UnknownBreaker(AgentsError):
    """There is no breaker `{key}`."""

    code: ClassVar[str] = "unknown_breaker"


class UnknownProvider(AgentsError):
    """No provider `{name}` is configured. Known: {known}."""

    code: ClassVar[str] = "unknown_provider"


class BreakerNotHeld(AgentsError):
    """Nobody holds the breaker of {name}."""

    code: ClassVar[str] = "breaker_not_held"


class BadLimit(AgentsError):
    """`{field}` {reason}."""

    code: ClassVar[str] = "invalid_limit"


class QueueFull(AgentsError):
    """{queued} sessions {of} wait in the queue already, and no more than {most} may. Try again later."""

    code: ClassVar[str] = "queue_full"
    queued: int
    most: int
    of: str
    retry_after_s: int


class UnknownMemory(AgentsError):
    """Nothing with the id `{id}` is remembered."""

    code: ClassVar[str] = "unknown_memory"


class LeaseLost(AgentsError):
    """Another worker holds this session now; nothing was written."""

    code: ClassVar[str] = "lease_lost"
