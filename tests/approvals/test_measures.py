"""How people decide is counted right, in few queries that read the last days alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from approvals.document import Rule
from approvals.facts import Judgement, Reason
from approvals.looked import Looked
from approvals.measures import ENOUGH, Figures, Reviewer, measures
from approvals.models import ApprovalRequest
from approvals.services import decide, take_numbers, undo
from audit.ids import uuid7
from tests.approvals.conftest import as_actor, ask, by, edit_of
from tests.conftest import FreshDatabase

RULE = Rule(name="Mail to 'strangers'", then="ask")
RULED = Judgement("ask", (Reason("tier_asks", "It cannot be taken back."), Reason("rule", RULE.reason)), risk=3)


def decided(user: User, verdict: str, request: ApprovalRequest | None = None, **more: Any) -> ApprovalRequest:
    """Put a request up and let somebody decide it."""
    row = request or ask()
    if verdict == "reject":
        more["instruction"] = "Not to them."
    decide(request_id=row.id, digest=row.digest, verdict=verdict, **by(user, **more))
    row.refresh_from_db()
    return row


def reviewer(**changed: Any) -> Reviewer:
    """A reviewer's figures."""
    plain: dict[str, Any] = {"user_id": 1, "name": "Remy", "decided": 30, "approved": 25, "edited": 2, "rejected": 3, "quick": 0,
             "p50_s": 60.0, "p95_s": 600.0, "screen_s": 30.0}  # fmt: skip
    return Reviewer(**{**plain, **changed})


@pytest.mark.django_db
def test_what_came_of_requests_is_counted_by_tool_tier_and_reason(remy: User, rosa: User) -> None:
    """APPR-11, OPS-1: waiting, approved, edited, rejected, and how long it took."""
    for _ in range(3):
        decided(remy, "approve", ask(RULED))
    decided(rosa, "reject", ask(RULED))
    row = ask()
    decided(rosa, "edit", row, edit=edit_of(row))
    ask(RULED, tool="publish_note")
    found = measures(7)
    tools = {row.name: (row.asked, row.waiting, row.approved, row.edited, row.rejected, row.rate) for row in found.tools}
    assert tools == {"send_email": (5, 0, 4, 1, 1, 80), "publish_note": (1, 1, 0, 0, 0, None)}
    assert [(row.name, row.asked) for row in found.tiers] == [("irreversible_write", 6)]
    assert [(row.name, row.asked, row.approved, row.rejected) for row in found.rules] == [("Mail to 'strangers'", 5, 3, 1)]
    assert {row.kind: row.asked for row in found.reasons} == {"tier_asks": 6, "rule": 5}
    assert (found.overall.asked, found.overall.decided) == (6, 5)
    assert found.overall.p50_s is not None
    assert 0 <= found.overall.p50_s < 60
    assert {one.name: (one.decided, one.approved, one.edited, one.rejected) for one in found.reviewers} == {
        "Remy": (3, 3, 0, 0), "Rosa": (2, 0, 1, 1),
    }  # fmt: skip


@pytest.mark.django_db
def test_a_reviewer_can_be_shown_alone_and_an_approval_taken_back_is_none(remy: User, rosa: User) -> None:
    """Others' habits are not everybody's business; what was undone was not decided."""
    decided(remy, "approve")
    undo(request_id=decided(rosa, "approve", hold=True).id, actor=as_actor(rosa))
    assert [one.name for one in measures(7).reviewers] == ["Remy"]
    assert measures(7, of=rosa.pk).reviewers == ()
    assert [one.user_id for one in measures(7, of=remy.pk).reviewers] == [remy.pk]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rejected": 0, "edited": 0, "approved": ENOUGH, "decided": ENOUGH}, ("Never rejected or changed anything in 10 decisions.",)),
        ({"quick": 3, "approved": 12}, ("3 of 12 (25 %) approvals came within 5 s",)),
        ({"quick": 3, "approved": 4}, ("3 of 4 approvals came within 5 s",)),
        ({"quick": 2, "approved": 2}, ()),
        ({"quick": 3, "approved": 25}, ()),
        ({"rejected": 0, "edited": 0, "approved": ENOUGH - 1, "decided": ENOUGH - 1}, ()),
        ({}, ()),
    ],
)  # fmt: skip
def test_signals_are_said_in_words_and_only_where_there_is_something(changed: dict[str, Any], said: tuple[str, ...]) -> None:
    """APPR-11: rubber-stamping signals."""
    found = reviewer(**changed).signals
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))


@pytest.mark.django_db
def test_approvals_one_right_after_the_other_are_seen_as_quick(remy: User) -> None:
    """Nobody can have read what took less than five seconds, whenever it was put up."""
    for _ in range(4):
        decided(remy, "approve")
    (one,) = measures(7).reviewers
    assert one.quick == 4
    assert "4 of 4 approvals came within 5 s" in one.signals[0]


