"""The log of a large house: as many entries as wanted, appended through the product's own function, thousands a call.

Copies of one real session with its raw texts, made in the database itself: numbers, people, agents, tools and times differ,
spread as people's work is, few of them make most of it. Indexes that people search by are taken away before and made again
after, as a restored database makes them. Where the database is kept, what is there is not filled again.
"""

import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from audit.canonical import canonical, parse
from tests.bench.stage import Stage, manage, working

FIRST = 1_000_000  # the number of the first copied session, far from those of real ones
PEOPLE, AGENTS, TOOLS = 500, 12, 20
RARE = 1000  # one of so many sessions raises an alarm
STEP_S = 2.5  # between two sessions
AT_ONCE = 80  # sessions of one call
WORKERS = 2
_FAST = ("fsync = off", "full_page_writes = off", "max_wal_size = '16GB'", "checkpoint_timeout = '1h'")
_SEARCHED = "audit_entry_by_%"
_SPREAD = "power(mod(abs(hashint4(n + {salt})), 10000) / 10000.0, 2)"
_TABLES = """
CREATE TABLE bench_model (place integer PRIMARY KEY, every integer NOT NULL, body text NOT NULL);
CREATE TABLE bench_text (place integer NOT NULL, name text NOT NULL, salt bytea NOT NULL, body text NOT NULL);
CREATE TABLE bench_index (definition text NOT NULL);
CREATE TABLE bench_began (at timestamptz NOT NULL);
CREATE SEQUENCE bench_batch;
CREATE SEQUENCE bench_part;
"""
MADE = f"""
SELECT row_number() OVER (ORDER BY s.n, m.place)::integer AS entry, m.place, s.n,
       convert_to(replace(replace(replace(replace(replace(m.body, '~S~', s.n::text), '~U~', s.person), '~A~', s.agent),
           '~K~', s.tool), '~T~', to_char(s.at + m.place * interval '20 ms', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')), 'UTF8') AS body
  FROM (SELECT n, floor({PEOPLE} * {_SPREAD.format(salt=3)})::text AS person,
               floor(1 + {AGENTS} * {_SPREAD.format(salt=5)})::text AS agent,
               floor(1 + {TOOLS} * {_SPREAD.format(salt=7)})::text AS tool,
               (SELECT at FROM bench_began) AT TIME ZONE 'UTC' + (n - {FIRST}) * interval '{STEP_S} s' AS at
          FROM generate_series(%s::integer, %s::integer) AS n) AS s
  JOIN bench_model AS m ON mod(s.n, m.every) = 0
"""
_APPEND = f"""
WITH made AS MATERIALIZED ({MADE})
SELECT count(*)
  FROM (SELECT array_agg(made.body ORDER BY made.entry) AS bodies FROM made) AS b,
       (SELECT array_agg(made.entry ORDER BY made.entry, t.name) AS entries,
               array_agg(gen_random_uuid()) AS ids, array_agg(t.name ORDER BY made.entry, t.name) AS names,
               array_agg(t.salt ORDER BY made.entry, t.name) AS salts, array_agg(t.body ORDER BY made.entry, t.name) AS texts
          FROM made JOIN bench_text AS t USING (place)) AS c,
       LATERAL audit_append(b.bodies, c.entries, c.ids, c.names, c.salts, c.texts)
"""


def fill(here: Stage, entries: int) -> int:
    """Let the log of a stage have about so many entries, indexed and sealed; returns how many were missing."""
    with here.connection() as connection:
        if _one(connection, "SELECT to_regclass('bench_model')") is None:
            _prepare(here, connection)
        each = _one(connection, "SELECT sum(1.0 / every) FROM bench_model")
        batches = round(entries / float(each) / AT_ONCE)
        done = _one(connection, "SELECT last_value * is_called::integer FROM bench_batch")
        if done < batches:
            _append(here, connection, batches)
        _search_again(connection)
    manage(here.environment, "seal", "--once")
    return int(max(0, round((batches - done) * AT_ONCE * float(each))))


