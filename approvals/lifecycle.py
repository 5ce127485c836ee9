"""How an approval request moves, and what is rare beside it, on one screen.

Pure. The rows are moved by `audit.services.transition` alone. What is asked stands in `approvals.models`,
who may decide in `approvals.policy`.
"""

from audit.lifecycle import Lifecycle

REQUEST = Lifecycle(
    model="approvals.ApprovalRequest",
    rank=1,
    start="pending",  # waits for people
    moves={
        ("pending", "vote"): "pending",  # one of several approvals that the quorum needs
        ("pending", "revise"): "pending",  # an edit: next revision, next digest, earlier votes void
        ("pending", "claim"): "pending",  # somebody has it in hand; others may still decide
        ("pending", "release"): "pending",
        ("pending", "assign"): "pending",
        ("pending", "extend"): "pending",  # more time, a bounded number of times
        ("pending", "escalate"): "pending",  # most of its time is over
        ("pending", "exclude"): "pending",  # somebody wrote a message in the session: four eyes widened
        ("pending", "hold"): "held",  # approved, and still to be undone for a moment
        ("pending", "approve"): "approved",
        ("pending", "reject"): "rejected",
        ("pending", "answer"): "answered",  # questions, budgets, unknown outcomes, stuck agents
        ("pending", "expire"): "expired",
        ("pending", "withdraw"): "withdrawn",  # the session ended or was stopped
        ("pending", "void"): "void",  # what it was about changed
        ("held", "exclude"): "held",  # the vote of who wrote a message is void; it shows when the approval is used
        ("held", "undo"): "pending",
        ("held", "approve"): "approved",  # the undo period is over
        ("held", "expire"): "expired",
        ("held", "withdraw"): "withdrawn",
        ("held", "void"): "void",
        ("approved", "exclude"): "approved",
        ("approved", "consume"): "consumed",  # once, together with the intent to run
        ("approved", "expire"): "expired",
        ("approved", "withdraw"): "withdrawn",
        ("approved", "void"): "void",
    },
)

COVER = Lifecycle(
    model="approvals.Cover",
    rank=5,
    start="agreed",  # holds from its beginning to its end, by the database's clock
    moves={("agreed", "end"): "ended"},  # before its time: one of the two or an admin ended it
)

CONTROL = Lifecycle(
    model="approvals.ControlRequest",
    rank=6,
    start="planted",  # stands in the queue like any other request
    moves={
        ("planted", "catch"): "caught",  # rejected, or what is wrong with it was changed
        ("planted", "miss"): "missed",  # approved
        ("planted", "lapse"): "lapsed",  # nobody decided, or control requests were switched off
    },
)

GLASS = Lifecycle(
    model="approvals.GlassUse",
    rank=7,
    start="open",  # somebody broke the glass; everybody sees it until another person has reviewed it
    moves={("open", "review"): "reviewed"},
)

OPEN = frozenset({"pending", "held", "approved"})
"""States in which a request still binds its call."""

STANDING = Lifecycle(
    model="approvals.StandingApproval",
    rank=5,
    start="active",  # it covers further calls, until its time is over or something else has changed
    moves={
        ("active", "use"): "active",  # it approved a call; fewer are left
        ("active", "use_last"): "used_up",
        ("active", "run"): "active",  # a call that it approved runs: it still stood
        ("used_up", "run"): "used_up",
        ("active", "revoke"): "revoked",
        ("used_up", "revoke"): "revoked",  # what it approved and has not run yet asks again
        ("active", "undo"): "undone",  # with the approval that it came with
    },
)
