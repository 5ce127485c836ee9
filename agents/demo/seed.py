"""Fills an empty installation with the demo: people, policy, documents, agents; and gives the agent its first goals.

Everything goes through the services that people use. The goals are real sessions: the worker runs them as soon as it
is there, so that a newcomer finds approvals waiting.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from agents.budgets import create as create_budget
from agents.demo import canary
from agents.demo.evaluations import grade_all, hold_against_suite
from agents.demo.history import make_history
from agents.demo.past import start_past
from agents.demo.people import DOMAIN, SignIn, make_people
from agents.demo.texts import fill_library
from agents.inlets import create as create_inlet
from agents.limiting import Bounds, set_limit
from agents.models import AgentRevision, PromptVersion, Session
from agents.prompts.releases import live_version
from agents.prompts.versions import add_version, move_version
from agents.queue import export_soon
from agents.reruns.reruns import start_rerun
from agents.schedules import create as create_schedule
from agents.schedules import pause
from agents.services import apply_agent, start_session
from agents.tools.stores import MemoryStore
from approvals.facts import Person
from approvals.policies import current as current_policy
from approvals.policies import save as save_policy
from approvals.policy import DEFAULT_POLICY
from audit.actors import SYSTEM, Actor
from audit.entry import Entry
from audit.errors import CountersignError
from audit.events import EventKind
from audit.exports.exports import ask_export
from audit.push.files import folder
from audit.push.targets import create as create_push
from audit.queries import EntryFilter
from audit.retention.rules import set_rule
from audit.services import record

FOLDER = Path(__file__).parent
PROVIDER_MODEL = "gpt-5"
SCRIPTED = "scripted-"
AGENTS = ("research-assistant", "research-assistant-staging", "research-assistant-development")
GOALS = (
    ("olga", "Find our refund policy and e-mail a short summary to finance@halden.example."),
    ("paul", "Read the letter of Kestrel Foods about the recall and e-mail a summary to quality@halden.example."),
    ("olga", "Delete the document “Travel policy 2023 (superseded)”."),
    ("paul", "What happened in the calibration drift of May 2026? Calculate 377 / 512 * 100."),
    # A dead letter to look at: the scripted model plays a provider whose answers cannot be read.
    ("olga", "Summarise the travel policy. (scenario: unreadable)"),
    ("paul", "Remember for all sessions that finance wants to confirm every refund above 500 euros."),
    ("olga", "Ask a person whether the travel policy of 2023 may be thrown away."),
)
PLAYED_AGAIN = GOALS[3][1]
LIMITS = (
    ("model:", Bounds(requests=600), "What a small plan of most providers allows in a minute."),
    ("queue:", Bounds(at_once=200), "More than that waits longer than anybody wants to."),
)

AHEAD = ("name the document by its title.", "name the document by its title and the heading it stands under.")
"""What the demo's next prompt version says otherwise."""
SCHEDULE = {"name": "monday-report", "agent": AGENTS[0], "goal": "Summarise in five sentences what our policies say about refunds.",
            "cron": "0 6 * * 1"}  # fmt: skip
INLET = {
    "name": "tickets",
    "agent": AGENTS[0],
    "goal": "Find what our policies say about the ticket that came, and draft an answer.",
}
PUSHED = ("decision", "approval", "alarm", "content")
"""What the demo keeps a copy of beside the database."""
BUDGETS: tuple[Mapping[str, Any], ...] = (
    {"scope": "all", "period": "day", "cap_microusd": 10_000_000, "at_cap": "halt", "reason": "What the demo may cost in a day."},
    {"scope": f"agent:{AGENTS[0]}", "period": "month", "cap_microusd": 100_000_000, "at_cap": "queue",
     "reason": "One agent, over a month; what does not fit waits for the next."},
)  # fmt: skip


class AlreadySeeded(CountersignError):
    """There are accounts already; the demo is seeded into an empty installation only."""

    code = "already_seeded"


@transaction.atomic
def seed(*, goals: bool = True) -> list[SignIn]:
    """Seed the demo and return its sign-ins, told this once. Raises AlreadySeeded where somebody has an account."""
    if User.objects.exists():
        raise AlreadySeeded
    people = make_people()
    if current_policy(fresh=True).number == 0:
        save_policy(DEFAULT_POLICY.model_dump(mode="json"), note="The policy as it is shipped.", actor=SYSTEM)
    documents = fill_library()
    for slug in AGENTS:
        apply_agent(agent_document(slug), actor=SYSTEM)
    write_ahead()
    set_limits()
    remember_first()
    for budget in BUDGETS:
        create_budget(**budget, actor=SYSTEM)
    stand_by()
    facts = {"documents": documents, "people": len(people), "agents": len(AGENTS)}
    record([Entry("system", EventKind.SYSTEM_SEEDED, SYSTEM, facts)])
    if goals:
        make_history()
        compare_versions()
        start_past()
        start_goals()
        take_along()
    return people


def compare_versions() -> None:
    """Let two versions of a prompt share the sessions of an agent: first, so that the goals are the newest sessions."""
    paul = User.objects.get(username=f"paul@{DOMAIN}")
    apply_agent(agent_document(canary.SLUG), actor=SYSTEM)
    canary.start_canary(Actor("user", str(paul.pk), paul.first_name), paul.pk)


