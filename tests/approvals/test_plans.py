"""Lists stay fast: twenty thousand requests later every one of them reads an index and nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from approvals.facts import Person
from approvals.inbox import waiting
from approvals.queries import WAITING, Filters, open_of, page, pending_count
from approvals.settled import SETTLED
from tests.conftest import FreshDatabase

MANY = """
    INSERT INTO approvals_approvalrequest
        (id, number, kind, status, digest, body, summary, tool, agent, reasons, facts, taint, excluded, groups, expires_at,
         decided_by, decided_at, session_id)
    SELECT gen_random_uuid(), 100000 + n, 'tool_call', CASE WHEN n % 200 = 0 THEN 'pending' ELSE 'rejected' END,
        encode(sha256('{}'::bytea), 'hex'), '{}'::bytea, 'A sentence', 'tool' || n % 40, 'agent', '[]', '{}', '[]', '{}', '{}',
        now() + n * interval '1 s', 7, now(), gen_random_uuid()
    FROM generate_series(1, 20000) n
"""


@pytest.fixture
def many(fresh_database: FreshDatabase) -> None:
    """20,000 requests, of which 100 wait, where no dead rows of other tests mislead the planner."""
    with connection.cursor() as cursor:
        cursor.execute(MANY)
        cursor.execute("ANALYZE approvals_approvalrequest")


def plan_of(act: Callable[[], Any]) -> str:
    """Return the plan of the first query that `act` makes."""
    with CaptureQueriesContext(connection) as queries:
        act()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        return "\n".join(line for (line,) in cursor.fetchall())


def test_every_list_reads_an_index(many: None) -> None:
    """Twenty thousand requests later the inbox still reads only what it shows."""
    inbox = Filters(status=WAITING)
    first = page(inbox, limit=20, order="expiry")
    newest = page(Filters(), limit=20)
    row = newest.items[0]
    for act, index in (
        (lambda: page(inbox, limit=20, order="expiry"), "request_waiting|request_due"),
        (lambda: page(inbox, limit=20, order="expiry", cursor=first.next_cursor), "request_waiting|request_due"),
        (lambda: page(Filters(), limit=20, cursor=newest.next_cursor), "number"),
        (lambda: page(Filters(session_id=row.session_id), limit=20), "request_of_session"),
        (lambda: page(Filters(tool="tool7"), limit=20), "request_of_tool|number"),
        (lambda: open_of([row.session_id]) if row.session_id else None, "request_of_session"),
        (pending_count, "request_waiting|request_due"),
    ):
        plan = plan_of(act)
        assert "Seq Scan on approvals_approvalrequest" not in plan, plan
        assert any(name in plan for name in index.split("|")), plan


QUEUE = """
    INSERT INTO approvals_approvalrequest
        (id, number, kind, status, digest, body, summary, tool, agent, tier, risk, reasons, facts, taint, excluded, groups,
         expires_at, escalated_at, claimed_by, claimed_name, claimed_until, decided_by, decided_at, session_id)
    SELECT gen_random_uuid(), 500000 + n, 'tool_call', CASE WHEN n > 100000 THEN 'pending' ELSE 'rejected' END,
        encode(sha256('{}'::bytea), 'hex'), '{}'::bytea, 'A sentence', 'tool' || n % 40, 'agent' || n % 7, 'irreversible_write',
        1 + n % 4, '[]', '{}', CASE WHEN n % 5 = 0 THEN '[{"source": "read_document"}]'::jsonb ELSE '[]' END, '{}', '{}',
        now() + (n % 86400 + 60) * interval '1 s', CASE WHEN n % 11 = 0 THEN now() END,
        CASE WHEN n % 500 = 0 THEN 7 END, CASE WHEN n % 500 = 0 THEN 'Remy' ELSE '' END,
        CASE WHEN n % 500 = 0 THEN now() + interval '1 h' END, CASE WHEN n <= 100000 THEN 7 END,
        now() - n * interval '1 ms', gen_random_uuid()
    FROM generate_series(1, 110000) n
