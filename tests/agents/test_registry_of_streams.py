"""Entries whose stream is in no registry are looked for part by part, by the index of places, however long the log is. AUDIT-3."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from agents.agreement import registry
from agents.agreement.found import Report
from audit.services import record
from tests.audit.conftest import entry


@pytest.fixture
def superuser(fresh_database: Any) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who may do anything in the database, and took the triggers away."""
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("ALTER TABLE audit_stream DISABLE TRIGGER ALL")
        yield raw


def looked(report: Report) -> int:
    """Look for such entries to the end; returns in how many parts."""
    after: str | None = ""
    parts = 0
    while after is not None:
        after, parts = registry.orphans(report, after, "default"), parts + 1
    return parts


def test_each_stream_that_was_dropped_from_the_registry_is_found(
    superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for start in range(0, 900, 300):
        record([entry(f"session:S-{number % 45}") for number in range(start, start + 300)])
    superuser.execute("DELETE FROM audit_stream WHERE name IN ('session:S-0', 'session:S-17', 'session:S-9')")
    for at_once in (1, 7, 45, 500):
        monkeypatch.setattr(registry, "AT_ONCE", at_once)
        report = Report()
        assert looked(report) >= 45 // at_once
        assert [(one.row, one.seq) for one in report.findings] == [("session:S-0", 1), ("session:S-17", 1), ("session:S-9", 1)]


def test_a_part_reads_one_entry_of_each_stream(superuser: psycopg.Connection[Any]) -> None:
    """The plan walks the index of places: it never reads a stream's entries, and no whole table."""
    for start in range(0, 3000, 500):
        record([entry(f"session:S-{number % 30}") for number in range(start, start + 500)])
    superuser.execute("ANALYZE audit_entry")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {registry._HEARD}", ["", 500])
        (plan,) = cursor.fetchone()[0]
    reads = list(_reads(plan["Plan"]))
    assert {one.get("Index Name") for one in reads if one["Relation Name"] == "audit_entry"} == {"audit_entry_place"}
    assert round(sum(one["Actual Rows"] * one["Actual Loops"] for one in reads if one["Relation Name"] == "audit_entry")) == 30


def _reads(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Relation Name" in plan:
        yield plan
    for part in plan.get("Plans", ()):
        yield from _reads(part)
