"""How sessions, tool calls, stops, budgets, breakers, prompts, evaluations and grading move, on one screen.

Pure. The rows are moved by `audit.services.transition` alone; the tests try every pair of state and event.
"""

from audit.lifecycle import Lifecycle

_LIVE = ("queued", "running", "waiting_approval", "waiting_input", "paused")

SESSION = Lifecycle(
    model="agents.Session",
    rank=3,
    start="queued",  # ready for any worker
    moves={
        ("queued", "claim"): "running",  # a worker holds the lease
        ("running", "claim"): "running",  # taken over: the lease of a dead worker ran out
        ("running", "progress"): "running",  # one step was written
        ("running", "release"): "queued",  # given back: the worker leaves, or the step must wait
        ("running", "await_approval"): "waiting_approval",  # rests; no worker is held
        ("running", "await_input"): "waiting_input",  # answered; another message may follow
        ("waiting_approval", "wake"): "queued",  # a decision was made, or a request ran out
        ("waiting_input", "wake"): "queued",  # a message came
        ("queued", "nudge"): "queued",  # something new to look at, noted for whoever runs it
        ("running", "nudge"): "running",
        ("waiting_approval", "nudge"): "waiting_approval",  # a message that joins the next turn
        ("waiting_input", "nudge"): "waiting_input",  # another prompt version; it still waits
        ("paused", "nudge"): "paused",
        ("paused", "resume"): "queued",
        ("running", "complete"): "completed",
        ("running", "halt"): "halted",  # a limit; the partial answer is kept
        ("running", "fail"): "failed",  # not worth a replay
        ("running", "give_up"): "dead_letter",  # kept whole for inspection and replay
        ("waiting_input", "complete"): "completed",
        ("dead_letter", "replay"): "queued",  # a person lets it go on from its last good turn
        ("dead_letter", "close"): "failed",  # a person says with a note that it is not worth a replay
        **{(state, "pause"): "paused" for state in _LIVE if state != "paused"},
        **{(state, "cancel"): "cancelled" for state in _LIVE},
        **{(state, "expire"): "expired" for state in _LIVE},
    },
)

TOOL_CALL = Lifecycle(
    model="agents.ToolCall",
    rank=2,
    start="proposed",  # the model wrote it
    moves={
        ("proposed", "refuse"): "invalid",  # cannot run as written; the model is told why
        ("proposed", "deny"): "denied",  # policy says no
        ("proposed", "allow"): "allowed",
        ("proposed", "ask"): "awaiting",  # a person decides
        ("awaiting", "approve"): "approved",
        ("awaiting", "revise"): "awaiting",  # a reviewer edited the arguments
        ("awaiting", "ask_again"): "awaiting",  # what was approved no longer holds; a new request
        ("awaiting", "reject"): "rejected",
        ("awaiting", "expire"): "expired",
        ("awaiting", "withdraw"): "withdrawn",
        ("awaiting", "deny"): "denied",  # policy was tightened meanwhile
        ("allowed", "start"): "executing",  # the intent is written before the effect
        ("allowed", "deny"): "denied",
        ("allowed", "ask"): "awaiting",  # judged again before it runs: now it needs a person
        ("allowed", "withdraw"): "withdrawn",
        ("approved", "start"): "executing",
        ("approved", "withdraw"): "withdrawn",
        ("executing", "succeed"): "succeeded",
        ("executing", "fail"): "failed",
        ("executing", "restart"): "executing",  # a repeat that is safe: read-only, or keyed
        ("executing", "hold"): "allowed",  # the kill switch came before it was entered; judged again when that is lifted
        ("executing", "lose"): "unknown",  # nobody can know whether it happened
        ("unknown", "resolve"): "resolved",  # a person said it happened, or gave it up
        ("unknown", "run_again"): "allowed",  # a person said: run it again
    },
)

STOP = Lifecycle(
    model="agents.Stop",
    rank=4,
    start="active",  # holds what it names, on every worker
    moves={("active", "lift"): "lifted"},
)

BUDGET = Lifecycle(
    model="agents.Budget",
    rank=4,
    start="active",  # caps what it names
    moves={
        ("active", "change"): "active",  # another cap, or another way to meet it
        ("active", "end"): "ended",
    },
)

BREAKER = Lifecycle(
    model="agents.Breaker",
    rank=5,
    start="closed",  # calls go through; failures are counted
    moves={
        ("closed", "trip"): "open",  # too many failures: nothing goes through until it has cooled down
        ("open", "probe"): "half_open",  # one call of one worker is let through
        ("half_open", "probe"): "half_open",  # its prober was not heard of again; another one
        ("half_open", "pass"): "closed",
        ("half_open", "fail"): "open",  # for longer than before
        ("half_open", "leave"): "open",  # the probe was never sent, or taken back: the next caller makes it
        **{(state, "force_open"): "forced_open" for state in ("closed", "open", "half_open", "forced_closed")},
        **{(state, "force_closed"): "forced_closed" for state in ("closed", "open", "half_open", "forced_open")},
        ("forced_open", "release"): "closed",  # counts from nothing again
        ("forced_closed", "release"): "closed",
    },
)

SCHEDULE = Lifecycle(
    model="agents.Schedule",
    rank=8,
    start="active",  # fires at its due times
    moves={
        ("active", "pause"): "paused",
        ("paused", "resume"): "active",
        **{(state, "change"): state for state in ("active", "paused")},  # another goal, agent or time
        **{(state, "end"): "ended" for state in ("active", "paused")},
    },
)