@pytest.mark.django_db
def test_how_long_somebody_looked_is_measured_by_reviewer_tool_and_rule(remy: User, rosa: User) -> None:
    """APPR-11: the shorter of what the server knows and what the page says, for whoever and whatever it was."""
    for times in ({"served_ms": 60_000, "screen_ms": 400}, {"served_ms": 900}, {"served_ms": 50_000, "screen_ms": 50_000}):
        row = old(RULED)
        decide(request_id=row.id, digest=row.digest, verdict="approve", looked=Looked(**times), **by(remy))
    decided(rosa, "reject", old(RULED))
    found = measures(7)
    reviewers = {one.name: (one.quick, one.screen_s is not None and one.screen_s < 5) for one in found.reviewers}
    assert reviewers == {"Remy": (3, True), "Rosa": (0, False)}
    (tool,), (rule,) = found.tools, found.rules
    for one in (tool, rule):
        assert (one.name in ("send_email", "Mail to 'strangers'"), one.quick) == (True, 3)
        assert one.signals[0].startswith("3 of 3 approvals came within 5 s of being shown")
        assert one.screen_low_s is not None
        assert one.screen_s is not None
        assert 0 <= one.screen_low_s <= one.screen_s
    assert [one.quick for one in found.reasons if one.kind != "rule"] == [0]


def old(judgement: Judgement) -> ApprovalRequest:
    """A request that was put up an hour ago, and nobody decided."""
    row = ask(judgement)
    row.id, row.call_id, (row.number,) = uuid7(), uuid7(), take_numbers(1)
    row.created_at -= timedelta(hours=1)
    row.save(force_insert=True)
    return row


def test_what_is_never_rejected_is_told() -> None:
    """UI.md 2: rules that should become automatic, or be looked at."""
    plain: dict[str, Any] = {"kind": "rule", "name": "r", "asked": 12, "waiting": 0, "expired": 0, "p50_s": 1.0, "p95_s": 2.0}
    assert Figures(**plain, approved=ENOUGH, edited=0, rejected=0).unquestioned
    assert not Figures(**plain, approved=ENOUGH, edited=1, rejected=0).unquestioned
    assert not Figures(**plain, approved=ENOUGH, edited=0, rejected=1).unquestioned
    assert not Figures(**plain, approved=ENOUGH - 1, edited=0, rejected=0).unquestioned


MANY = """
    INSERT INTO approvals_approvalrequest
        (id, number, kind, status, digest, body, summary, tool, tier, agent, reasons, facts, taint, excluded, groups, expires_at,
         session_id, created_at)
    SELECT gen_random_uuid(), 100000 + n, 'tool_call', 'pending', encode(sha256('{}'::bytea), 'hex'), '{}'::bytea, 'A sentence',
        'tool' || n % 40, 'destructive', 'agent', '[{"code": "rule", "text": "Policy rule ''A''."}]', '{}', '[]', '{}', '{}',
        now() + interval '1 day', gen_random_uuid(), now() - (30000 - n) * interval '5 min'
    FROM generate_series(1, 30000) n
"""
DECIDED = """
    INSERT INTO approvals_decision (id, request_id, revision, verdict, digest, decided_by, decided_name, difference,
        instruction, created_at)
    SELECT gen_random_uuid(), id, 1, CASE WHEN number % 5 = 0 THEN 'reject' ELSE 'approve' END, digest, number % 3, 'N', '[]',
        'Not this one.',
        created_at + interval '90 s'
    FROM approvals_approvalrequest ORDER BY number
"""
SETTLED = """
    UPDATE approvals_approvalrequest SET status = CASE WHEN number % 5 = 0 THEN 'rejected' ELSE 'approved' END, decided_by = 7,
        decided_at = created_at + interval '90 s'
"""


@pytest.fixture
def many(fresh_database: FreshDatabase) -> None:
    """Thirty thousand decided requests of a hundred days, in the order of their making."""
    with connection.cursor() as cursor:
        for statement in (MANY, DECIDED, SETTLED):
            cursor.execute(statement)
    with connections["owner"].cursor() as cursor:
        for table in ("approvals_approvalrequest", "approvals_decision"):
            cursor.execute(f"VACUUM ANALYZE {table}")


def test_the_measures_are_four_queries_that_read_the_last_days_alone(many: None) -> None:
    """However long the history: found by time, no query per row."""
    with CaptureQueriesContext(connection) as queries:
        found = measures(7)
    assert len(queries) == 4
    assert 2_000 <= found.overall.asked <= 2_020
    assert found.overall.p50_s == found.overall.p95_s == 90
    assert [(row.name, row.asked) for row in found.rules] == [("A", found.overall.asked)]
    assert [(one.name, one.screen_s) for one in found.reviewers] == [("N", 90.0)] * 3
    plans = []
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute("EXPLAIN " + query["sql"])
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
    assert all("request_by_time" in plan for plan in plans[:2]), plans
    assert "decision_by_time" in plans[2], plans[2]
    assert not any("Seq Scan on approvals_approvalrequest" in plan for plan in plans[:2]), plans
