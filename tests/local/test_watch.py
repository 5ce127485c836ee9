"""The watchdog: a worker that stands still without ending is ended and started again."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.actors import SYSTEM
from audit.events import EventKind
from audit.index import index_log
from audit.lag import forked
from audit.note import Signer
from audit.seal import origin, seal
from audit.services import Entry, record
from console.local.children import Child
from console.local.supervisor import Supervisor
from console.local.watch import restart_stalled, seconds_since_heartbeat, seconds_unsigned
from tests.conftest import FreshDatabase
from tests.waiting import PATIENCE_S

WAITS = "import sys, time; open(sys.argv[1], 'a').write('up\\n'); time.sleep(600)"
BEAT = """
INSERT INTO agents_workerheartbeat (owner, beat_at) VALUES ('w', clock_timestamp())
ON CONFLICT (owner) DO UPDATE SET beat_at = EXCLUDED.beat_at
"""


PATIENT_S = 120.0  # as long as nothing is heard from a machine that has no time for the test


async def _watched(
    tmp_path: Path, url: str, until: Callable[[int, list[str]], bool], stalled_s: float = PATIENT_S
) -> list[str]:
    """Run a worker under a watchdog that looks often until starts and sayings satisfy; return the sayings."""
    note, said = tmp_path / "note", list[str]()
    supervisor = Supervisor(tmp_path, said.append)
    worker = Child("worker", (sys.executable, "-c", WAITS, str(note)), dict(os.environ))
    running = asyncio.create_task(
        supervisor.run(
            [worker], restart_stalled(supervisor, "worker", lambda: seconds_since_heartbeat(url), stalled_s, look_every_s=0.1)
        )
    )
    async with asyncio.timeout(PATIENCE_S):
        while not until(len(note.read_text().splitlines()) if note.exists() else 0, said):  # noqa: ASYNC110  files
            await asyncio.sleep(0.05)
    supervisor.stopping.set()
    await running
    return said


def test_a_worker_that_never_beats_is_restarted(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    """OPS-4: DESIGN section 5, a stalled cluster does not come back by itself."""
    said = asyncio.run(_watched(tmp_path, fresh_database.url, lambda starts, said: starts >= 2, stalled_s=1.0))
    assert said[0] == "worker has been silent and is restarted"


def test_a_worker_that_starts_slowly_is_given_longer_each_time(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    """A machine too busy to start a worker in time has one in the end; ended after the same time each, it never would."""
    seen, since = 0, 0.0

    def lives_twice_as_long(starts: int, said: list[str]) -> bool:
        nonlocal seen, since
        if starts != seen:
            seen, since = starts, time.monotonic()
        return starts > 1 and time.monotonic() - since > 2.0

    said = asyncio.run(_watched(tmp_path, fresh_database.url, lives_twice_as_long, stalled_s=1.0))
    assert said[0] == "worker has been silent and is restarted"


def test_a_worker_that_beats_is_left_alone(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    """The watchdog asks the database's clock, so that two clocks cannot disagree."""
    looks = 0
    with psycopg.connect(fresh_database.url, autocommit=True) as connection:

        def beat(starts: int, said: list[str]) -> bool:
            nonlocal looks
            connection.execute(BEAT)
            looks += 1
            return looks > 60

        said = asyncio.run(_watched(tmp_path, fresh_database.url, beat))
    assert said == []


def test_a_moment_without_any_heartbeat_is_no_stall(fresh_database: FreshDatabase, tmp_path: Path) -> None:
    """A drain takes its heartbeat away when it ends; the next one's is a moment off."""
    looks = 0
    with psycopg.connect(fresh_database.url, autocommit=True) as connection:

        def beat_now_and_then(starts: int, said: list[str]) -> bool:
            nonlocal looks
            connection.execute(BEAT if looks % 10 < 5 else "DELETE FROM agents_workerheartbeat")
            looks += 1
            return looks > 60

        said = asyncio.run(_watched(tmp_path, fresh_database.url, beat_now_and_then))
    assert said == []


def test_a_watchdog_that_stood_still_with_its_machine_listens_first(tmp_path: Path) -> None:
    """A virtual machine that was held: the last heartbeat is old for as long as the worker needs to make another."""
    said = list[str]()
    supervisor = Supervisor(tmp_path, said.append)

    async def scene() -> None:
        loop, ended, looks = asyncio.get_running_loop(), asyncio.Event(), 0

        def silence() -> float:
            nonlocal looks
            looks += 1
            if looks == 2:
                loop.call_soon_threadsafe(loop.call_later, 0.1, time.sleep, 1.5)
            if looks == 6:
                loop.call_soon_threadsafe(ended.set)
            return 2.0 if looks == 3 else 0.0

        supervisor.started_at["worker"] = time.monotonic() - 600
        watching = asyncio.ensure_future(restart_stalled(supervisor, "worker", silence, stalled_s=1.0, look_every_s=0.3)())
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()
        watching.cancel()

    asyncio.run(scene())
    assert said == []


def test_silence_is_told_apart_from_a_database_that_cannot_say(fresh_database: FreshDatabase) -> None:
    """A restart of PostgreSQL must not end workers that will find it again."""
    assert seconds_since_heartbeat(fresh_database.url) == float("inf")
    with psycopg.connect(fresh_database.url, autocommit=True) as connection:
        connection.execute(BEAT)
    assert seconds_since_heartbeat(fresh_database.url) == pytest.approx(0, abs=5)
    assert seconds_since_heartbeat("postgresql://x@127.0.0.1:1/x") is None


def test_a_sealer_is_silent_while_entries_wait_to_be_signed(fresh_database: FreshDatabase) -> None:
    """Not where all is signed, nor where it found the log forked: it says so, and starting it again would not help."""
    assert seconds_unsigned(fresh_database.url) == 0
    record([Entry("policy", EventKind.POLICY_REVISED, SYSTEM, {})])
    index_log()
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as superuser:
        superuser.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        superuser.execute("UPDATE audit_entry SET at = clock_timestamp() - interval '90 seconds'")
    assert seconds_unsigned(fresh_database.url) == pytest.approx(90, abs=30)
    seal(Signer(origin(), Ed25519PrivateKey.generate()), patience_ms=2000)
    assert seconds_unsigned(fresh_database.url) == 0
    forked(1)
    assert seconds_unsigned(fresh_database.url) is None
    assert seconds_unsigned("postgresql://x@127.0.0.1:1/x") is None
