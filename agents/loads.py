"""What the load is now: how much of each rate the last minute took, who waits for a place, how long the queue is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agents.guardrails.rate import PROVIDER, Book
from agents.limiting import FIELDS
from agents.loading import from_json
from agents.models import Limit
from agents.rates.round import SEEN_S
from audit.connection import read

MOST_LINES = 200

_WAITING = """
SELECT agent, model, provider, count(*) AS questions, count(DISTINCT session_id) AS sessions,
       count(*) FILTER (WHERE back_at IS NOT NULL) AS parked, min(asked_at) AS since
FROM agents_ratewait WHERE slot_at IS NULL
  AND (seen_at > clock_timestamp() - make_interval(secs => %s) OR back_at > clock_timestamp())
GROUP BY agent, model, provider ORDER BY count(*) DESC, agent, model LIMIT %s"""

_PLACES = """
SELECT DISTINCT ON (session_id) session_id, model, asked_at AS since, back_at AS until FROM agents_ratewait
WHERE session_id = ANY(%s) AND slot_at IS NULL
  AND (seen_at > clock_timestamp() - make_interval(secs => %s) OR back_at > clock_timestamp())
ORDER BY session_id, asked_at"""

_QUEUED = """
SELECT a.slug AS agent, count(*) AS queued, count(*) FILTER (WHERE s.ready_at > now()) AS later,
       min(least(s.ready_at, s.updated_at)) AS since
FROM agents_session s JOIN agents_agent a ON a.id = s.agent_id WHERE s.status = 'queued'
GROUP BY a.slug ORDER BY count(*) DESC, a.slug LIMIT %s"""

_RUNS = """
SELECT tool, count(*) FILTER (WHERE ended_at IS NULL AND until > now()) AS at_once,
       count(*) FILTER (WHERE started_at > now() - interval '1 minute') AS requests
FROM agents_toolrun WHERE started_at > now() - interval '1 hour' GROUP BY tool ORDER BY tool LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Use:
    """What of a scope is used: by the last minute, or at this moment."""

    requests: int = 0
    tokens: int = 0
    at_once: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Questions of an agent that wait for a place in a rate; the sessions of `parked` ones were put back meanwhile."""

    agent: str
    model: str
    questions: int
    sessions: int
    parked: int
    since: datetime
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """Sessions of an agent in the queue; `later` of them are not ready yet."""

    agent: str
    queued: int
    later: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """What one session waits for: a place in the rate of a model, until it asks again (None: it waits in its worker)."""

    model: str
    since: datetime
    until: datetime | None


def limits() -> list[Limit]:
    """Every limit that is set, by scope."""
    rows = Limit.objects.order_by("scope")[:MOST_LINES]
    return [row for row in rows if any(getattr(row, name) is not None for name in FIELDS[row.scope.partition(":")[0]])]


def waiting() -> list[Waiting]:
    """Who waits for a place in a rate, by agent and model; the most questions first."""
    return [Waiting(**row) for row in read(_WAITING, [SEEN_S, MOST_LINES])]


def places_of(sessions: Sequence[UUID]) -> dict[UUID, Place]:
    """Which of these sessions wait for a place in a rate, by their ids; each with its oldest question."""
    rows = read(_PLACES, [list(sessions), SEEN_S]) if sessions else []
    return {row.pop("session_id"): Place(**row) for row in rows}


def queued() -> list[Queued]:
    """How long the queue is, by agent."""
    return [Queued(**row) for row in read(_QUEUED, [MOST_LINES])]


def uses() -> dict[str, Use]:
    """What is used of each scope: rates by the last minute, tools and the queue as they are now."""
    (book,) = read("SELECT state, extract(epoch FROM clock_timestamp())::float8 AS now FROM agents_ratebook") or [{}]
    kept = Book.of(from_json(book.get("state")) or {})
    found = {_scope(of): Use(*kept.used(of, book["now"])) for of in kept.past}
    lines = queued()
    found |= {f"queue:{line.agent}": Use(at_once=line.queued) for line in lines}
    found["queue:"] = Use(at_once=sum(line.queued for line in lines))
    runs = read(_RUNS, [MOST_LINES])
    return {**found, **{f"tool:{row['tool']}": Use(requests=row["requests"], at_once=row["at_once"]) for row in runs}}


def _scope(of: str) -> str:
    """A scope of the book as limits name it."""
    return of if of.startswith(PROVIDER) else f"model:{of}"
