"""Who may do what, as one table on one screen. Pure.

Pages and API ask the same table (`console.auth`). A person may hold several roles; a token's scopes only ever narrow
what its user may do. Four eyes, groups and kinds of requests are judged beside this, by `approvals.policy.may_decide`.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Role(StrEnum):
    """What an account may be; the value is the name of its group."""

    VIEWER = "viewer"
    AUDITOR = "auditor"
    REVIEWER = "reviewer"
    PROMPT_MANAGER = "prompt_manager"
    OPERATOR = "operator"
    ADMIN = "admin"


class Right(StrEnum):
    """One thing that an account may do."""

    PUBLIC = "public"  # no credential at all: sign-in, probes, the API's document
    SIGNED_IN = "signed_in"  # any account, also one without a role: sign out, theme
    SEE = "see"  # sessions, approvals, agents, tools, prompts
    REVEAL = "reveal"  # raw content of everything
    REVEAL_DECIDED = "reveal_decided"  # raw content of what one decides
    REVEAL_PROMPTS = "reveal_prompts"  # raw content of prompts and cases
    RUN_SESSIONS = "run_sessions"  # start, send messages, cancel own
    DIRECT_SESSIONS = "direct_sessions"  # act on behalf of another, cancel any, pause
    LIFT_REFUSALS = "lift_refusals"  # let an agent ask again for what people refused
    RELEASE_RESULTS = "release_results"  # give an agent a result that was kept from it
    DECIDE = "decide"  # approval requests; of which kinds says `may_decide`
    BREAK_GLASS = "break_glass"  # approve alone in an emergency, where policy allows it
    REVIEW_GLASS = "review_glass"  # say what one found of somebody else's doing so
    EDIT_PROMPTS = "edit_prompts"  # versions, suites, releases
    ROLL_BACK_PROMPTS = "roll_back_prompts"
    GRADE = "grade"  # sessions and results that were taken to be graded
    SET_GRADING = "set_grading"  # how much is graded, against which rubric, and by which judge
    RESTRAIN = "restrain"  # disable a tool, raise a tier, kill switch, breakers, dead letters
    ADMINISTER = "administer"  # lower a tier, policies, agents, users, roles
    PLANT_CONTROLS = "plant_controls"  # control requests: on, off, how often
    READ_AUDIT = "read_audit"  # every entry
    READ_OWN_AUDIT = "read_own_audit"  # own decisions, own prompts
    VERIFY_AUDIT = "verify_audit"
    EXPORT_AUDIT = "export_audit"
    ANSWER_FINDINGS = "answer_findings"  # say what one makes of a log that does not verify
    OWN_TOKENS = "own_tokens"
    ALL_TOKENS = "all_tokens"


_EVERYBODY = frozenset(Role)
_V, _AU, _R, _P, _O, _AD = Role.VIEWER, Role.AUDITOR, Role.REVIEWER, Role.PROMPT_MANAGER, Role.OPERATOR, Role.ADMIN

RIGHTS: Mapping[Right, frozenset[Role]] = {
    Right.SEE: _EVERYBODY,
    Right.REVEAL: frozenset({_AU, _O, _AD}),
    Right.REVEAL_DECIDED: frozenset({_AU, _R, _O, _AD}),
    Right.REVEAL_PROMPTS: frozenset({_AU, _P, _O, _AD}),
    Right.RUN_SESSIONS: frozenset({_R, _P, _O, _AD}),
    Right.DIRECT_SESSIONS: frozenset({_O, _AD}),
    Right.LIFT_REFUSALS: frozenset({_R, _O, _AD}),
    Right.RELEASE_RESULTS: frozenset({_R, _O, _AD}),
    Right.DECIDE: frozenset({_R, _P, _O, _AD}),
    Right.BREAK_GLASS: frozenset({_AD}),
    Right.REVIEW_GLASS: frozenset({_AU, _AD}),
    Right.EDIT_PROMPTS: frozenset({_P, _AD}),
    Right.ROLL_BACK_PROMPTS: frozenset({_P, _O, _AD}),
    Right.GRADE: frozenset({_R, _P, _AD}),
    Right.SET_GRADING: frozenset({_P, _O, _AD}),
    Right.RESTRAIN: frozenset({_O, _AD}),
    Right.ADMINISTER: frozenset({_AD}),
    Right.PLANT_CONTROLS: frozenset({_O, _AD}),
    Right.READ_AUDIT: frozenset({_AU, _O, _AD}),
    Right.READ_OWN_AUDIT: frozenset({_AU, _R, _P, _O, _AD}),
    Right.VERIFY_AUDIT: frozenset({_AU, _O, _AD}),
    Right.EXPORT_AUDIT: frozenset({_AU, _AD}),
    Right.ANSWER_FINDINGS: frozenset({_AU, _AD}),
    Right.OWN_TOKENS: _EVERYBODY,
    Right.ALL_TOKENS: frozenset({_AD}),
}

_NOUNS = ("agents", "sessions", "approvals", "tools", "policies", "prompts", "evals", "audit", "stop", "breakers", "budgets", "limits",
          "tokens")  # fmt: skip
DECIDE_SCOPE = "approvals:decide"
METRICS_SCOPE = "metrics:read"  # there is nothing to write
SCOPES: tuple[str, ...] = tuple(
    sorted([*(f"{noun}:{verb}" for noun in _NOUNS for verb in ("read", "write")), DECIDE_SCOPE, METRICS_SCOPE])
)
"""What a token may be limited to."""


def holds(roles: Iterable[str], right: Right) -> bool:
    """Return whether one of the roles carries the right; unknown roles and unlisted rights carry nothing."""
    return not RIGHTS.get(right, frozenset()).isdisjoint(roles)


def roles_with(right: Right) -> list[Role]:
    """Return the roles that carry the right, for the sentence that tells a person what is missing."""
    return [role for role in Role if role in RIGHTS.get(right, frozenset())]
