"""Appending to the log beside a plain insert into the same table; and a steady stream of entries that has to be indexed and signed.

Both kinds of writing send the same entries in the same batches over the same kind of connection, in turns. The plain one
brings every column ready made, chains nothing and locks nothing; what it wrote is taken out of the table in the end.
"""

import hashlib
import json
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from console.local.paths import APP_ROLE, DATABASE
from tests.bench.log_filling import MADE
from tests.bench.stage import ROOT, Stage, ending, start

BATCH = 50
ROUNDS, EACH = 8, 60  # batches of a round
FIRST, PART = 100_000_000, 30_000  # numbers of the sessions that are written here: so many at most each time
RATE, SECONDS = 2000, 20
_APPEND = "SELECT count(*) FROM audit_append(%b, NULL, NULL, NULL, NULL, NULL)"
_PLAIN = """
INSERT INTO audit_entry (id, stream, seq, kind, at, actor_kind, actor_id, tool, body, body_json, prev_hash, entry_hash)
SELECT r.id, r.stream, r.seq, r.kind, r.at::timestamptz, r.actor_kind, r.actor_id, r.tool, r.body, r.copy::jsonb, r.prev, r.hash
  FROM unnest(%b::bigint[], %t::text[], %b::bigint[], %t::text[], %t::text[], %t::text[], %t::text[], %t::text[], %b::bytea[],
              %t::text[], %b::bytea[], %b::bytea[])
       AS r (id, stream, seq, kind, at, actor_kind, actor_id, tool, body, copy, prev, hash)
"""
_AWAY = """
ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_stays;
DELETE FROM audit_entry WHERE id = ANY (%s);
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_stays;
"""
_COVERED = """
SELECT extract(epoch FROM (SELECT c.at FROM audit_checkpoint AS c WHERE c.size >= l.log_index ORDER BY c.size LIMIT 1))::float8
  FROM unnest(%s::bigint[]) WITH ORDINALITY AS u (id, n) JOIN audit_log_index AS l ON l.entry_id = u.id ORDER BY u.n
"""


@dataclass(frozen=True, slots=True)
class Paced:
    """How a steady stream went: entries a second, how long until each batch was signed, and how many waited for an index."""

    rate: float
    covered_s: list[float]
    waiting: int


def rates(here: Stage) -> tuple[float, float]:
    """Return entries a second of the append function and of plain inserts, in turns of the same run."""
    written = ROUNDS * EACH * BATCH
    appended, plain = (_batches(_bodies(here, written)) for _ in range(2))
    ids, rows = _rows(here, plain)
    took = [0.0, 0.0]
    with _application(here) as connection, here.connection() as owner:
        for number in range(ROUNDS):
            part = slice(number * EACH, (number + 1) * EACH)
            took[0] += _timed(connection, _APPEND, [[batch] for batch in appended[part]])
            took[1] += _timed(owner, _PLAIN, rows[part])
        connection.execute("SELECT audit_index(60000)")
        with owner.transaction():
            for statement in _AWAY.strip().split("\n"):
                owner.execute(statement, [ids] if "%s" in statement else None)
        owner.execute("VACUUM audit_entry")
    return written / took[0], written / took[1]


def paced(here: Stage) -> Paced:
    """Append so many entries a second while a sealer runs that has signed before, and wait until the last is signed."""
    first, *batches = _batches(_bodies(here, BATCH + RATE * SECONDS))
    over = threading.Event()
    waiting = [0]
    with ending(start(str(ROOT / "manage.py"), "seal", environment=here.environment)), _application(here) as connection:
        indexer = threading.Thread(target=_index, args=[here, over, waiting])
        indexer.start()
        try:
            _until_signed(here, _appended(connection, first))  # so it has started
            committed, rate = _steadily(connection, batches)
            _until_signed(here, committed[-1][0])
        finally:
            over.set()
            indexer.join()
    signed = here.rows(_COVERED, [id_ for id_, _ in committed])
    return Paced(rate, [at - when for (at,), (_, when) in zip(signed, committed, strict=True)], waiting[0])