"""
WAIT = 10_000


@pytest.fixture
def long_queue(fresh_database: FreshDatabase) -> None:
    """10,000 requests wait, 100,000 are decided."""
    with connection.cursor() as cursor:
        cursor.execute(QUEUE)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE approvals_approvalrequest")


def looked_at(act: Callable[[], Any]) -> int:
    """Return the most rows that any step of the first query of `act` looks at, thrown away ones included."""
    with CaptureQueriesContext(connection) as queries:
        act()
    with connection.cursor() as cursor:
        # As of a disk without arms: by the old default a tenth of a table is a draw between its index and reading it whole.
        cursor.execute("SET random_page_cost = 1.1")
        cursor.execute("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + queries[0]["sql"])
        (found,) = cursor.fetchone()
        cursor.execute("RESET random_page_cost")
    return max(_rows(found[0]["Plan"]))


def _rows(node: dict[str, Any]) -> Iterator[int]:
    assert node.get("Relation Name") != "approvals_approvalrequest" or node["Node Type"] != "Seq Scan", node
    dropped = sum(node.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Index Recheck"))
    yield int((node["Actual Rows"] + dropped) * node["Actual Loops"])
    for inner in node.get("Plans", ()):
        yield from _rows(inner)


def test_the_queue_looks_at_no_more_than_what_waits(long_queue: None) -> None:
    """APPR-8: first page, every filter, numbers, own claims and searches among the decided, each within a bound."""
    person = Person(7, "Remy", frozenset({"reviewer"}), reauthenticated=True)
    inbox, decided = Filters(status=WAITING, person=person), Filters(status=("rejected", "consumed"), person=person)
    settled = Filters(status=SETTLED, person=person)
    reads: tuple[tuple[Callable[[], Any], int], ...] = (
        (lambda: page(inbox, limit=50, order="expiry"), 60),
        (lambda: page(replace(inbox, tool="tool7"), limit=50, order="expiry"), WAIT),
        (lambda: page(replace(inbox, agent="nobody", risk=4, taint="1", due="escalated"), limit=50, order="expiry"), WAIT),
        (lambda: page(replace(inbox, q="sentence", can="1"), limit=50, order="expiry"), WAIT),
        (lambda: page(replace(inbox, hand="mine"), limit=50, order="expiry"), 100),
        (lambda: page(Filters(status=("held",), decided_by=7), limit=5), 10),
        (lambda: waiting(person, decides=True, q="sentence"), WAIT + 1),
        (pending_count, WAIT),
        (lambda: page(decided, limit=50, reach=WAIT), 2 * WAIT + 100),
        (lambda: page(replace(decided, agent="nobody", q="nothing"), limit=50, reach=WAIT), 2 * WAIT + 100),
        (lambda: page(settled, limit=50, order="settled"), 60),
        (lambda: page(settled, limit=50, order="settled", reach=WAIT), 2 * WAIT + 100),
    )
    for place, (act, bound) in enumerate(reads):
        assert looked_at(act) <= bound, place


def test_a_search_among_the_decided_stays_within_its_reach(long_queue: None) -> None:
    """The second statement, the rows themselves: it looks at those within reach and no further."""
    with CaptureQueriesContext(connection) as queries:
        found = page(Filters(status=("rejected",), agent="nobody"), limit=50, reach=WAIT)
    assert (found.items, bool(found.next_cursor)) == ([], True)
    assert _most_of(queries[1]["sql"]) <= 2 * WAIT + 100


def _most_of(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement)
        (plan,) = cursor.fetchone()
    return max(_rows(plan[0]["Plan"]))


def test_the_newest_decisions_are_read_by_their_own_index(long_queue: None) -> None:
    """The decided tab, its further pages and what is searched there: none sorts the history, however long it is."""
    decided = Filters(status=SETTLED)
    first = page(decided, limit=50, order="settled")
    for act in (
        lambda: page(decided, limit=50, order="settled"),
        lambda: page(decided, limit=50, order="settled", cursor=first.next_cursor),
    ):
        plan = plan_of(act)
        assert "request_settled" in plan, plan
        assert "Sort" not in plan, plan
    with CaptureQueriesContext(connection) as queries:
        found = page(replace(decided, agent="nobody"), limit=50, order="settled", reach=WAIT)
    assert (found.items, bool(found.next_cursor)) == ([], True)
    assert _most_of(queries[1]["sql"]) <= 2 * WAIT + 100
