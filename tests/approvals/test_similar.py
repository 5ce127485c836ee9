"""How earlier requests like one were decided: ranked against an order made by hand, and read from indexes."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from approvals.likeness import Likeness, band, likeness
from approvals.models import ApprovalRequest
from approvals.services import decide
from approvals.similar import NEAREST, similar
from tests.approvals.conftest import ask, by
from tests.conftest import FreshDatabase


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"to": ["Kim@Halden.example"], "subject": "x", "cc": []}, Likeness("subject,to", "kim@halden.example", 0)),
        ({"cc": ["a@b.example"], "to": ["kim@halden.example"]}, Likeness("cc,to", "kim@halden.example", 0)),
        ({"url": "https://Docs.Halden.example/x?y"}, Likeness("url", "docs.halden.example", 0)),
        ({"cents": 184_000, "payment": "p1"}, Likeness("cents,payment", "", 11)),
        ({"cents": 200_000, "payment": "p2"}, Likeness("cents,payment", "", 11)),
        ({"deep": {"amount": -5}, "yes": True, "none": None}, Likeness("deep,yes", "", 2)),
        ({}, Likeness()),
    ],
)
def test_arguments_are_alike_by_shape_target_and_band(arguments: dict[str, Any], expected: Likeness) -> None:
    """APPR-2: names that hold something, the first recipient or host, the size of the largest number."""
    assert likeness(arguments) == expected


@given(amount=st.floats(1, 1e15))
def test_a_band_is_about_three_times_as_wide_as_its_beginning(amount: float) -> None:
    """Property: bands only grow, and an amount ten times as large is two bands further."""
    assert band(amount * 1.001) >= band(amount)
    assert abs(band(amount * 10) - band(amount) - 2) <= 1


def decided(user: User, verdict: str, arguments: dict[str, Any], **more: Any) -> ApprovalRequest:
    """Put a request up and let somebody decide; an approval is told as carried out."""
    row = ask(likeness=likeness(arguments), **more)
    instruction = "No, not now." if verdict == "reject" else ""
    decide(request_id=row.id, verdict=verdict, digest=row.digest, instruction=instruction, **by(user))
    if verdict == "approve":
        ApprovalRequest.objects.filter(pk=row.pk).update(status="consumed")
    return row


def pay(cents: int, to: str = "", **more: Any) -> dict[str, Any]:
    """Arguments of a payment."""
    return {"cents": cents, **({"to": [to]} if to else {}), **more}


def test_the_nearest_come_first_by_recipient_then_amount_then_shape_then_age(rosa: User) -> None:
    """APPR-2: the same order as one made by hand."""
    only_tool = decided(rosa, "approve", {"note": "x"})
    shape_old = decided(rosa, "approve", pay(9_000_000, "lee@else.example"))
    shape_new = decided(rosa, "reject", pay(8_000_000, "lee@else.example"))
    band_only = decided(rosa, "approve", pay(2_000, "lee@else.example", why="because"))
    band_and_shape = decided(rosa, "approve", pay(2_100, "lee@else.example"))
    target = decided(rosa, "reject", pay(5_000_000, "kim@halden.example", why="because"))
    target_and_band = decided(rosa, "approve", pay(2_500, "kim@halden.example", why="because"))
    everything = decided(rosa, "approve", pay(2_000, "kim@halden.example"))
    decided(rosa, "reject", pay(2_000, "kim@halden.example"), tool="another_tool")
    ask(likeness=likeness(pay(2_000, "kim@halden.example")))  # nobody has decided it
    row = ask(likeness=likeness(pay(2_000, "kim@halden.example")))
    decided(rosa, "reject", pay(2_000, "kim@halden.example"))  # later than the one that is asked about
    by_hand = [everything, target_and_band, target, band_and_shape, band_only, shape_new, shape_old, only_tool]
    found = similar(row, nearest=len(by_hand) + 1)
    assert found is not None
    assert found.nearest == by_hand
    assert (found.approved, found.edited, found.rejected) == (6, 0, 2)
    assert (shortened := similar(row)) is not None
    assert shortened.nearest == by_hand[:NEAREST]
    assert similar(ask(kind="tool_call", tool="never_used")) is None


MANY = """
    INSERT INTO approvals_approvalrequest
        (id, number, kind, status, digest, body, summary, tool, agent, reasons, facts, taint, excluded, groups, expires_at,
         decided_by, decided_at, shape, target, band)
    SELECT gen_random_uuid(), 100000 + n, 'tool_call', CASE WHEN n % 200 = 0 THEN 'pending' ELSE 'rejected' END,
        encode(sha256('{}'::bytea), 'hex'), '{}'::bytea, 'A sentence', 'tool' || n % 4, 'agent', '[]', '{}', '[]', '{}', '{}',
        now() + n * interval '1 s', 7, now(), 'a,b' || n % 7, 'kim' || n % 900 || '@halden.example', n % 13
    FROM generate_series(1, 40000) n
"""


def test_many_decided_requests_are_ranked_from_indexes_alone(fresh_database: FreshDatabase) -> None:
    """Forty thousand requests later each likeness is read from its own index, and no step looks at more than it needs."""
    with connection.cursor() as cursor:
        cursor.execute(MANY)
        cursor.execute("ANALYZE approvals_approvalrequest")
    row = ApprovalRequest.objects.get(number=139_001)
    with CaptureQueriesContext(connection) as queries:
        assert similar(row) is not None
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan.replace("Seq Scan on approvals_decision", ""), plan
    assert "request_same_target" in plan, plan
    assert "request_same_shape" in plan, plan