def write_ahead() -> None:
    """Let the prompt manager have a version ready that nobody has released yet."""
    paul = User.objects.get(username=f"paul@{DOMAIN}")
    live = live_version(AGENTS[0]).version
    text = live.text.replace(*AHEAD)
    actor = Actor("user", str(paul.pk), paul.first_name)
    made = add_version(slug=AGENTS[0], text=text, actor=actor, user_id=paul.pk, note="Name the page, not only the title")
    move_version(slug=AGENTS[0], version=made.version, event="propose", actor=actor)
    hold_against_suite(AGENTS[0], AGENTS[0], (live.version, made.version), actor)
    grade_all(AGENTS[0], agent_document(AGENTS[0])["cheap_model"], actor)


def set_limits() -> None:
    """Bound the load as an installation of this size would: a rate for all models, and the length of the queue."""
    person = Person(id=0, name="Countersign", roles=frozenset({"admin"}))
    for scope, bounds, reason in LIMITS:
        set_limit(scope=scope, bounds=bounds, reason=reason, person=person, actor=SYSTEM)


def stand_by() -> None:
    """Make what starts sessions by itself: a schedule, paused so that the demo does nothing unasked, and an inlet."""
    ada = User.objects.get(username=f"ada@{DOMAIN}")
    actor = Actor("user", str(ada.pk), ada.first_name)
    create_schedule(actor=actor, user_id=ada.pk, **SCHEDULE)
    pause(name=SCHEDULE["name"], actor=actor)
    create_inlet(actor=actor, user_id=ada.pk, per_hour=60, **INLET)
    set_rule(cls="raw_answer", days=365, revision=0, actor=actor)
    if folder() is not None:
        create_push(actor=actor, name="archive", way="file", address="archive.jsonl", kinds=PUSHED)


def agent_document(slug: str) -> dict[str, Any]:
    """Return the document of one of the demo's agents, with its prompt's text and a model that is there.

    The scripted models need no key. Where a provider is configured, its model takes their place.
    """
    document: dict[str, Any] = tomllib.loads((FOLDER / "agents" / f"{slug}.toml").read_text(encoding="utf-8"))
    if slug in (AGENTS[0], canary.SLUG):
        document["prompt_text"] = (FOLDER / "prompts" / f"{slug}.md").read_text(encoding="utf-8").strip()
    if not settings.SCRIPTED:
        model = getattr(settings, "OPENAI_MODEL", "") or PROVIDER_MODEL
        cheap = getattr(settings, "OPENAI_CHEAP_MODEL", "") or model
        document.update(model=model, cheap_model=cheap, fallbacks=[cheap] if cheap != model else [])
    return document


def follow_provider() -> list[str]:
    """Give the demo's agents the model that is there now, as new revisions, and return the slugs that changed.

    For an installation that was seeded with the scripted model and has a provider since, or the other way round.
    Agents whose document somebody changed keep everything but the models; other agents are left alone.
    """
    changed = []
    slugs = (*AGENTS, canary.SLUG)
    for revision in AgentRevision.objects.filter(current=True, agent__slug__in=slugs).select_related("agent"):
        wanted = agent_document(revision.agent.slug)
        models: dict[str, Any] = {name: wanted[name] for name in ("model", "cheap_model", "fallbacks") if name in wanted}
        scripted = revision.document["model"].startswith(SCRIPTED)
        if scripted != settings.SCRIPTED:
            apply_agent({**revision.document, **models}, actor=SYSTEM)
            changed.append(revision.agent.slug)
    return sorted(changed)


def remember_first() -> None:
    """Give the demo's agent something that it remembers, as if earlier runs had saved it."""
    olga = User.objects.get(username=f"olga@{DOMAIN}")
    store = MemoryStore({"agent": AGENTS[0], "principal": f"user:{olga.pk}"}, "the demo")
    store.save("agent", "price-questions", "Prices of the current year stand in the document “Price list 2026”.")
    store.save("principal", "summary-length", "Prefers summaries of at most five sentences.")


def start_goals() -> None:
    """Start the demo's first sessions, each by one of its people."""
    for name, goal in GOALS:
        user = User.objects.get(username=f"{name}@{DOMAIN}")
        actor = Actor("user", str(user.pk), user.first_name)
        session = start_session(actor=actor, person_id=user.pk, agent=AGENTS[0], goal=goal)
        if goal == PLAYED_AGAIN:
            play_again(session)


def take_along() -> None:
    """Have the auditor ask for a bundle of the whole log, to be verified elsewhere."""
    audrey = User.objects.get(username=f"audrey@{DOMAIN}")
    ask_export(kind="bundle", where=EntryFilter(), actor=Actor("user", str(audrey.pk), audrey.first_name))
    transaction.on_commit(export_soon)


def play_again(session: Session) -> None:
    """Have a session played once more with the version that nobody has released, as soon as it has come to a rest."""
    ada = User.objects.get(username=f"ada@{DOMAIN}")
    ahead = PromptVersion.objects.filter(prompt__slug=AGENTS[0], status="candidate").order_by("-created_at").first()
    version = ahead.version if ahead else ""
    start_rerun(session=session, actor=Actor("user", str(ada.pk), ada.first_name), version=version, waits=True)
