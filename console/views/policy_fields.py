"""The inputs of the policy's form with their labels, values and errors, in groups as the page shows them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from approvals.document import MOST_REPEAT_MINUTES, MOST_REPEATS
from approvals.errors import InvalidPolicy
from approvals.facts import ENVIRONMENTS, TIERS
from approvals.policies import checked
from console.looks import TIER_WORDS
from console.policy_form import OPERATORS, SPARE, document_of, places
from console.policy_words import ASKING_WORDS, OPERATOR_WORDS, QUARANTINE_WORDS, TAINT_WORDS, VERDICT_WORDS, sentence

Sent = Mapping[str, str]
Errors = Mapping[str, list[str]]
Options = tuple[tuple[str, str], ...]

VERDICTS: Options = tuple(VERDICT_WORDS.items())
TIGHTENINGS: Options = VERDICTS[1:]
TIER_OPTIONS: Options = tuple((tier, TIER_WORDS[tier]) for tier in TIERS)
GROUPS_HINT = "Separated by commas; each has to agree. “finance|legal” is met by either."


REPEAT_HINT = "How many one approval may let a session do again. Both empty: none."


@dataclass(frozen=True, slots=True)
class Field:
    """One input. `kind` is text, number, choice, lines or box."""

    name: str
    label: str
    kind: Literal["text", "number", "choice", "lines", "box"]
    value: str = ""
    options: Options = ()
    hint: str = ""
    low: int | None = None
    high: int | None = None
    errors: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of the input."""
        return "p-" + self.name.replace(".", "-")


@dataclass(frozen=True, slots=True)
class Group:
    """Inputs that belong together; a rule has its sentence, and is open where something in it is wrong."""

    title: str
    fields: tuple[Field, ...]
    said: str = ""
    open: bool = False
    spare: bool = False


class _Maker:
    """Makes inputs with what was sent and what is wrong."""

    def __init__(self, sent: Sent, errors: Errors) -> None:
        self.sent, self.errors = sent, errors

    def one(
        self, name: str, label: str, kind: Literal["text", "number", "choice", "lines", "box"], options: Options = (),
        hint: str = "", low: int | None = None, high: int | None = None,
    ) -> Field:  # fmt: skip
        errors = tuple(self.errors.get(name, ()))
        return Field(name, label, kind, self.sent.get(name, ""), options, hint, low, high, errors)

    def tier(self, tier: str) -> Group:
        at = f"tiers.{tier}"
        return Group(
            TIER_WORDS[tier],
            (
                self.one(f"{at}.narrow", "Narrow reach", "choice", VERDICTS),
                self.one(f"{at}.wide", "Wide reach", "choice", VERDICTS),
                self.one(f"{at}.required", "People needed", "number", low=1, high=9),
                self.one(f"{at}.hold_s", "Undo period, seconds", "number", low=0, high=30),
                self.one(f"{at}.dwell_s", "Look before approving, seconds", "number", low=0, high=30),
                self.one(f"{at}.groups", "Groups", "text"),
                *self.repeat(tier, f"{at}.repeat"),
                self.one(f"{at}.reauthenticate", "Ask for the password", "box"),
                self.one(f"{at}.self_confirm", "Whoever asked may confirm", "box"),
            ),
        )

    def repeat(self, tier: str, at: str) -> tuple[Field, ...]:
        """What one approval may let run again; destructive calls are asked about one by one."""
        if tier == "destructive":
            return ()
        return (
            self.one(f"{at}.count", "More of the same, calls", "number", low=1, high=MOST_REPEATS, hint=REPEAT_HINT),
            self.one(f"{at}.minutes", "More of the same, minutes", "number", low=1, high=MOST_REPEAT_MINUTES),
        )

    def rule(self, place: int, *, spare: bool) -> Group:
        at = f"rules.{place}"
        fields: tuple[Field, ...] = (
            self.one(f"{at}.name", "Name", "text"),
            self.one(f"{at}.then", "What happens", "choice", TIGHTENINGS),
            self.one(f"{at}.tool", "Tool", "text", hint="Empty: every tool."),
            self.one(f"{at}.agent", "Agent", "text", hint="Empty: every agent."),
            self.one(f"{at}.environment", "Environment", "choice", (("", "every"), *((one, one) for one in ENVIRONMENTS))),
            self.one(f"{at}.task_type", "Task type", "text", hint="Empty: every task type."),
            self.one(f"{at}.when.path", "Argument", "text", hint="Such as amount, or to.* for every member of a list."),
            self.one(f"{at}.when.op", "Comparison", "choice", tuple((op, OPERATOR_WORDS[op]) for op in OPERATORS)),
            self.one(f"{at}.when.value", "Value", "text", hint="A list as [1, 2]. For “outside”: recipients or hosts."),
            self.one(f"{at}.above_cost", "Session cost above, dollars", "text", hint="Empty: whatever it cost."),
            self.one(f"{at}.required", "People needed", "number", low=1, high=9),
            self.one(f"{at}.groups", "Groups", "text", hint=GROUPS_HINT),
        )
        if not spare:
            fields += (self.one(f"{at}.remove", "Remove this rule", "box"),)
        wrong = any(field.errors for field in fields)
        return Group(self.sent.get(f"{at}.name", ""), fields, self._sentence(place), wrong, spare)

    def claims(self) -> Group:
        return Group(
            "In hand, and more time",
            (
                self.one("claims.lease_s", "A claim lasts, seconds", "number", low=60, high=3_600),
                self.one("claims.most", "Claims of one person", "number", hint="Empty: as many as they like.", low=1, high=200),
                self.one("claims.extensions", "More time, how often", "number", low=0, high=3),
                self.one("claims.extension_s", "More time, seconds at most", "number", low=60, high=86_400),
            ),
        )

    def _sentence(self, place: int) -> str:
        """Return the rule in words, nothing while it cannot be read."""
        if place not in places(self.sent):
            return ""
        document = document_of(self.sent)
        only = document["rules"][places(self.sent).index(place)]
        try:
            return sentence(checked({**_SOUND, "rules": [only]}).rules[0])
        except InvalidPolicy:
            return ""


