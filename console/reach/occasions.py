"""What of the log people are told of, who, and in which words. Nothing raw: tools, agents, short ids and times.

The same rule serves the outbox and the notifications of an open browser.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from agents.agreement import runs
from agents.budgets import name_of
from agents.models import Breaker, CanaryWatch, Session
from agents.spending import Standing, standing
from approvals.models import ApprovalRequest, GlassUse
from approvals.places import places_of
from approvals.policy import VERDICTS, Person, may_decide
from audit import findings, lag, tampering
from audit.events import EventKind
from audit.feed import FeedEvent
from audit.models import LogIndex
from console.formats import exact_microusd
from console.looks import RISKS
from console.models import ALWAYS
from console.rights import Right, holds

_RESTS = (
    EventKind.SESSION_COMPLETED, EventKind.SESSION_HALTED, EventKind.SESSION_FAILED, EventKind.SESSION_CANCELLED,
    EventKind.SESSION_EXPIRED, EventKind.SESSION_DEAD_LETTERED, EventKind.SESSION_WAITING_INPUT,
)  # fmt: skip
AUDIT = "audit"
"""The occasion of all that is wrong with the log."""
OCCASION_OF: Mapping[str, str] = {
    EventKind.APPROVAL_REQUESTED: "requested",
    EventKind.APPROVAL_REVISED: "requested",
    EventKind.APPROVAL_ESCALATED: "escalated",
    EventKind.APPROVAL_DELEGATED: "assigned",
    EventKind.GLASS_BROKEN: "glass",
    EventKind.BUDGET_CROSSED: "budget",
    EventKind.BREAKER_OPENED: "breaker",
    EventKind.PROMPT_TRIPPED: "canary",
    EventKind.ALARM_VERIFICATION_FAILED: AUDIT,
    EventKind.ALARM_DISAGREEMENT: AUDIT,
    EventKind.ALARM_TAMPERING: AUDIT,
    EventKind.ALARM_SEAL_LATE: AUDIT,
    EventKind.ALARM_LOG_FORKED: AUDIT,
    EventKind.PUSH_STOPPED: AUDIT,
    **dict.fromkeys(_RESTS, "ended"),
}
HEADINGS: Mapping[str, str] = {
    "requested": "{ref} waits for a decision",
    "escalated": "{ref} presses: nobody has decided",
    "assigned": "{ref} was given to you",
    "ended": "{ref} answered or ended",
    "glass": "The glass was broken for {ref}",
    "budget": "A budget is being used up",
    "breaker": "A breaker opened",
    "canary": "A canary was rolled back by itself",
    AUDIT: "The audit log needs somebody",
}
PAGES: Mapping[str, str] = {
    "budget": "budgets", "breaker": "breakers", "audit": "audit-verifications", "agreement": "audit-agreement", "push": "audit-push",
}  # fmt: skip
LOG_ALARMS: Mapping[str, str] = {
    findings.REF: "The log does not verify. The first wrong entry and both copies of it stand on the page.",
    runs.REF: "Rows are not what the log says of them. Which, and what the log says, stands on the page.",
    tampering.REF: "The application tried to change the log, and the database refused it.",
    lag.REF: "Entries are not signed: the sealer is late, is not there, or found changed what it had signed.",
}
PUSH_STOPPED = "Entries are not pushed to {} any more: it failed too often. They wait until an admin resumes it."
QUESTIONS: Mapping[str, str] = {
    "budget": "A limit is reached",
    "question": "The agent asks",
    "unknown_outcome": "Whether a call happened is unknown",
    "stuck": "The session makes no progress",
    "prompt_release": "A prompt version is to be released",
}


@dataclass(frozen=True, slots=True)
class LogAlarm:
    """Something is wrong with the audit log; never raw, as what it holds may be anything."""

    text: str


About = ApprovalRequest | Session | GlassUse | Standing | Breaker | CanaryWatch | LogAlarm
"""What a telling is about."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who wants to be told."""

    person: Person
    occasions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing that one person is told."""

    user_id: int
    n: int
    occasion: str
    ref: str
    text: str

    @property
    def heading(self) -> str:
        """What happened, in few words."""
        return heading(self.occasion, self.ref)

    @property
    def path(self) -> str:
        """The page about it."""
        return path_of(self.ref)


MEND: Mapping[type, Right] = {CanaryWatch: Right.ROLL_BACK_PROMPTS, LogAlarm: Right.VERIFY_AUDIT}
"""What one has to be able to do to be told of what broke, where it is not RESTRAIN."""


def heading(occasion: str, ref: str) -> str:
    """Return what happened, in few words."""
    return HEADINGS[occasion].format(ref=ref)


def path_of(ref: str) -> str:
    """Return the page about a request, a session, a budget, a breaker, a prompt or the log."""
    kind, _, name = ref.partition(":")
    if kind == "prompt":
        return reverse("prompt-measures", args=[name])
    if kind in PAGES:
        return reverse(PAGES[kind])
    return reverse("approval" if ref.startswith("AP-") else "session", args=[ref])


def listener(user: User, occasions: Iterable[str]) -> Listener:
    """Return an account as one who listens, with its roles of this moment."""
    roles = frozenset(group.name for group in user.groups.all())
    # Whoever is told will be asked for the password on the page, where that is asked for.
    person = Person(user.pk, user.get_full_name() or user.username, roles, reauthenticated=True)
    return Listener(person, frozenset(occasions) | ALWAYS)


def tellings(events: Sequence[FeedEvent], listeners: Collection[Listener]) -> list[Telling]:
    """Return who is told what of these events, in their order; requests that are settled by now are nobody's business."""
    told = [(event, OCCASION_OF[event.kind]) for event in events if event.kind in OCCASION_OF and event.ids]
    wanted = {occasion for one in listeners for occasion in one.occasions}
    told = [(event, occasion) for event, occasion in told if occasion in wanted]
    requests = _requests(event.ids[0] for event, occasion in told if occasion not in APART)
    refs = {name: {event.ids[0] for event, occasion in told if occasion == name} for name in APART}
    listeners = _standing(listeners) if requests else listeners
    given = _given_to([event.n for event, occasion in told if occasion == "assigned"])
    known: dict[str, Mapping[str, About]] = {name: read(refs[name]) for name, read in APART.items()}
    found = []
    for event, occasion in told:
        ref = event.ids[0]
        about = known.get(occasion, requests).get(ref)
        if about is None:
            continue
        text = line_of(about)
        found += [
            Telling(one.person.id, event.n, occasion, ref, text)
            for one in listeners
            if occasion in one.occasions and _concerns(one.person, occasion, about, given.get(event.n))
        ]
    return found


