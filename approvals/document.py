"""The policy as a stored document: one row a tier, one an environment, rules over arguments, lists of who is known.

Pure. `approvals.policy.judge` reads it. A document that leaves a tier or an environment out is refused, because
what is not written down would have to be guessed.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from approvals.facts import ENVIRONMENTS, TIERS, Environment, Tier, Verdict

Name = Annotated[str, Field(min_length=1, max_length=120)]
Group = Annotated[str, Field(pattern=r"^[^|\s][^|]*(\|[^|]+)*$", max_length=400)]
Quorum = Annotated[int, Field(ge=1, le=9)]
Operator = Literal["eq", "ne", "gt", "ge", "lt", "le", "in", "not_in", "contains", "outside", "untrusted"]

DAY_S = 86_400
MOST_REPEATS, MOST_REPEAT_MINUTES = 50, 1440


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Repeat(_Part):
    """The most that one approval may let a session do again without asking: further calls, and for how long."""

    count: Annotated[int, Field(ge=1, le=MOST_REPEATS)]
    minutes: Annotated[int, Field(ge=1, le=MOST_REPEAT_MINUTES)]


class TierRule(_Part):
    """What a tier does at either blast radius, and who has to agree where it asks."""

    narrow: Verdict
    wide: Verdict
    required: Quorum = 1
    groups: tuple[Group, ...] = ()
    self_confirm: bool = False
    reauthenticate: bool = False
    hold_s: Annotated[int, Field(ge=0, le=30)] = 5
    dwell_s: Annotated[int, Field(ge=0, le=30)] = 0  # what a page has to show before an approval is taken from it
    repeat: Repeat | None = None  # None: every call of it is asked about


class EnvironmentRule(_Part):
    """The gravest tier that agents of an environment may use at all."""

    up_to: Tier


class TaintRule(_Part):
    """What untrusted content in a session changes."""

    egress: Literal["ask", "deny"] = "ask"
    writes: Literal["ask", "deny"] = "ask"  # of those above a narrow reversible one
    values: Literal["ask", "deny"] = "ask"  # of what is written or leaves, where untrusted content or the model set them
    all_three: Verdict = "ask"  # private data was read too, and the call carries something out or changes it
    quarantine: Literal["off", "flagged"] = "off"  # whether results that look like orders are kept from the model


TAINT_VERDICTS = ("egress", "writes", "values", "all_three")
"""The members of it that are verdicts."""


class AskingRule(_Part):
    """How much is asked of people. Beyond it a call is answered to the agent instead."""

    refusals: Annotated[int, Field(ge=1, le=20)] = 2  # of the same intent in a session; then it is refused unasked
    open_per_session: Annotated[int, Field(ge=1, le=64)] = 10
    open_per_agent: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000


class Condition(_Part):
    """A question to the arguments. `path` goes down by dots, `*` means every member."""

    path: Annotated[str, Field(min_length=1, max_length=200)]
    op: Operator
    value: JsonValue = None

    @model_validator(mode="after")
    def _value_fits(self) -> Self:
        if self.op in ("in", "not_in") and not isinstance(self.value, list):
            raise ValueError(f"'{self.op}' needs a list as its value")
        if self.op == "outside" and self.value not in ("recipients", "hosts"):
            raise ValueError("'outside' needs the name of a list as its value: recipients or hosts")
        if self.op in ("gt", "ge", "lt", "le") and (isinstance(self.value, bool) or not isinstance(self.value, int | float)):
            raise ValueError(f"'{self.op}' needs a number as its value")
        return self


class Rule(_Part):
    """One tightening: where everything named in it fits, the call is asked about or denied. Empty means: every."""

    name: Name
    tool: str = ""
    agent: str = ""
    task_type: str = ""
    environment: Environment | Literal[""] = ""
    when: Condition | None = None
    above_cost_microusd: Annotated[int, Field(ge=0)] | None = None
    then: Literal["ask", "deny"]
    required: Quorum = 1
    groups: tuple[Group, ...] = ()

    @property
    def reason(self) -> str:
        """The sentence by which judgements name the rule."""
        return f"Policy rule '{self.name}'."


class ClaimRule(_Part):
    """How long a claim lasts and how many one person may have, and how often and by how much a request is given more time.

    The database allows no more than three extensions, whatever is written here.
    """

    lease_s: Annotated[int, Field(ge=60, le=3_600)] = 600
    most: Annotated[int, Field(ge=1, le=200)] | None = None  # as many as they like
    extensions: Annotated[int, Field(ge=0, le=3)] = 3
    extension_s: Annotated[int, Field(ge=60, le=DAY_S)] = DAY_S


class BreakGlass(_Part):
    """Whether an admin may approve a call alone, where groups or others of a quorum cannot be reached."""

    enabled: bool = False


class ReleaseRule(_Part):
    """Whether a version gets traffic only once a second person agreed; a rollback never waits for one."""

    second_person: bool = False


class Policy(_Part):
    """The whole document."""

    tiers: Mapping[Tier, TierRule]
    environments: Mapping[Environment, EnvironmentRule]
    tainted: TaintRule = TaintRule()
    asking: AskingRule = AskingRule()
    break_glass: BreakGlass = BreakGlass()
    releases: ReleaseRule = ReleaseRule()
    rules: tuple[Rule, ...] = ()
    agent_groups: Mapping[str, tuple[Group, ...]] = Field(default_factory=dict)
    recipients: tuple[str, ...] = ()  # known addresses, or domains as "@example.com"
    hosts: tuple[str, ...] = ()  # known hosts; their subdomains too
    ttl_s: Annotated[int, Field(ge=60, le=30 * DAY_S)] = DAY_S
    claims: ClaimRule = ClaimRule()

    @property
    def reads_origins(self) -> bool:
        """Whether a rule asks where a value comes from, of plain reads too."""
        return any(rule.when is not None and rule.when.op == "untrusted" for rule in self.rules)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        missing = [*(set(TIERS) - set(self.tiers)), *(set(ENVIRONMENTS) - set(self.environments))]
        if missing:
            raise ValueError(f"the policy does not say what holds for: {', '.join(sorted(missing))}")
        if self.tiers["destructive"].self_confirm:
            raise ValueError("self_confirm cannot be given for destructive calls")
        if self.tiers["destructive"].repeat:
            raise ValueError("repeat cannot be given for destructive calls: each one is asked about")
        names = [rule.name for rule in self.rules]
        if len(names) != len(set(names)):
            raise ValueError("two rules have the same name")
        return self


DEFAULT_POLICY = Policy(
    tiers={
        "read_only": TierRule(narrow="allow", wide="allow"),
        "reversible_write": TierRule(narrow="allow", wide="ask", repeat=Repeat(count=10, minutes=60)),
        "irreversible_write": TierRule(narrow="ask", wide="ask", repeat=Repeat(count=10, minutes=60)),
        "destructive": TierRule(narrow="ask", wide="ask", reauthenticate=True),
    },
    environments={
        "staging": EnvironmentRule(up_to="read_only"),
        "development": EnvironmentRule(up_to="reversible_write"),
        "production": EnvironmentRule(up_to="destructive"),
    },
)
"""What holds until an admin stores another document."""
