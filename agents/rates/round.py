"""One round of giving out places, in the ledger's thread: who came, who left, whose turn it is, what is ours.

The book's row lock is what makes one rate of all workers. Nobody waits for it: where another worker holds it, that one
gives out places for everybody, and the next round finds them. What a database that crashes forgets of a round is less
time than it takes to come back, so a round does not wait for the disk.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents.guardrails.rate import (
    LATE_S,
    Book,
    Lane,
    Limit,
    Place,
    Waiter,
    deal,
    expected,
    lane_of,
    scopes_of,
    spacing,
)
from agents.loading import from_json
from agents.tools.slots import Bounds
from audit.connection import read

AHEAD_S = 0.5  # places are given out so far ahead: twice the time between two rounds of a worker
SEEN_S = 8.0  # a worker that was not heard of for so long waits no more
MOST_PLACES = 500  # of an agent, given out in one round
TOLD_S = 1.0  # a provider's wish that differs by less from what is known is not written


@dataclass(frozen=True, slots=True)
class Wish:
    """A question that wants to be sent."""

    key: UUID
    session: UUID
    ref: str
    agent: str
    model: str
    provider: str
    tokens: int


@dataclass(slots=True)
class Said:
    """What one worker says in a round."""

    owner: UUID
    came: list[Wish] = field(default_factory=list)
    left: list[UUID] = field(default_factory=list)
    corrections: list[tuple[str, str, int]] = field(default_factory=list)  # model, provider, tokens above what was reserved
    held: dict[str, float] = field(default_factory=dict)  # model: seconds for which the provider wants to be left alone
    still_there: bool = False  # say it of those that wait
    ask_how_long: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """A place, by this process's monotonic clock: not before `at`, not after `until`."""

    at: float
    until: float


@dataclass(slots=True)
class Heard:
    """What the worker hears: how long who came has waited before, the places it was given, how long the others will wait."""

    waited: dict[UUID, float] = field(default_factory=dict)
    given: dict[UUID, Given] = field(default_factory=dict)
    expected: dict[UUID, float] = field(default_factory=dict)


_CAME = """
INSERT INTO agents_ratewait AS w (id, owner, session_id, session_ref, agent, model, provider, tokens, asked_at, seen_at)
SELECT u.id, %s, u.session, u.ref, u.agent, u.model, u.provider, u.tokens, clock_timestamp(), clock_timestamp()
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])
     AS u (id, session, ref, agent, model, provider, tokens)
ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, model = excluded.model, provider = excluded.provider, tokens = excluded.tokens,
    asked_at = CASE WHEN greatest(w.seen_at, w.back_at) > clock_timestamp() - interval '1 minute' THEN w.asked_at
                    ELSE excluded.asked_at END,
    seen_at = excluded.seen_at, slot_at = NULL, back_at = NULL
RETURNING w.id, extract(epoch FROM clock_timestamp() - w.asked_at)::float8 AS waited"""

_BOOK = """
SELECT state, extract(epoch FROM clock_timestamp())::float8 AS now,
       (SELECT jsonb_object_agg(scope, jsonb_build_array(requests, tokens)) FROM agents_limit
        WHERE scope LIKE ANY ('{model:%%,provider:%%}') AND coalesce(requests, tokens) IS NOT NULL) AS limits
FROM agents_ratebook WHERE id = 1 FOR NO KEY UPDATE SKIP LOCKED"""

# In an agent, first the first question of every session, the one that waits longest before the others.
_WAITING = """
SELECT id, owner, agent, model, provider, tokens, place FROM (
    SELECT w.*, row_number() OVER (PARTITION BY lane, agent ORDER BY turn, asked_at, id) AS place FROM (
        SELECT *, CASE WHEN model = ANY(%s) THEN model WHEN 'provider:' || provider = ANY(%s) THEN 'provider:' || provider
                       ELSE '' END AS lane,
               row_number() OVER (PARTITION BY session_id ORDER BY asked_at, id) AS turn
        FROM agents_ratewait
        WHERE slot_at IS NULL AND back_at IS NULL AND seen_at > clock_timestamp() - make_interval(secs => %s)) w) p
ORDER BY place, asked_at, id"""

_GIVE = """
UPDATE agents_ratewait w SET slot_at = to_timestamp(g.at)
FROM (SELECT id FROM agents_ratewait WHERE id = ANY(%s) AND slot_at IS NULL FOR UPDATE SKIP LOCKED) free,
     unnest(%s::uuid[], %s::float8[]) AS g (id, at)
WHERE w.id = free.id AND g.id = free.id"""

_OURS = """
DELETE FROM agents_ratewait WHERE owner = %s AND slot_at IS NOT NULL
RETURNING id, extract(epoch FROM slot_at - clock_timestamp())::float8 AS wait"""


def play(said: Said) -> Heard:
    """Play one round for a worker."""
    heard = Heard()
    if said.left:
        _run("DELETE FROM agents_ratewait WHERE id = ANY(%s) AND owner = %s", [said.left, said.owner])
    if said.still_there:
        _run("UPDATE agents_ratewait SET seen_at = clock_timestamp() WHERE owner = %s AND back_at IS NULL", [said.owner])
        _run("DELETE FROM agents_ratewait WHERE greatest(seen_at, back_at) < clock_timestamp() - interval '1 hour'", [])
    with transaction.atomic():
        _run("SET LOCAL synchronous_commit TO off", [])
        if said.came:
            columns = [[getattr(wish, name) for wish in said.came] for name in Wish.__slots__]
            heard.waited = {row["id"]: row["waited"] for row in read(_CAME, [said.owner, *columns])}
        _give_out(said, heard)
    asked = time.monotonic()
    rows = read(_OURS, [said.owner])
    answered = time.monotonic()
    # The place's time lies between the two; so nobody comes too early, and nobody later than the slack allows.
    heard.given = {row["id"]: Given(answered + row["wait"], asked + row["wait"] + LATE_S) for row in rows}
    return heard