def line_of(about: About) -> str:
    """Return one line about it, without anything that an agent or a customer wrote."""
    if isinstance(about, LogAlarm | GlassUse):
        return (
            about.text
            if isinstance(about, LogAlarm)
            else f"{about.used_name} approved a call of {about.tool} alone. Somebody else has to review it."
        )
    if isinstance(about, Standing):
        budget, meter = about.budget, about.meter
        refuses = " Calls are refused." if about.state == "spent" else ""
        spent, cap = exact_microusd(meter.spent), exact_microusd(meter.cap)
        return f"The budget of {name_of(budget.kind, budget.key, budget.period)}: {spent} of {cap} spent.{refuses}"
    if isinstance(about, Breaker):
        return f"Calls of the {about.kind} {about.name} are not made until it answers again. {about.reason}"
    if isinstance(about, CanaryWatch):
        version = about.release.version
        return f"{version.version} of {version.prompt.slug} did worse than allowed: {about.tripped}. It has no new sessions any more."
    if isinstance(about, Session):
        return f"{about.ref} of {about.agent.slug}: {about.status.replace('_', ' ')}."
    what = f"Call {about.tool}" if about.kind == "tool_call" else QUESTIONS.get(about.kind, about.kind)
    until = about.expires_at.astimezone(UTC).strftime("%d %b %H:%M UTC")
    return f"{what}, asked by {about.agent or 'the console'}. {RISKS[about.risk]}, open until {until}."


def settled(refs: Iterable[str]) -> set[str]:
    """Return which of these requests no longer wait for anybody."""
    asked = {ref for ref in refs if ref.startswith("AP-")}
    return asked - set(_requests(asked))


def _standing(listeners: Collection[Listener]) -> list[Listener]:
    """Return the listeners with the places of others in which they decide: they are told of what is put up there too."""
    places = places_of([one.person.id for one in listeners])
    return [replace(one, person=replace(one.person, places=places.get(one.person.id, ()))) for one in listeners]


