"""Lists stay fast: twenty thousand requests later every one of them reads an index and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.queries import WAITING, Filters, open_of, page, pending_count, similar
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
        (lambda: page(Filters(), limit=20, cursor=newest.next_cursor), "request_newest|number"),
        (lambda: page(Filters(session_id=row.session_id), limit=20), "request_of_session"),
        (lambda: page(Filters(tool="tool7"), limit=20), "request_of_tool|request_newest|number"),
        (lambda: similar(row), "request_of_tool|request_newest|number"),
        (lambda: open_of([row.session_id]) if row.session_id else None, "request_of_session"),
        (pending_count, "request_waiting|request_due"),
    ):
        plan = plan_of(act)
        assert "Seq Scan on approvals_approvalrequest" not in plan, plan
        assert any(name in plan for name in index.split("|")), plan
