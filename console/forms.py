"""What people send by forms: read within bounds, trimmed, and checked as far as a form can. Services judge the rest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from agents.models.budget import MOST_MICROUSD
from agents.models.load import LARGEST
from approvals.controls import ONE_IN, PER_DAY
from approvals.errors import InvalidVerdict
from approvals.facts import TIERS
from approvals.sameness import MOST_NUMBER, Same
from audit.canonical import parse
from audit.errors import InvalidJson
from console.api.reading import clean
from console.models import CHANNELS, OCCASIONS
from console.rights import SCOPES

LONGEST, LONGEST_NAME, MOST_NAMES = 20_000, 100, 40
MICRO = 1_000_000
_PLAIN = re.compile(r"(\d{1,18})(?:\.(\d{1,9})|,(\d{1,2}))?", re.ASCII)


def plain(text: str) -> Decimal | None:
    """Read a number as people write it, such as 1250.5 or 1250,5; None for what can be read in two ways (1,000) and for 1e3."""
    found = _PLAIN.fullmatch(text.strip())
    return Decimal(f"{found[1]}.{found[2] or found[3] or 0}") if found else None


def storable(text: str) -> None:
    """Raise ValidationError for a text that the database cannot hold."""
    if not clean(text):
        raise ValidationError("The text holds characters that cannot be stored.")


class Text(forms.CharField):
    """A text as it was typed, in one form of line ends."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validators=[storable], **options)

    def to_python(self, value: Any) -> str:
        """Return the text with the line ends that browsers change put back."""
        return (super().to_python(value) or "").replace("\r\n", "\n")


class StartSession(forms.Form):
    """What to start."""

    agent = Text(max_length=63)
    goal = Text(max_length=LONGEST)
    task_type = Text(max_length=60, required=False)
    on_behalf_of = Text(max_length=200, required=False)
    priority = forms.ChoiceField(choices=[(name, name) for name in ("low", "normal", "high")], required=False)
    dry_run = forms.BooleanField(required=False)
    idempotency_key = Text(max_length=64, required=False)


class NewMessage(forms.Form):
    """What to say to an agent."""

    content = Text(max_length=LONGEST)


class PressStop(forms.Form):
    """What to stop, why, and its name once more."""

    scope = Text(max_length=100)
    reason = Text(min_length=3, max_length=500)
    name = Text(max_length=100)


class HoldBreaker(forms.Form):
    """What to do with a breaker, and why; letting one go needs no reason."""

    key = Text(max_length=200)
    act = forms.ChoiceField(choices=[("open", "open"), ("closed", "closed"), ("release", "release")])
    reason = Text(max_length=500, required=False)

    def clean(self) -> dict[str, Any]:
        """Ask for a reason where something is held."""
        cleaned = super().clean() or {}
        if cleaned.get("act") in ("open", "closed") and len(cleaned.get("reason", "").strip()) < 3:
            self.add_error("reason", "Say why, in at least 3 characters.")
        return cleaned


class Dollars(forms.DecimalField):
    """An amount in dollars, such as 12.50, as whole micro-dollars."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=Decimal("0.000001"), max_value=MOST_MICROUSD // MICRO, decimal_places=6, **options)

    def to_python(self, value: Any) -> Any:
        """Return the amount, with or without a dollar sign before it."""
        text = str(value or "").strip()
        if text and (amount := plain(text.removeprefix("$"))) is None:
            raise ValidationError("Write a number of dollars such as 1250.50, with nothing between thousands.")
        return amount if text else None

    def clean(self, value: Any) -> Any:
        """Return micro-dollars, None for nothing."""
        amount = super().clean(value)
        return None if amount is None else int(amount * MICRO)


class NewBudget(forms.Form):
    """A budget to make; `scope` is all, agent:SLUG, or `tenant` with its label beside it."""

    scope = Text(max_length=210)
    tenant = Text(max_length=200, required=False)
    period = forms.ChoiceField(choices=[("day", "day"), ("month", "month")])
    cap = Dollars()
    at_cap = forms.ChoiceField(choices=[("halt", "halt"), ("queue", "queue")])
    reason = Text(min_length=3, max_length=500)

    def clean(self) -> dict[str, Any]:
        """Join the tenant's label to its scope."""
        said = super().clean() or {}
        if said.get("scope") == "tenant":
            said["scope"] = f"tenant:{said.get('tenant', '').strip()}"
        return said


