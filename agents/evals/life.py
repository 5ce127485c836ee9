"""From life to test with one click: into which suite a case lands, what came of a session or a request, and what has no case.

A case holds what was said in its session, and who may read prompts may read cases: whoever makes one has to be able to read
the session, which the console checks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from agents.errors import BadText, UnknownAgent
from agents.evals import recorded
from agents.evals.errors import SuiteExists
from agents.evals.suites import create_suite, suite_named
from agents.models import Case, Session, Suite
from agents.queries import agent as current_revision
from audit.actors import Actor
from audit.connection import read

DAYS = 90
MOST = 100  # requests that are looked at, the newest
MOST_SUITES = 50  # that somebody chooses from

_TOOLS = """
WITH named AS (
  SELECT c.id, t.tool, e ->> 'kind' AS kind
  FROM agents_case c JOIN agents_suite s ON s.id = c.suite_id JOIN agents_agent a ON a.id = s.agent_id
  CROSS JOIN LATERAL jsonb_array_elements(c.document -> 'expect') e
  CROSS JOIN LATERAL (SELECT e ->> 'tool' AS tool UNION SELECT jsonb_array_elements_text(e -> 'tools')) t
  WHERE a.slug = %s AND s.status = 'active' AND c.status = 'current' AND t.tool IS NOT NULL)
SELECT tool, count(DISTINCT id) FILTER (WHERE kind IN ('called', 'order')) AS called,
       count(DISTINCT id) FILTER (WHERE kind = 'not_called') AS not_called
FROM named GROUP BY tool"""

_DECIDED = """
SELECT 'AP-' || r.number AS ref, r.session_ref AS session, r.tool, r.tier, k.status = 'rejected' AS rejected,
       r.decided_name AS by, coalesce(r.decided_at, r.created_at) AS at, c.suite, c.name
FROM approvals_approvalrequest r JOIN agents_toolcall k ON k.id = r.call_id AND k.request_id = r.id
LEFT JOIN LATERAL (
  SELECT s.slug AS suite, c.name FROM agents_case c JOIN agents_suite s ON s.id = c.suite_id
  WHERE c.origin = 'request' AND c.origin_ref = 'AP-' || r.number AND c.status = 'current' AND s.status = 'active' LIMIT 1) c ON true
WHERE r.agent = %s AND r.kind = 'tool_call' AND r.created_at >= now() - make_interval(days => %s)
  AND (k.status = 'rejected' OR k.edited)
ORDER BY r.number DESC LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Tooled:
    """A tool that an agent is granted, and how many cases expect that it is called, and that it is not."""

    name: str
    called: int = 0
    not_called: int = 0


@dataclass(frozen=True, slots=True)
class Decided:
    """A request that people rejected or changed, and the case that was made of it; none where `name` is None."""

    ref: str
    session: str
    tool: str
    tier: str
    rejected: bool
    by: str
    at: datetime
    suite: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of an agent has a case."""

    agent: str
    tools: tuple[Tooled, ...]
    decided: tuple[Decided, ...]  # of the last days, newest first


@transaction.atomic
def case_of_session(*, session: Session, actor: Actor, suite: str = "") -> Case:
    """Make a case of a session: in the suite that is named, else where `lands_in` says, in a new one where there is none.

    Raises UnknownSuite, BadCase; BadText for a session that still works, or a suite of another agent.
    """
    if session.status in ("queued", "running"):
        raise BadText(field="session", reason="names one that still works; a case is made of what has come to a rest")
    return recorded.from_session(suite=_suite(suite, session.agent.slug, session.ref, actor), session=session.ref, actor=actor)


@transaction.atomic
def case_of_request(*, request: str, agent: str, actor: Actor, suite: str = "") -> Case:
    """Make a case of a request that people rejected or changed; as `case_of_session`."""
    return recorded.from_request(suite=_suite(suite, agent, request, actor), request=request, actor=actor)


def suites_of(agent: str) -> list[str]:
    """Return the suites that cases of an agent may land in, the newest first."""
    rows = Suite.objects.filter(agent__slug=agent, status="active").order_by("-created_at", "-id")
    return list(rows.values_list("slug", flat=True)[:MOST_SUITES])


def lands_in(agent: str, made: Sequence[Case]) -> str:
    """Return the suite that a case lands in where nobody names one: where it is already, else its agent's newest; empty for none."""
    return made[-1].suite.slug if made else next(iter(suites_of(agent)), "")


def _suite(slug: str, agent: str, ref: str, actor: Actor) -> str:
    """The suite that a case lands in. One made here is no gate: who wants it to hold versions back says so."""
    if slug:
        found = suite_named(slug)
        if found.agent.slug != agent:
            raise BadText(field="suite", reason=f"names one of the agent {found.agent.slug}, not of {agent}")
        return slug
    if own := lands_in(agent, cases_of([ref]).get(ref, [])):
        return own
    revision = current_revision(agent)
    if revision is None:
        raise UnknownAgent(slug=agent[:63])
    return _made(agent, revision.document["prompt"], actor)


def _made(agent: str, prompt: str, actor: Actor) -> str:
    slug, place = f"{agent[:50]}-life", 1
    while True:
        try:
            return create_suite(
                slug=slug, title=f"What happened to {agent}", prompt=prompt, agent=agent, actor=actor, gate=False
            ).slug
        except SuiteExists:  # one of that name was ended
            place += 1
            slug = f"{agent[:50]}-life-{place}"


def cases_of(refs: Iterable[str]) -> dict[str, list[Case]]:
    """Return the current cases that were made of sessions and requests, by `S-88123` and `AP-20418`."""
    rows = Case.objects.filter(origin_ref__in=list(refs), status="current", suite__status="active").select_related("suite")
    found: dict[str, list[Case]] = {}
    for row in rows.defer("document").order_by("created_at"):
        found.setdefault(row.origin_ref, []).append(row)
    return found


def coverage(agent: str) -> Coverage:
    """Return which of an agent's tools, and of what people rejected or changed, have a case. Raises UnknownAgent."""
    revision = current_revision(agent)
    if revision is None:
        raise UnknownAgent(slug=agent[:63])
    counts: dict[str, dict[str, Any]] = {row.pop("tool"): row for row in read(_TOOLS, [agent])}
    tools = tuple(Tooled(name, **counts.get(name, {})) for name in revision.document["tools"])
    return Coverage(agent, tools, tuple(Decided(**row) for row in read(_DECIDED, [agent, DAYS, MOST])))