_SOUND = {
    "tiers": {tier: {"narrow": "ask", "wide": "ask"} for tier in TIERS},
    "environments": {name: {"up_to": "read_only"} for name in ENVIRONMENTS},
}


def tiers(sent: Sent, errors: Errors) -> list[Group]:
    """Return the inputs of the tiers, one group each."""
    make = _Maker(sent, errors)
    return [make.tier(tier) for tier in TIERS]


def limits(sent: Sent, errors: Errors) -> list[Group]:
    """Return the inputs of what holds beside tiers and rules."""
    make = _Maker(sent, errors)
    environments = tuple(
        make.one(f"environments.{name}.up_to", name.capitalize(), "choice", TIER_OPTIONS) for name in ENVIRONMENTS
    )
    return [
        Group("The gravest tier that agents may use", environments),
        Group(
            "After untrusted content, and time",
            (
                *(
                    make.one(f"tainted.{part}", word.capitalize(), "choice", VERDICTS if part == "all_three" else TIGHTENINGS)
                    for part, word in TAINT_WORDS.items()
                ),
                make.one("tainted.quarantine", "Results that look like orders", "choice", tuple(QUARANTINE_WORDS.items())),
                make.one("break_glass.enabled", "Admins may break the glass in an emergency", "box"),
                make.one("releases.second_person", "A second person agrees before a prompt version gets traffic", "box"),
                make.one("ttl_h", "Requests stay open, hours", "text", hint="From one minute to 30 days; “90 s” for seconds."),
            ),
        ),
        Group(
            "How much is asked of people",
            tuple(
                make.one(f"asking.{part}", word, "number", low=1, high=most)
                for (part, word), most in zip(ASKING_WORDS.items(), (20, 64, 1_000_000), strict=True)
            ),
        ),
        make.claims(),
        Group(
            "Who and what is known",
            (
                make.one(
                    "recipients", "Known recipients", "lines", hint="An address, or a domain as @example.com; one per line."
                ),
                make.one("hosts", "Known hosts", "lines", hint="Their subdomains are known too; one per line."),
                make.one(
                    "agent_groups", "Groups by agent", "lines", hint="One per line, as research-assistant: finance, legal."
                ),
            ),
        ),
    ]


def rules(sent: Sent, errors: Errors, spare: int = SPARE) -> list[Group]:
    """Return the inputs of the rules, and of some empty ones at the end."""
    make, kept = _Maker(sent, errors), places(sent)
    first = max(kept, default=-1) + 1
    fresh = _Maker({f"rules.{place}.{name}": value for place in range(first, first + spare)
                    for name, value in (("then", "ask"), ("required", "1"), ("when.op", "eq"))}, {})  # fmt: skip
    return [
        *(make.rule(place, spare=False) for place in kept),
        *(fresh.rule(place, spare=True) for place in range(first, first + spare)),
    ]