class ChangeBudget(forms.Form):
    """What to change of a budget, or to end it, and why; `revision` is the one that was shown."""

    act = forms.ChoiceField(choices=[("change", "change"), ("end", "end")])
    cap = Dollars(required=False)
    at_cap = forms.ChoiceField(choices=[("halt", "halt"), ("queue", "queue")], required=False)
    reason = Text(min_length=3, max_length=500)
    revision = forms.IntegerField(min_value=1, max_value=2**31 - 1)


class NewCover(forms.Form):
    """Who decides in whose place, from when to when; times are UTC, without a beginning from now on."""

    TIMES = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
    absent = Text(max_length=254, required=False)
    deputy = Text(max_length=254)
    since = forms.DateTimeField(input_formats=TIMES, required=False)
    until = forms.DateTimeField(input_formats=TIMES)
    roles = forms.MultipleChoiceField(required=False)
    reason = Text(max_length=500, required=False)

    def __init__(self, sent: QueryDict) -> None:
        """Take the roles as they are sent: whose they are, the service judges."""
        super().__init__(sent)
        field = cast(forms.MultipleChoiceField, self.fields["roles"])
        field.choices = [(role[:150], role) for role in sent.getlist("roles")[:50]]


class SetTool(forms.Form):
    """What to change of a tool, and why; `revision` is the one that was shown."""

    tier = forms.ChoiceField(choices=[(tier, tier) for tier in TIERS], required=False)
    enabled = forms.ChoiceField(choices=[("true", "on"), ("false", "off")], required=False)
    reason = Text(min_length=3, max_length=500)
    revision = forms.IntegerField(min_value=0, max_value=2**31 - 1)


class SetLimit(forms.Form):
    """What to allow of a scope, and why; `revision` is the one that was shown."""

    scope = Text(max_length=128)
    requests = forms.IntegerField(min_value=1, max_value=LARGEST, required=False)
    tokens = forms.IntegerField(min_value=1, max_value=LARGEST, required=False)
    at_once = forms.IntegerField(min_value=1, max_value=LARGEST, required=False)
    reason = Text(min_length=3, max_length=500)
    revision = forms.IntegerField(min_value=0, max_value=2**31 - 1)


class PlantControls(forms.Form):
    """Whether control requests are planted, how often, and why; `revision` is the one that was shown."""

    on = forms.BooleanField(required=False)
    one_in = forms.IntegerField(min_value=ONE_IN.start, max_value=ONE_IN.stop - 1)
    per_day = forms.IntegerField(min_value=PER_DAY.start, max_value=PER_DAY.stop - 1)
    reason = Text(min_length=3, max_length=500)
    revision = forms.IntegerField(min_value=0, max_value=2**31 - 1)


class NewToken(forms.Form):
    """An access token to make."""

    LIFETIMES = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until it is revoked"))
    name = Text(max_length=80)
    service = Text(max_length=80, required=False)
    days = forms.ChoiceField(choices=LIFETIMES, required=False)
    scopes = forms.MultipleChoiceField(choices=[(scope, scope) for scope in SCOPES])


class Look(forms.Form):
    """How the console looks to a person."""

    theme = forms.ChoiceField(choices=[("", ""), ("light", ""), ("dark", "")], required=False)
    density = forms.ChoiceField(choices=[("", ""), ("compact", ""), ("comfortable", "")], required=False)
    letters = forms.BooleanField(required=False)


