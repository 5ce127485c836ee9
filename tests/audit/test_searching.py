"""Every filter of the trail is a bounded read, whatever the log holds: see `audit.searching`. AUDIT-5."""

import json
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit import searching
from audit.actors import Actor
from audit.events import EventKind
from audit.index import index_log
from audit.models import WORDS, AuditEntry
from audit.queries import EntryFilter, entries
from audit.services import record
from tests.audit.conftest import entry

KINDS = (EventKind.TOOL_CALL_EXECUTING, EventKind.TOOL_CALL_SUCCEEDED, EventKind.SESSION_CLAIMED)
PEOPLE = 40
MANY = 20_000


def one(n: int) -> Any:
    """The n-th entry: kinds, people and tools take turns; the first two hundred alone are alarms, of one person."""
    rare = n < 200
    return entry(
        "system" if n % 2 else f"session:S-{1 + n % 400}",
        actor=Actor("user", "old" if rare else str(n % PEOPLE), "Somebody"),
        facts={"tool": f"tool_{n % 30}", "word": f"word{n}", "parity": f"parity{n % 2}", "common": "thing"},
        kind=EventKind.ALARM_INJECTION if rare else KINDS[n % 3],
    )


@pytest.fixture
def log(fresh_database: Any) -> Any:
    """Twenty thousand entries with statistics."""
    for start in range(0, MANY, 2_000):
        record([one(n) for n in range(start, start + 2_000)])
    index_log(patience_ms=1000)
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("VACUUM ANALYZE audit_entry, audit_log_index")
    return fresh_database


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """A plan's nodes, from the top."""
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


def read_by(where: EntryFilter, **more: Any) -> list[dict[str, Any]]:
    """The nodes of what a page really did, statement by statement."""
    with CaptureQueriesContext(connection) as captured:
        entries(where, **more)
    found = []
    with transaction.atomic(), connection.cursor() as cursor:  # one: what is set for the reading holds for its plans
        for query in captured.captured_queries:
            if query["sql"].startswith("SELECT") or query["sql"].startswith("WITH"):
                cursor.execute("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + query["sql"].replace("%", "%%"))
                said = cursor.fetchone()[0]
                found += nodes((json.loads(said) if isinstance(said, str) else said)[0]["Plan"])
    return found


COMBINATIONS = [
    EntryFilter(),
    EntryFilter(stream="system"),
    EntryFilter(stream="system", kind="alarm"),
    EntryFilter(session="S-9"),
    EntryFilter(session="S-9", kind="tool_call"),
    EntryFilter(principal="user"),
    EntryFilter(principal="user:7", kind="alarm"),
    EntryFilter(principal="user:7", tool="tool_8"),
    EntryFilter(principal="user:old", kind="session"),
    EntryFilter(kind="tool_call"),
    EntryFilter(kind="tool_call", tool="tool_8"),
    EntryFilter(kind="alarm", tool="tool_8", principal="user:9"),
    EntryFilter(text="thing"),
    EntryFilter(text="word777"),
    EntryFilter(text="nowhere"),
    EntryFilter(text="parity0 parity1"),
    EntryFilter(text="thing", kind="alarm"),
    EntryFilter(text="thing", principal="user:old"),
    EntryFilter(text="word777", kind="tool_call"),
]


def test_no_combination_of_filters_reads_or_sorts_the_whole_log(log: Any) -> None:
    """Each statement looks at a part of the log that the budget bounds; none scans the table or sorts it."""
    looked = 2_000
    moment = AuditEntry.objects.get(place__log_index=MANY // 2).at
    for where in [
        *COMBINATIONS,
        EntryFilter(since=moment, kind="alarm"),
        EntryFilter(until=moment, principal="user:7", tool="tool_8"),
    ]:
        for node in read_by(where, looked=looked):
            assert not (node["Node Type"] == "Seq Scan" and node.get("Relation Name") == "audit_entry"), (where, node)
            if node.get("Relation Name") == "audit_entry" and node["Node Type"].startswith("Index"):
                # A kind that every third entry has may as well be met on the log itself.
                assert node["Actual Rows"] + node.get("Rows Removed by Filter", 0) <= 3 * looked + 3, (where, node)
            if node["Node Type"] == "Sort":
                assert node["Plans"][0]["Actual Rows"] <= 2 * looked, (where, node)


@pytest.mark.parametrize("limit", [7, 50])
def test_pages_that_look_only_so_far_find_all_the_same(log: Any, limit: int) -> None:
    """Whatever the way and however often it stops, pages give each entry once, newest first, and end at the beginning."""
    for where in COMBINATIONS:
        whole = entries(where, limit=MANY, looked=10 * MANY)
        assert (whole.next, whole.looked_to) == (None, None)
        want = [item.id for item in whole.items][:400]
        seen: list[int] = []
        page = entries(where, limit=limit, looked=900)
        for _ in range(MANY):
            seen += [item.id for item in page.items]
            if page.next is None or len(seen) > len(want):
                break
            page = entries(where, before=page.next, limit=limit, looked=900)
        assert seen[: len(want)] == want, where


def test_a_page_that_stops_says_where(log: Any) -> None:
    """Alarms are the oldest two hundred entries, the tool's are everywhere: nothing is found for long, and that is said."""
    page = entries(EntryFilter(principal="user:7", text="-thing"), looked=1_000)
    assert page.items == []
    assert page.looked_to is not None
    assert page.next == page.looked_to.id + 1
    assert page.looked_to.log_index == MANY - 100 * PEOPLE - (PEOPLE - 1 - 7)


def test_of_several_ways_the_one_with_the_fewest_entries_is_taken(log: Any) -> None:
    """Whoever did little, or what happened seldom, is looked through whole: the page is complete at once."""
    for where in (EntryFilter(principal="user:old", tool="tool_8"), EntryFilter(kind="alarm", text="parity1 thing")):
        page = entries(where, looked=1_000)
        assert page.items
        assert page.next is None or page.looked_to is None


def test_words_are_those_of_the_index() -> None:
    assert WORDS.extra["template"].replace("%(expressions)s", "body_json") == searching.WORDS


@pytest.mark.parametrize(
    ("lexemes", "pieces"),
    [
        ("'refund'", (["refund"], "AND")),
        ("'refund' & 'kim'", (["refund", "kim"], "AND")),
        ("'ap' <-> '-9'", (["ap", "9"], "AND")),
        ("'refund' & !'kim'", (["refund"], "AND")),
        ("'refund' | 'kim'", (["refund", "kim"], "OR")),
        ("'refund' | 'kim' & 'bo'", ([], "")),
        ("!'kim'", ([], "")),
        ("!( 'a' <-> 'b' )", ([], "")),
        ("'it''s'", (["it"], "AND")),
    ],
)
def test_what_an_entry_with_certain_words_surely_holds(lexemes: str, pieces: tuple[list[str], str]) -> None:
    assert searching._pieces(lexemes) == pieces