def _give_out(said: Said, heard: Heard) -> None:
    rows = read(_BOOK)
    if not rows:
        return  # another worker is at it
    now, limits = rows[0]["now"], _limits(rows[0]["limits"])
    book = Book.of(from_json(rows[0]["state"]) or {})
    _settle(said, book, limits, now)
    apart = [*limits, *book.held]
    waiting = read(_WAITING, [apart, apart, SEEN_S]) if _somebody(said) else []
    candidates = [
        Waiter(row["id"], row["model"], row["agent"], row["tokens"], row["provider"])
        for row in waiting
        if row["place"] <= MOST_PLACES
    ]
    places = deal(book, limits, candidates, now=now, ahead=AHEAD_S)
    if places:
        _give(places)
    if said.ask_how_long:
        given = {place.key for place in places}
        heard.expected = _how_long([row for row in waiting if row["id"] not in given], said.owner, book, limits, now)
    _run("UPDATE agents_ratebook SET state = %s::jsonb WHERE id = 1", [json.dumps(book.as_json())])


def _somebody(said: Said) -> bool:
    """Nobody needs places dealt out in a round that only settles."""
    return bool(said.came) or bool(read("SELECT 1 FROM agents_ratewait WHERE slot_at IS NULL LIMIT 1"))


def _settle(said: Said, book: Book, limits: dict[str, Limit], now: float) -> None:
    for model, provider, tokens in said.corrections:
        book.correct(scopes_of(model, provider, limits), tokens, limits, now)
    told = False
    for model, seconds in said.held.items():
        told = told or now + seconds > book.held.get(model, 0.0) + TOLD_S
        book.hold(model, now + seconds)
    if told:
        read("SELECT pg_notify('countersign_policy', '')")  # all workers look at once


def _give(places: Sequence[Place]) -> None:
    ids = [place.key for place in places]
    _run(_GIVE, [ids, ids, [place.at for place in places]])


def _how_long(
    rows: Sequence[dict[str, Any]], owner: UUID, book: Book, limits: dict[str, Limit], now: float
) -> dict[UUID, float]:
    """About how long each of the worker's own questions will still wait."""
    counts: dict[Lane, dict[str, int]] = {}
    positions: dict[UUID, int] = {}
    for row in rows:  # in the order in which those of one agent are served
        of_lane = counts.setdefault(lane_of(row["model"], row["provider"], limits, ()), {})
        positions[row["id"]] = of_lane[row["agent"]] = of_lane.get(row["agent"], 0) + 1
    found = {}
    for row in rows:
        if row["owner"] != owner:
            continue
        lane = lane_of(row["model"], row["provider"], limits, ())
        of = [limits[scope] for scope in lane.scopes]
        each = max([spacing(limit.requests) for limit in of if limit.requests] or [0.0])
        each = max([each, *(row["tokens"] * spacing(limit.tokens) for limit in of if limit.tokens)])
        found[row["id"]] = max(
            expected(counts[lane], row["agent"], positions[row["id"]], each), book.held.get(row["model"], 0.0) - now
        )
    return found


@dataclass(frozen=True, slots=True)
class Kept:
    """What a worker keeps in memory: which models, providers and tools are limited, and whom providers do not want to hear for how long."""

    limits: dict[str, Limit]
    held: dict[str, float]  # by model, seconds
    tools: dict[str, Bounds]


def kept() -> Kept:
    """Read it, in one statement."""
    (row,) = read(_KEPT)
    held = from_json(row["held"]) or {}
    return Kept(
        _limits(row["limits"]),
        {model: until - row["now"] for model, until in held.items() if until > row["now"]},
        {name: Bounds(*bounds) for name, bounds in (from_json(row["tools"]) or {}).items()},
    )


_KEPT = """
SELECT (SELECT jsonb_object_agg(scope, jsonb_build_array(requests, tokens)) FROM agents_limit
        WHERE scope LIKE ANY ('{model:%%,provider:%%}') AND coalesce(requests, tokens) IS NOT NULL) AS limits,
       (SELECT jsonb_object_agg(substr(scope, 6), jsonb_build_array(at_once, requests)) FROM agents_limit
        WHERE scope LIKE 'tool:%%' AND coalesce(at_once, requests) IS NOT NULL) AS tools,
       (SELECT state -> 'held' FROM agents_ratebook WHERE id = 1) AS held,
       extract(epoch FROM clock_timestamp())::float8 AS now"""


def _limits(stored: Any) -> dict[str, Limit]:
    """What is limited, by scope as the book has it: a model goes by its name alone."""
    found = (from_json(stored) or {}).items()
    return {scope.removeprefix("model:"): Limit(requests, tokens) for scope, (requests, tokens) in found}


def park(key: UUID, seconds: float) -> None:
    """Let a question rest with its session: it keeps its place in the order, and is given none until it asks again."""
    _run("UPDATE agents_ratewait SET back_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s", [seconds, key])


def _run(statement: str, parameters: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