def _steadily(connection: psycopg.Connection, batches: Sequence[Sequence[bytes]]) -> tuple[list[tuple[int, float]], float]:
    """Append at the pace; returns the last entry's key and the time of each commit, and entries a second."""
    committed: list[tuple[int, float]] = []
    began = time.monotonic()
    for number, batch in enumerate(batches):
        time.sleep(max(0.0, began + number * BATCH / RATE - time.monotonic()))  # the pace
        committed.append((_appended(connection, batch), time.time()))
    return committed, len(batches) * BATCH / (time.monotonic() - began)


def _appended(connection: psycopg.Connection, batch: Sequence[bytes]) -> int:
    """Append a batch; return its last entry's key."""
    row = connection.execute(_APPEND.replace("count(*)", "max(id)"), [batch]).fetchone()
    return row[0] if row else 0


def _until_signed(here: Stage, entry: int) -> None:
    signed = (
        "SELECT EXISTS (SELECT FROM audit_checkpoint c JOIN audit_log_index l ON l.log_index <= c.size WHERE l.entry_id = %s)"
    )
    deadline = time.monotonic() + 120
    while not here.query(signed, entry):
        if time.monotonic() > deadline:
            raise AssertionError("the sealer never came to it")
        time.sleep(0.1)


def _index(here: Stage, over: threading.Event, waiting: list[int]) -> None:
    """Index every moment, as processes do after their commits, and note how much had to wait at most."""
    with _application(here) as connection:
        while not over.wait(0.05):
            row = connection.execute("SELECT count(*) FROM audit_pending").fetchone()
            waiting[0] = max(waiting[0], row[0] if row else 0)
            connection.execute("SELECT audit_index()")


def _bodies(here: Stage, count: int) -> list[bytes]:
    """Return the bytes of so many entries of sessions that nobody wrote yet, as the filled log has them."""
    first = FIRST + here.query("SELECT nextval('bench_part')") * PART
    with here.connection() as connection:
        found = connection.execute(
            f"SELECT body FROM ({MADE}) AS m ORDER BY entry LIMIT %s", [first, first + count // 10, count]
        )
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        return [_at(bytes(body), now) for (body,) in found]


def _at(body: bytes, now: str) -> bytes:
    """Return the bytes with another time, of the same length."""
    place = body.index(b'"ts":"') + len(b'"ts":"')
    return body[:place] + now.encode() + body[place + len(now) :]


def _rows(here: Stage, batches: Iterable[Sequence[bytes]]) -> tuple[list[int], list[list[list[Any]]]]:
    """Return the keys of plain rows, and their columns for each batch; keys come from the log's own sequence."""
    kept = [list(batch) for batch in batches]
    ids = [id_ for (id_,) in here.rows("SELECT nextval('audit_entry_id') FROM generate_series(1, %s)", sum(map(len, kept)))]
    free = iter(ids)
    seqs: dict[str, int] = {}
    return ids, [
        [list(column) for column in zip(*(_row(body, next(free), seqs) for body in batch), strict=True)] for batch in kept
    ]


def _row(body: bytes, id_: int, seqs: dict[str, int]) -> tuple[Any, ...]:
    said = json.loads(body)
    stream, principal = said["stream"], said["principal"]
    seqs[stream] = seq = seqs.get(stream, 0) + 1
    copy = {name: value for name, value in said.items() if name in ("facts", "ids", "principal", "rev", "closes")}
    link = [hashlib.sha256(f"{part} {id_}".encode()).digest() for part in ("before", "itself")]
    return (
        id_, stream, seq, said["kind"], said["ts"], principal["kind"], principal["id"], said["facts"].get("tool", ""), body,
        json.dumps(copy), *link,
    )  # fmt: skip


def _batches(bodies: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [list(bodies[place : place + BATCH]) for place in range(0, len(bodies), BATCH)]


def _application(here: Stage) -> psycopg.Connection:
    return psycopg.connect(here.server.url(APP_ROLE, DATABASE), autocommit=True)


def _timed(connection: psycopg.Connection, statement: str, batches: Sequence[Sequence[Any]]) -> float:
    began = time.perf_counter()
    for batch in batches:
        connection.execute(statement, batch)
    return time.perf_counter() - began
