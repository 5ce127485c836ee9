"""How many calls of a tool run at once, and how many start in a minute, over all workers.

Only tools that declare a limit, or are given one by an operator, come here; each of their runs is a row. A row counts no
longer than its tool's time, so a worker that dies in a call takes no place with it. Whoever finds none waits within the
tool's own time.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import Error as DatabaseError
from django.db import transaction

from agents.tools.definition import Tool
from agents.tools.errors import NotServed
from agents.tools.threads import in_thread
from audit.connection import read
from audit.ids import uuid7

log = structlog.get_logger(__name__)

LEASE_MORE_S = 5.0  # beyond the tool's time
LOOK_EVERY_S = 0.1
LOOK_SELDOM_S = 0.5


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may run of a tool; None: as many as anybody likes."""

    at_once: int | None = None
    a_minute: int | None = None


_set: dict[str, Bounds] = {}  # by operators, as this process read it last


def keep(bounds: Mapping[str, Bounds]) -> None:
    """Keep what operators set, by tool; a worker reads it with its other limits."""
    _set.clear()
    _set.update(bounds)


def bounds_of(tool: Tool, set_: Mapping[str, Bounds] | None = None) -> Bounds:
    """Return what may run of a tool: what operators set, where they did, else what it declares."""
    chosen = (_set if set_ is None else set_).get(tool.name, Bounds())
    return Bounds(
        tool.concurrency if chosen.at_once is None else chosen.at_once,
        tool.rate_per_minute if chosen.a_minute is None else chosen.a_minute,
    )


@asynccontextmanager
async def slot(tool: Tool) -> AsyncIterator[None]:
    """Hold one of the tool's places; raise Unavailable where none comes free in the tool's own time."""
    bounds = bounds_of(tool)
    if bounds == Bounds():
        yield
        return
    run = await _found(tool)
    try:
        yield
    finally:
        try:
            await in_thread(lambda: _end(run, keeps=bounds.a_minute is not None))
        except DatabaseError as error:  # the row counts no longer than the tool's time
            log.warning("tool.place_left_behind", tool=tool.name, error=type(error).__name__)


async def _found(tool: Tool) -> UUID:
    """Wait for a place. The limits are looked at each time: an operator may change them meanwhile."""
    until, pause = time.monotonic() + tool.timeout_s, LOOK_EVERY_S
    while True:
        bounds = bounds_of(tool)
        try:
            run, free_in = await in_thread(lambda: _start(tool, bounds))  # noqa: B023  awaited at once
        except DatabaseError as error:
            raise NotServed(f"The places of {tool.name} cannot be counted now.", hint="Try again later.") from error
        if run is not None:
            return run
        left = until - time.monotonic()
        if free_in is not None and free_in > left:
            wait = round(free_in) + 1
            raise NotServed(f"{tool.name} may start {bounds.a_minute} times a minute.", hint=f"Try again in {wait} s.")
        if left <= 0:
            raise NotServed(
                f"All {bounds.at_once} places of {tool.name} are taken.", hint="Try again later, or go on without it."
            )
        await asyncio.sleep(min(left, max(pause, free_in or 0.0)))
        pause = min(LOOK_SELDOM_S, pause * 1.5)


_START = """
WITH gone AS (
    DELETE FROM agents_toolrun WHERE tool = %s AND coalesce(ended_at, until) < clock_timestamp() - interval '2 minutes')
INSERT INTO agents_toolrun (id, tool, started_at, until)
SELECT %s, %s, clock_timestamp(), clock_timestamp() + make_interval(secs => %s)
WHERE (%s::int IS NULL OR %s > (
        SELECT count(*) FROM agents_toolrun WHERE tool = %s AND ended_at IS NULL AND until > clock_timestamp()))
  AND (%s::int IS NULL OR %s > (
        SELECT count(*) FROM agents_toolrun WHERE tool = %s AND started_at > clock_timestamp() - interval '1 minute'))
RETURNING id"""

_FREE_IN = """
SELECT extract(epoch FROM started_at + interval '1 minute' - clock_timestamp())::float8 AS free_in FROM agents_toolrun
WHERE tool = %s AND started_at > clock_timestamp() - interval '1 minute' ORDER BY started_at DESC OFFSET %s LIMIT 1"""


def _start(tool: Tool, bounds: Bounds) -> tuple[UUID | None, float | None]:
    """Take a place: its row, or none with the seconds until the rate has one, where it is the rate that has none."""
    name, id_ = tool.name, uuid7()
    with transaction.atomic():
        # Whoever asks for the same tool waits here, so that each counts all that came before it.
        read("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"tool:{name}"])
        counted = [bounds.at_once, bounds.at_once, name, bounds.a_minute, bounds.a_minute, name]
        if read(_START, [name, id_, name, tool.timeout_s + LEASE_MORE_S, *counted]):
            return id_, None
    rows = read(_FREE_IN, [name, bounds.a_minute - 1]) if bounds.a_minute is not None else []
    return None, max(0.0, rows[0]["free_in"]) if rows else None


def _end(run: UUID, *, keeps: bool) -> None:
    """Give the place back; a run whose start counts for a minute is kept for so long."""
    ends = "UPDATE agents_toolrun SET ended_at = clock_timestamp()" if keeps else "DELETE FROM agents_toolrun"
    read(f"{ends} WHERE id = %s RETURNING id", [run])
