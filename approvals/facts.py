"""The values that policy reads and returns: facts of a call, of a request, of a person; a judgement, a refusal.

Pure. How they are judged stands in `approvals.policy`, the stored document in `approvals.document`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Tier = Literal["read_only", "reversible_write", "irreversible_write", "destructive"]
Radius = Literal["narrow", "wide"]
Verdict = Literal["allow", "ask", "deny"]
Environment = Literal["development", "staging", "production"]
OriginKind = Literal["operator", "user", "reviewer", "result", "model"]
DecisionVerdict = Literal["approve", "reject", "edit", "answer", "extend", "happened", "run_again", "give_up"]

TIERS: tuple[Tier, ...] = get_args(Tier)
"""From harmless to grave; the place in it is the order."""
STRICTEST: Tier = "destructive"
ENVIRONMENTS: tuple[Environment, ...] = get_args(Environment)
SEVERITY: Mapping[str, int] = {"allow": 0, "ask": 1, "deny": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one value of a call's arguments first appeared: computed from the session's texts, never told by the model."""

    path: str  # to.0
    kind: OriginKind
    label: str = ""  # how people call the source: "Message of Olga", a document's title
    call: str = ""  # the call whose answer it was
    ref: str = ""  # the document or address in that answer
    untrusted: bool = False  # some of it stands in untrusted content, and a person never said it
    share: int = 100  # percent of it that stands in the source
    own: int = 0  # percent of it that the model alone wrote
    prose: bool = False  # a text, which is read; anything else names or counts something

    def doubtful(self, *, tainted: bool) -> bool:
        """Say whether policy takes the value for untrusted: what the model wrote after untrusted content counts as that."""
        return self.untrusted or (tainted and self.own > 0)


@dataclass(frozen=True, slots=True)
class CallFacts:
    """All that policy may know of one tool call. The model has a say in `arguments` alone."""

    tool: str
    tier: str
    blast_radius: str
    egress: bool
    scopes: frozenset[str]
    granted: frozenset[str]
    arguments: Mapping[str, Any]
    tainted: bool
    cost_microusd: int
    environment: str
    agent: str
    task_type: str
    enabled: bool
    repeat: bool
    dry_run: bool
    denied_before: bool
    refused: int = 0  # how often people refused the same intent in this session, as far as it counts
    flags: tuple[str, ...] = ()  # further marks of the gate; each one asks a person
    private: bool = False  # the session has read what is the company's own
    suspended: Verdict | None = None  # what the agent says of this tier while it does without something it relies on
    origins: tuple[Origin, ...] = ()  # of every value in `arguments`; of a plain read that policy does not ask about, none


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a judgement: a stable code and a sentence for people and for the model."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What policy says of a call, why, and who has to agree."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    risk: int  # 1 low, 2 elevated, 3 high, 4 critical
    required: int = 1  # distinct humans
    groups: tuple[str, ...] = ()  # each must be met; "finance|legal" is met by either
    self_confirm: bool = False
    reauthenticate: bool = False
    hold_s: int = 0
    ttl_s: int = 86_400

    def as_json(self) -> dict[str, Any]:
        """Return the judgement as it is stored beside the call."""
        return {
            "verdict": self.verdict,
            "risk": self.risk,
            "required": self.required,
            "groups": list(self.groups),
            "self_confirm": self.self_confirm,
            "reauthenticate": self.reauthenticate,
            "hold_s": self.hold_s,
            "ttl_s": self.ttl_s,
            "reasons": self.reasons_json(),
        }

    def reasons_json(self) -> list[dict[str, str]]:
        """Return the reasons alone, as a request shows them."""
        return [{"code": reason.code, "text": reason.text} for reason in self.reasons]


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody's place, in which another decides for a while: a cover in force, with the roles that it lends."""

    of: int
    name: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Person:
    """Who wants to decide. `reauthenticated` is None where it cannot be asked (a token)."""

    id: int
    name: str
    roles: frozenset[str]
    service: bool = False
    reauthenticated: bool | None = None
    places: tuple[Place, ...] = ()  # of others, where they were read; what they lend is never added up


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What of a request says who may decide it."""

    kind: str
    excluded: frozenset[int] = frozenset()
    requester: int | None = None  # the human who started the session, himself and not by a service token
    groups: tuple[str, ...] = ()
    self_confirm: bool = False
    reauthenticate: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not decide: a stable code and a sentence for him."""

    code: str
    text: str