INLET = Lifecycle(
    model="agents.Inlet",
    rank=9,
    start="active",  # takes signed messages
    moves={
        ("active", "pause"): "paused",
        ("paused", "resume"): "active",
        **{(state, "change"): state for state in ("active", "paused")},  # another goal, agent or bound
        **{(state, "rotate"): state for state in ("active", "paused")},  # a new secret
        **{(state, "end"): "ended" for state in ("active", "paused")},
    },
)

PROMPT_VERSION = Lifecycle(
    model="agents.PromptVersion",
    rank=10,
    start="draft",  # saved; its text never changes any more
    moves={
        ("draft", "propose"): "candidate",  # its author says that it is ready
        ("candidate", "start_canary"): "canary",  # a share of the new sessions
        ("canary", "start_canary"): "canary",  # another share
        ("candidate", "activate"): "active",  # all new sessions, but for a canary's share
        ("canary", "activate"): "active",
        ("active", "retire"): "retired",  # another one took its place, or it was rolled back
        ("canary", "retire"): "retired",
        ("candidate", "retire"): "retired",  # given up before it had traffic
        ("draft", "retire"): "retired",
        ("retired", "start_canary"): "canary",  # released once more
        ("retired", "activate"): "active",
    },
)

RELEASE = Lifecycle(
    model="agents.Release",
    rank=11,
    start="live",
    moves={
        ("live", "supersede"): "superseded",  # another distribution took its place
        ("live", "roll_back"): "rolled_back",  # a rollback passes it over from now on
    },
)

RECALL = Lifecycle(
    model="agents.Recall",
    rank=12,
    start="open",  # no session goes on with the version
    moves={("open", "end"): "ended"},  # none is left, or the version was released again
)

ROLLOUT_PLAN = Lifecycle(
    model="agents.RolloutPlan",
    rank=13,
    start="active",  # its next step is taken once it is due
    moves={
        ("active", "step"): "active",  # another share was released
        ("active", "finish"): "done",  # the last one
        ("active", "pause"): "paused",  # somebody holds it where it is
        ("paused", "resume"): "active",
        ("active", "cancel"): "cancelled",  # the canary keeps its share
        ("paused", "cancel"): "cancelled",
        ("active", "overtake"): "overtaken",  # rolled back, or the traffic was routed otherwise
        ("paused", "overtake"): "overtaken",
    },
)

SUITE = Lifecycle(
    model="agents.Suite",
    rank=20,
    start="active",
    moves={
        ("active", "change"): "active",  # another threshold, gate or bound; also: its cases changed
        ("active", "end"): "ended",  # holds no version back any more
    },
)

CASE = Lifecycle(
    model="agents.Case",
    rank=21,
    start="current",  # what the next run plays
    moves={
        ("current", "supersede"): "superseded",  # another revision took its place
        ("current", "remove"): "removed",
    },
)

EVAL_RUN = Lifecycle(
    model="agents.EvalRun",
    rank=22,
    start="queued",
    moves={
        ("queued", "claim"): "running",
        ("running", "claim"): "running",  # taken over: the lease of a dead worker ran out
        ("running", "progress"): "running",  # results were written
        ("running", "release"): "queued",  # given back: its worker leaves, or nothing can be asked now
        ("running", "finish"): "done",
        ("running", "fail"): "failed",  # its cost reached the cap, or no model answers
        ("queued", "cancel"): "cancelled",
        ("running", "cancel"): "cancelled",
        ("cancelled", "charge"): "cancelled",  # what was under way just then had been paid for
    },
)

RERUN = Lifecycle(
    model="agents.Rerun",
    rank=26,
    start="queued",
    moves={
        ("queued", "claim"): "running",
        ("running", "claim"): "running",  # taken over: the lease of a dead worker ran out
        ("running", "progress"): "running",  # turns were written
        ("running", "release"): "queued",  # given back: its worker leaves, or nothing can be asked now
        ("running", "finish"): "done",  # the agent answered, or a bound broke it off
        ("running", "fail"): "failed",  # no model answers, or it could not be played
        ("queued", "cancel"): "cancelled",
        ("running", "cancel"): "cancelled",
    },
)

GRADING_RUBRIC = Lifecycle(
    model="agents.GradingRubric",
    rank=23,
    start="current",  # what new items are graded against
    moves={("current", "supersede"): "superseded"},  # another revision took its place
)

GRADING_ITEM = Lifecycle(
    model="agents.GradingItem",
    rank=24,
    start="coming",  # its session still works
    moves={
        ("coming", "ripen"): "waiting",
        ("waiting", "claim"): "waiting",  # one person has it in hand for a while
        ("graded", "claim"): "graded",  # a second person, or the same one who thinks again
        ("waiting", "release"): "waiting",
        ("graded", "release"): "graded",
        ("waiting", "grade"): "graded",
        ("graded", "grade"): "graded",  # by another person, or a correction
        ("waiting", "skip"): "skipped",
    },
)

JUDGING = Lifecycle(
    model="agents.Judging",
    rank=25,
    start="queued",
    moves={
        ("queued", "claim"): "running",
        ("running", "claim"): "running",  # taken over: the lease of a dead worker ran out
        ("running", "release"): "queued",  # nothing can be asked now, or the day's cap is reached
        ("running", "finish"): "done",
        ("running", "fail"): "failed",  # it gave no grade
    },
)

# All but the last are final; a dead letter is kept for a replay.
SESSION_ENDS = frozenset({"completed", "halted", "failed", "cancelled", "expired", "dead_letter"})
CALL_OUTCOMES = frozenset({"invalid", "denied", "rejected", "expired", "withdrawn", "succeeded", "failed", "resolved"})
"""States in which a call has the one tool message that the model will read."""