def _concerns(person: Person, occasion: str, about: About, given: int | None) -> bool:
    if isinstance(about, Standing | Breaker | CanaryWatch | LogAlarm):
        return holds(person.roles, MEND.get(type(about), Right.RESTRAIN))
    if isinstance(about, GlassUse):
        return holds(person.roles, Right.SEE) and person.id != about.used_by
    if isinstance(about, Session):
        theirs = person.id in (about.started_user, about.on_behalf_user)
        kept = about.status == "dead_letter" and holds(person.roles, Right.RESTRAIN)  # who can replay it hears of it
        return holds(person.roles, Right.SEE) and (theirs or kept)
    if occasion == "assigned" and given not in (person.id, *(place.of for place in person.places)):
        return False
    if not holds(person.roles, Right.DECIDE):
        return False
    return any(may_decide(person, about.rights, verdict) is None for verdict in VERDICTS.get(about.kind, ()))


def _requests(refs: Iterable[str]) -> dict[str, ApprovalRequest]:
    numbers = {int(ref.removeprefix("AP-")) for ref in refs if ref.startswith("AP-")}
    rows = ApprovalRequest.objects.filter(number__in=numbers, status="pending").defer("body") if numbers else ()
    return {row.ref: row for row in rows}


def _uses(refs: set[str]) -> dict[str, GlassUse]:
    """Return the newest use of break-glass of each of these requests that nobody has reviewed."""
    return {row.ref: row for row in GlassUse.objects.filter(ref__in=refs, status="open").order_by("id")} if refs else {}


def _budgets(refs: set[str]) -> dict[str, Standing]:
    """Return these budgets as they stand, those that were not ended."""
    found = {f"budget:{one.budget.pk}": one for one in standing()} if refs else {}
    return {ref: one for ref, one in found.items() if ref in refs}


def _breakers(refs: set[str]) -> dict[str, Breaker]:
    """Return these breakers while they are open for the first time: a probe that failed is no news."""
    keys = [ref.removeprefix("breaker:") for ref in refs]
    rows = Breaker.objects.filter(key__in=keys, status="open", failed_probes=0) if keys else ()
    return {f"breaker:{row.key}": row for row in rows}


def _canaries(refs: set[str]) -> dict[str, CanaryWatch]:
    """Return the newest canary of each of these prompts that a guard rolled back."""
    slugs = [ref.removeprefix("prompt:") for ref in refs]
    rows = CanaryWatch.objects.filter(tripped__isnull=False, release__prompt__slug__in=slugs) if slugs else None
    found = rows.select_related("release__version__prompt").order_by("release_id") if rows is not None else ()
    return {f"prompt:{row.release.version.prompt.slug}": row for row in found}


def of_log(refs: set[str]) -> dict[str, LogAlarm]:
    """Return what is told of alarms about the log."""
    pushes = {ref: LogAlarm(PUSH_STOPPED.format(ref.removeprefix("push:"))) for ref in refs if ref.startswith("push:")}
    return pushes | {ref: LogAlarm(LOG_ALARMS[ref]) for ref in refs if ref in LOG_ALARMS}


def _sessions(refs: Iterable[str]) -> dict[str, Session]:
    numbers = {int(ref.removeprefix("S-")) for ref in refs if ref.startswith("S-")}
    rows = Session.objects.filter(number__in=numbers).select_related("agent") if numbers else ()
    return {row.ref: row for row in rows}


def _given_to(places: Collection[int]) -> dict[int, int]:
    """Return to whom each of these entries gave a request: the user that its facts name."""
    if not places:
        return {}
    rows: Iterable[tuple[int, Any]] = LogIndex.objects.filter(log_index__in=places).values_list(
        "log_index", "entry__body_json__facts__to"
    )
    return {n: int(to) for n, to in rows if str(to).isdigit()}


APART: Mapping[str, Callable[[set[str]], Mapping[str, About]]] = {
    "ended": _sessions,
    "glass": _uses,
    "budget": _budgets,
    "breaker": _breakers,
    "canary": _canaries,
    AUDIT: of_log,
}
"""How what is no request is read, by occasion."""
