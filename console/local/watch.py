"""What the supervisor looks at while children run: readiness, a stalled worker or sealer, a lost database, an interrupted `make`."""

import asyncio
import contextlib
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import LiteralString

import psycopg

from console.local.errors import CannotStart
from console.local.postgres import Server
from console.local.supervisor import Supervisor

# A process can stand still without ending: its heartbeat stops, or nothing is signed. Leases make ending a worker safe.
STALLED_S = 60.0
MOST_PATIENCE = 16
_LOOK_EVERY_S = 5.0
_DATABASE_EVERY_S, _DATABASE_PAUSE_S = 2.0, 15.0


def announce_when_ready(address: str, say_ready: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    """Return the duty that asks /readyz until it answers 200, then says so once."""

    async def duty() -> None:
        while not await asyncio.to_thread(_answers, f"{address}/readyz"):  # noqa: ASYNC110  another process
            await asyncio.sleep(0.2)
        say_ready()

    return duty


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310  our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def restart_stalled(
    supervisor: Supervisor,
    name: str,
    silence: Callable[[], float | None],
    stalled_s: float = STALLED_S,
    look_every_s: float = _LOOK_EVERY_S,
) -> Callable[[], Awaitable[None]]:
    """Return the duty that ends a process, by its name, whose `silence` is longer than `stalled_s`.

    One that was started again is given twice as long, up to sixteen times, until something is heard: on a machine that is
    too busy to start a worker in time, ending it would make it busier still, and nothing would ever run.
    """

    async def duty() -> None:
        heard, patience_s = time.monotonic(), stalled_s
        while True:
            slept = time.monotonic()
            await asyncio.sleep(look_every_s)
            if time.monotonic() - slept > look_every_s + stalled_s / 2:  # we stood still too, with the whole machine it seems
                heard = time.monotonic()
            silent = await asyncio.to_thread(silence)
            # A drain takes its heartbeat away when it ends, so that none at all is no proof by itself: time without one is.
            # Nor does a database that is away prove anything.
            heard = max(heard, time.monotonic() - (0.0 if silent is None else silent))
            if silent is not None and silent < stalled_s:
                patience_s = stalled_s
            began = supervisor.started_at.get(name, time.monotonic())
            if time.monotonic() - max(heard, began) > patience_s:
                supervisor.say(f"{name} has been silent and is restarted")
                supervisor.restart(name)
                heard, patience_s = time.monotonic(), min(2 * patience_s, MOST_PATIENCE * stalled_s)

    return duty


def seconds_since_heartbeat(url: str) -> float | None:
    """Return how long ago any drain loop was heard of; infinite where none is known, None where the database cannot say."""
    return _asked(
        url,
        """SELECT coalesce(extract(epoch FROM clock_timestamp() - max(beat_at)), 'infinity')
             FROM agents_workerheartbeat WHERE cluster <> 'evaluation'""",
    )


def seconds_unsigned(url: str) -> float | None:
    """Return for how long the first entry has waited that the sealer has not signed; 0 where none waits, None where nobody can say.

    Nor does a sealer that found the log forked sign anything: it said so, and starting it again would not help.
    """
    return _asked(
        url,
        """SELECT CASE WHEN NOT EXISTS (SELECT FROM audit_entry WHERE kind = 'alarm.log_forked' AND at > c.at)
                       THEN coalesce(extract(epoch FROM clock_timestamp() - e.at), 0) END
             FROM (SELECT coalesce(max(size), 0) AS size, coalesce(max(at), '-infinity') AS at FROM audit_checkpoint) AS c
             LEFT JOIN audit_log_index AS l ON l.log_index = c.size + 1 LEFT JOIN audit_entry AS e ON e.id = l.entry_id""",
    )


def _asked(url: str, query: LiteralString) -> float | None:
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            found = connection.execute(query).fetchone()
    except psycopg.Error:
        return None
    if found is None or found[0] is None:
        return None
    return float(found[0])


def restart_lost_database(server: Server, say: Callable[[str], None]) -> Callable[[], Awaitable[None]]:
    """Return the duty that starts the embedded database again when it is gone: it is no child that could be waited for.

    Web and workers find it again by themselves; what was committed is there.
    """

    async def duty() -> None:
        while True:
            await asyncio.sleep(_DATABASE_EVERY_S)
            if await asyncio.to_thread(server.alive):
                continue
            say("database does not answer and is started again")
            try:
                await asyncio.to_thread(server.start)
            except CannotStart as error:
                say(f"{error} Again in {_DATABASE_PAUSE_S:.0f} s.")
                await asyncio.sleep(_DATABASE_PAUSE_S)

    return duty


def stop_with_make(supervisor: Supervisor) -> Callable[[], Awaitable[None]]:
    """Return the duty that stops when only the `make` above got the interrupt.

    GNU make does not pass an interrupt on, supposing that a terminal sent it to everybody; it then waits for us with the
    signal blocked, which can be read on Linux.
    """

    async def duty() -> None:
        parent = os.getppid()
        while _program(parent) == "make":
            if _blocks_interrupt(parent):
                supervisor.stopping.set()
                return
            await asyncio.sleep(0.5)

    return duty


def _program(process_id: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process_id}/comm").read_text().strip()
    return ""


def _blocks_interrupt(process_id: int) -> bool:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
            if line.startswith("SigBlk:"):
                return bool(int(line.split()[1], 16) & 1 << (signal.SIGINT - 1))
    return False