class Notifications(forms.Form):
    """What a person is told of, and where. An empty chat address leaves the kept one; `forget` takes it away."""

    occasions = forms.MultipleChoiceField(choices=[(name, name) for name in OCCASIONS], required=False)
    channels = forms.MultipleChoiceField(choices=[(name, name) for name in CHANNELS], required=False)
    chat = Text(max_length=500, required=False)
    forget = forms.BooleanField(required=False)


class AuditFilter(forms.Form):
    """What to look for in the trail; a field that cannot be read filters nothing and is said."""

    stream = Text(max_length=200, required=False)
    session = forms.RegexField(r"^S-[1-9][0-9]{0,17}$", required=False)
    principal = Text(max_length=200, required=False)
    kind = Text(max_length=60, required=False)
    tool = Text(max_length=64, required=False)
    q = Text(max_length=200, required=False)
    since = forms.DateTimeField(required=False)
    until = forms.DateTimeField(required=False)


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict as it was sent, with everything that was typed beside it."""

    verdict: str
    digest: str
    key: str = ""
    instruction: str = ""
    answer: str = ""
    amount: str = ""
    password: str = ""
    arguments: dict[str, Any] | None = None
    stamp: str = ""
    shown_ms: str = ""
    again: Mapping[str, str] = field(default_factory=dict)  # of further calls, as typed: count, minutes, vary.NAME, up_to.NAME

    @classmethod
    def of(cls, sent: Mapping[str, str], verdict: str, arguments: dict[str, Any] | None = None) -> "Said":
        """Read a verdict out of a form; lengths are judged where the verdict is."""

        def text(name: str, longest: int = LONGEST) -> str:
            return str(sent.get(name, ""))[:longest].replace("\r\n", "\n").strip()

        return cls(verdict, text("digest", 64), text("idempotency_key", 80), text("instruction"), text("answer"),
                   text("amount", 40), str(sent.get("password", ""))[:1024], arguments,
                   text("stamp", 100), text("shown_ms", 12), _again(sent))  # fmt: skip

    def amount_of(self, limit: str) -> int | None:
        """Return the amount in the unit of the limit, dollars in micro-dollars; raises InvalidVerdict for what is no number."""
        if not self.amount:
            return None
        dollars = limit.endswith("_microusd")
        amount = plain(self.amount.removeprefix("$"))
        if amount is None:
            such = " of dollars, such as 0.50 or 1250" if dollars else ""
            raise InvalidVerdict(field="amount", reason=f"Write a number{such}, with nothing between thousands.")
        return int(amount * (MICRO if dollars else 1))

    def same(self) -> Same | None:
        """Return what was said of further calls, nothing where that was not ticked; raises InvalidVerdict for what is no number."""
        if not self.again.get("same"):
            return None
        vary = (name.removeprefix("vary.") for name in self.again if name.startswith("vary."))
        up_to = {name.removeprefix("up_to."): text for name, text in self.again.items() if name.startswith("up_to.") and text}
        return Same(
            count=int(_number(self.again.get("same.count", ""))), minutes=int(_number(self.again.get("same.minutes", ""))),
            vary=tuple(sorted(vary)), up_to={name: _number(text) for name, text in up_to.items()},
        )  # fmt: skip


def _again(sent: Mapping[str, str]) -> dict[str, str]:
    names = [name for name in sent if name.startswith(("same", "vary.", "up_to.")) and len(name) < LONGEST_NAME]
    return {name: str(sent.get(name, ""))[:40].strip() for name in names[:MOST_NAMES]}


def _number(text: str) -> int | float:
    number = plain(text)
    if number is None:
        raise InvalidVerdict(
            field="same", reason=f"“{text}” is not a number without a sign, and with nothing between thousands."
        )
    if number > MOST_NUMBER:
        raise InvalidVerdict(field="same", reason=f"“{text}” is too large.")
    return int(number) if number == int(number) else float(number)


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object that was typed; raises InvalidJson with what is wrong."""
    value = parse(text)
    if not isinstance(value, dict):
        raise InvalidJson(reason="it is no object. Begin with { and end with }")
    return value
