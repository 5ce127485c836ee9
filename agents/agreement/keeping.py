"""The passes over what stands until somebody changes it, one for each sort: `agents.agreement.kept` says what is wrong.

Of the log the entries that make, change and end such things are read one at a time, by their kinds; of what they say only the outcome
is in memory. There are as many of these as people ever made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, LiteralString, NamedTuple

from django.db import connections

from agents.agreement.found import Finding, Report
from agents.agreement.kept import KeptHeard, KeptTold, disagreeing, missing
from agents.agreement.told import Told, told
from audit.chain import commitment
from audit.connection import read

AT_ONCE = 200
_STARTER: LiteralString = """
SELECT s.name AS key, a.slug AS agent, s.goal, s.task_type, s.tenant, s.feature, s.webhook_url, s.status, s.revision,
       s.created_by, s.changed_by, {more} FROM {table} s JOIN agents_agent a ON a.id = s.agent_id"""
_ENTRIES = "SELECT stream, seq, body FROM audit_entry WHERE kind = ANY(%s) ORDER BY id"
_SALTS = """
SELECT e.seq, c.salt FROM audit_content c JOIN audit_entry e ON e.id = c.entry_id
 WHERE e.stream = %s AND e.seq = ANY(%s) AND c.name = 'goal'"""


class Sort(NamedTuple):
    """One sort of thing: its table, its rows with what is held against the log, and which entries tell of it in which stream."""

    table: str
    rows: LiteralString
    stream: str
    kinds: tuple[str, ...]
    hear: Callable[[KeptHeard, Told], None]
    counted: str


SORTS = (
    Sort("agents_schedule", _STARTER.format(table="agents_schedule", more="s.cron, s.zone, s.overlap, s.missed"), "schedule",
         tuple(f"schedule.{verb}" for verb in ("created", "changed", "paused", "resumed", "ended")), KeptHeard.starter, "schedules"),
    Sort("agents_inlet", _STARTER.format(table="agents_inlet", more="s.per_hour, s.generation"), "inlet",
         tuple(f"inlet.{verb}" for verb in ("created", "changed", "paused", "resumed", "rotated", "ended")), KeptHeard.starter,
         "inlets"),
    Sort("agents_budget", """
SELECT id::text AS key, kind || CASE WHEN key = '' THEN '' ELSE ':' || key END AS scope, period, cap_microusd, at_cap, status, revision
  FROM agents_budget""", "budget", ("budget.set", "budget.ended"), KeptHeard.budget, "budgets"),
    Sort("agents_stop", """
SELECT scope || ' #' || row_number() OVER (PARTITION BY scope ORDER BY id) AS key, status, reason FROM agents_stop""",
         "stop", ("stop.set", "stop.lifted"), KeptHeard.stop, "stops"),
    Sort("approvals_cover", """
SELECT id::text AS key, absent::text, deputy::text, roles, starts_at AS "from", ends_at AS until, status
  FROM approvals_cover""", "user", ("cover.agreed", "cover.ended"), KeptHeard.cover, "covers"),
    Sort("audit_hold", """
SELECT scope || ' ' || whose || ' #' || row_number() OVER (PARTITION BY scope, whose ORDER BY id) AS key, reason,
       CASE WHEN lifted_at IS NULL THEN 'active' ELSE 'lifted' END AS status FROM audit_hold""",
         "content", ("content.held", "content.hold_lifted"), KeptHeard.hold, "holds"),
    Sort("audit_retention_rule", "SELECT cls AS key, days, revision FROM audit_retention_rule", "content", ("content.rule_set",),
         KeptHeard.rule, "rules"),
)  # fmt: skip


def hold_all(report: Report, sort: Sort, using: str) -> None:
    """Hold all rows of a sort against the log, and what the log tells of against the rows."""
    heard = KeptHeard()
    for entry in _entries(sort, using):
        sort.hear(heard, entry)
    left = dict(heard.told)
    for rows in _rows(sort, using):
        report.count(**{sort.counted: len(rows)})
        report.note(*_goals(sort, rows, heard.told, using))
        for row in rows:
            report.note(*disagreeing(sort.table, row, left.pop(row["key"], None), sort.stream))
    for key, one in left.items():
        report.note(missing(sort.table, key, one))


def stages() -> tuple[Callable[[Report, str, str], None], ...]:
    """Return a pass for each sort, as `agents.agreement.check` takes them."""
    return tuple(_stage(sort) for sort in SORTS)


def _stage(sort: Sort) -> Callable[[Report, str, str], None]:
    def stage(report: Report, _: str, using: str) -> None:
        hold_all(report, sort, using)

    return stage


def _entries(sort: Sort, using: str) -> Iterator[Told]:
    with connections[using].chunked_cursor() as cursor:
        cursor.execute(_ENTRIES, [list(sort.kinds)])
        while lines := cursor.fetchmany(500):
            for stream, seq, body in lines:
                yield told(stream, seq, bytes(body))


def _rows(sort: Sort, using: str) -> Iterator[list[dict[str, Any]]]:
    after = ""
    statement = f'SELECT * FROM ({sort.rows}) AS kept WHERE key COLLATE "C" > %s ORDER BY key COLLATE "C" LIMIT %s'  # noqa: S608 ours
    while rows := read(statement, [after, AT_ONCE], using=using):
        after = rows[-1]["key"]
        yield rows


def _goals(sort: Sort, rows: list[dict[str, Any]], heard: Mapping[str, KeptTold], using: str) -> list[Finding]:
    """Return the goals that are not those which entries commit to; one whose text was deleted cannot be compared."""
    places = {row["key"]: goal for row in rows if row["key"] in heard and (goal := heard[row["key"]].goal) is not None}
    if not places:
        return []
    salts = {
        row["seq"]: bytes(row["salt"]) for row in read(_SALTS, [sort.stream, [one.seq for one in places.values()]], using=using)
    }
    found = []
    for row in rows:
        place = places.get(row["key"])
        if place is None or place.seq not in salts or commitment(salts[place.seq], row["goal"]) == place.commitment:
            continue
        made = f"a text of {commitment(salts[place.seq], row['goal'])}"
        found.append(Finding(sort.table, row["key"], "the goal", made, place.commitment, sort.stream, place.seq))
    return found