def _prepare(here: Stage, connection: psycopg.Connection) -> None:
    """Let a real session run, and take its entries and texts as models."""
    manage(here.environment, "seal_key")
    with working(here):
        here.run("people", 3, "--at-once", 3)
    (ref,) = connection.execute(
        "SELECT substr(name, 9) FROM audit_stream WHERE name LIKE 'session:%' ORDER BY head_seq DESC LIMIT 1"
    ).fetchall()[0]
    told = connection.execute(
        "SELECT id, convert_from(body, 'UTF8') FROM audit_entry WHERE stream = %s ORDER BY seq", [f"session:{ref}"]
    ).fetchall()
    with connection.transaction():
        connection.execute(_TABLES)
        connection.execute("INSERT INTO bench_began VALUES (%s)", [datetime.now(UTC) - timedelta(days=13)])
        for place, (id_, body) in enumerate(told, start=1):
            closes = {"closes": True} if place == len(told) else {}  # as by the session's end, which these wait for
            connection.execute("INSERT INTO bench_model VALUES (%s, 1, %s)", [place, _model(body, ref, closes)])
            connection.execute(
                "INSERT INTO bench_text SELECT %s, name, salt, body FROM audit_content WHERE entry_id = %s", [place, id_]
            )
        first = parse(told[0][1])
        assert isinstance(first, dict)
        for place, (every, body) in enumerate(_beside(first), start=len(told) + 1):
            connection.execute("INSERT INTO bench_model VALUES (%s, %s, %s)", [place, every, body])


def _model(body: str, ref: str, more: dict[str, Any]) -> str:
    """Return an entry's bytes with marks where copies differ."""
    said: Any = parse(body)
    principal = said["principal"]
    if principal["kind"] == "user":
        principal |= {"id": "~U~", "name": "person~U~"}
    if "on_behalf_of" in principal:
        principal["on_behalf_of"] = "user:~U~"
    text = canonical({**said, **more, "ts": "~T~"}).decode()
    text = re.sub(rf"\b{ref}\b", "S-~S~", text)
    text = re.sub(r"\bAP-[0-9]+\b", "AP-~S~", text)
    text = re.sub(r"\bbench_(look_up|compute|send)\b", r"\1_~K~", text)
    return text.replace('"bench"', '"agent~A~"')


def _beside(first: dict[str, Any]) -> Iterable[tuple[int, str]]:
    """Yield entries about the session in streams of their own: what it published, and now and then an alarm."""
    agent: dict[str, Any] = {"kind": "agent", "id": "agent~A~", "name": "agent~A~", "on_behalf_of": "user:~U~"}
    shared: dict[str, Any] = {"v": 1, "log": first["log"], "ts": "~T~", "principal": agent, "ids": ["S-~S~"]}
    note: dict[str, Any] = {
        "stream": "note:~S~",
        "kind": "note.published",
        "facts": {"title": "Note on S-~S~", "tool": "look_up_~K~"},
    }
    alarm: dict[str, Any] = {
        "stream": "alarm:~S~",
        "kind": "alarm.injection",
        "facts": {"source": "page~S~", "tool": "look_up_~K~"},
    }
    yield 1, canonical({**shared, **note}).decode()
    yield RARE, canonical({**shared, **alarm}).decode()


def _append(here: Stage, connection: psycopg.Connection, batches: int) -> None:
    """Take the indexes away that people search by, and append."""
    with connection.transaction():
        connection.execute("INSERT INTO bench_index SELECT indexdef FROM pg_indexes WHERE indexname LIKE %s", [_SEARCHED])
        for (name,) in connection.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE %s", [_SEARCHED]).fetchall():
            connection.execute(f'DROP INDEX "{name}"')
    for setting in _FAST:
        connection.execute(f"ALTER SYSTEM SET {setting}")
    connection.execute("SELECT pg_reload_conf()")
    over = threading.Event()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for worker in [pool.submit(_worker, here, batches, over) for _ in range(WORKERS)]:
                worker.result()
        finally:
            over.set()
    connection.execute("SELECT audit_index(600000)")


def _worker(here: Stage, batches: int, over: threading.Event) -> None:
    with here.connection() as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET work_mem = '64MB'")
        while not over.is_set() and (batch := _one(connection, "SELECT nextval('bench_batch')")) <= batches:
            first = FIRST + (batch - 1) * AT_ONCE
            connection.execute(_APPEND, [first, first + AT_ONCE - 1])
            connection.execute("SELECT audit_index()")


def _search_again(connection: psycopg.Connection) -> None:
    """Make the indexes that were taken away, and let the database be as careful as it was."""
    connection.execute("SET maintenance_work_mem = '1GB'")
    for (definition,) in connection.execute("SELECT definition FROM bench_index").fetchall():
        connection.execute(definition.replace("INDEX ", "INDEX IF NOT EXISTS ", 1))
    connection.execute("DELETE FROM bench_index")
    connection.execute("ALTER SYSTEM RESET ALL")
    connection.execute("SELECT pg_reload_conf()")
    connection.execute("VACUUM (ANALYZE)")
    connection.execute("CHECKPOINT")


def _one(connection: psycopg.Connection, sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None
