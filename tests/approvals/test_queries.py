"""The inbox and its neighbours: orders, filters, pages, and the indexes behind them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.errors import ApprovalNotFound, InvalidCursor
from approvals.models import ApprovalRequest
from approvals.queries import (
    WAITING,
    Filters,
    get,
    open_of,
    page,
    pending_count,
    pending_counts,
    policy_revisions,
)
from approvals.services import decide
from approvals.settled import SETTLED
from audit.ids import uuid7
from tests.approvals.conftest import ask, by

pytestmark = pytest.mark.django_db


def everything(filters: Filters, limit: int, order: Any) -> list[str]:
    """Return the short ids of all pages."""
    refs, cursor = [], ""
    while True:
        part = page(filters, limit=limit, cursor=cursor, order=order)
        refs += [row.ref for row in part.items]
        cursor = part.next_cursor
        if not cursor:
            return refs


def test_inbox_shows_the_soonest_expiry_first() -> None:
    """UI: what waits, by its expiry; equal ones each once."""
    late, soon, middle, equal = ask(ttl_s=9_000), ask(ttl_s=60), ask(ttl_s=600), ask(ttl_s=600)
    ApprovalRequest.objects.filter(id=equal.id).update(expires_at=middle.expires_at)
    expected = [soon.ref, *(row.ref for row in sorted((middle, equal), key=lambda row: row.id)), late.ref]
    for limit in (1, 2, 3, 10):
        assert everything(Filters(status=WAITING), limit, "expiry") == expected


def test_lists_are_newest_first_unless_said() -> None:
    """API: lists."""
    rows = [ask(), ask(), ask()]
    for limit in (1, 2, 3):
        assert everything(Filters(), limit, "newest") == [row.ref for row in reversed(rows)]


def test_what_was_decided_last_stands_first(rosa: User) -> None:
    """UI: the decided tab, by when it was decided and not by when it was asked; what nobody decided by when that was clear."""
    first, second, third, expired, waits = (ask() for _ in range(5))
    for row in (second, third, first):
        decide(request_id=row.id, verdict="reject", digest=row.digest, instruction="Not this one.", **by(rosa))
    over = ApprovalRequest.objects.get(id=third.id).decided_at
    assert over is not None
    ApprovalRequest.objects.filter(id=expired.id).update(status="expired", expires_at=over)
    for limit in (1, 2, 3, 10):
        found = everything(Filters(status=SETTLED), limit, "settled")
        assert found == [first.ref, expired.ref, third.ref, second.ref]
        assert waits.ref not in found


def test_a_search_among_the_decided_goes_on_from_its_reach(rosa: User) -> None:
    """In the order of deciding too: following the cursors finds what is rare, once."""
    rows = [ask(tool="rare_tool"), *(ask() for _ in range(5))]
    for row in rows:
        decide(request_id=row.id, verdict="reject", digest=row.digest, instruction="Not this one.", **by(rosa))
    found, cursor = [], ""
    while True:
        part = page(Filters(status=SETTLED, tool="rare_tool"), limit=2, cursor=cursor, order="settled", reach=2)
        found += [row.ref for row in part.items]
        cursor = part.next_cursor
        if not cursor:
            break
    assert found == [rows[0].ref]


def test_exact_last_page_promises_no_more() -> None:
    """API: a cursor leads to something."""
    rows = [ask(), ask()]
    assert page(Filters(), limit=2).next_cursor == ""
    first = page(Filters(), limit=1)
    assert page(Filters(), limit=1, cursor=first.next_cursor).items == [rows[0]]


def test_filters_narrow() -> None:
    """UI, API: each filter alone, and a search over names and sentences."""
    one = ask(tool="refund", agent="desk", tier="destructive", summary="Refund 12 cents", session_ref="S-77")
    question = ask(kind="question", tool="")
    assert one.session_id is not None
    for filters, found in (
        (Filters(tool="refund"), [one.ref]),
        (Filters(agent="desk"), [one.ref]),
        (Filters(tier="destructive"), [one.ref]),
        (Filters(kind="question"), [question.ref]),
        (Filters(session_id=one.session_id), [one.ref]),
        (Filters(status=("rejected",)), []),
        (Filters(q="12 CENTS"), [one.ref]),
        (Filters(q="s-77"), [one.ref]),
        (Filters(q=question.ref.lower()), [question.ref]),
        (Filters(q="100%"), []),
        (Filters(q="AP-99999999999999999999"), []),
    ):
        assert everything(filters, 10, "newest") == found


def test_a_search_looks_so_far_and_goes_on_from_there() -> None:
    """The rarest thing costs one page no more than its reach; following the cursors finds it all the same, once."""
    rare = ask(tool="rare_tool")
    for _ in range(5):
        ask()
    wanted = Filters(status=("pending",), tool="rare_tool")
    found, cursor, pages = [], "", 0
    while True:
        part = page(wanted, limit=2, cursor=cursor, reach=2)
        found += [row.ref for row in part.items]
        cursor, pages = part.next_cursor, pages + 1
        if not cursor:
            break
    assert (found, pages) == ([rare.ref], 4)


def test_who_names_a_request_finds_it_however_old_it_is() -> None:
    """A short id is looked up, not searched for."""
    old = ask()
    for _ in range(5):
        ask()
    assert [row.ref for row in page(Filters(q=old.ref), limit=2, reach=2).items] == [old.ref]


@pytest.mark.parametrize(
    "cursor",
    ["x", "bnVsbA", "WyJ4Il0", "WyJ4IiwieSJd", "WzEuNV0", "WzEsMl0", "é", "W3RydWVd", "WzEsIDJd", "WyIyMDI2LTExLTIzIiwgMl0"],
)
@pytest.mark.parametrize("order", ["expiry", "newest", "settled"])
def test_made_up_cursor_is_refused(cursor: str, order: Any) -> None:
    """API: 422 and not a server error."""
    with pytest.raises(InvalidCursor):
        page(Filters(), limit=5, cursor=cursor, order=order)


def test_one_request_comes_with_its_decisions(rosa: User, django_assert_num_queries: Callable[[int], Any]) -> None:
    """API: by short id in any case, or by UUID."""
    request = ask()
    decide(request_id=request.id, verdict="approve", digest=request.digest, **by(rosa))
    for name in (request.ref, request.ref.lower(), request.id):
        with django_assert_num_queries(2):
            assert [decision.decided_name for decision in get(name).decisions.all()] == ["Rosa"]


@pytest.mark.parametrize("ref", ["AP-1", "S-20001", "", "AP-", "AP-1 OR 1=1", "AP-" + "9" * 40])
def test_unknown_request_is_not_found(ref: str) -> None:
    """THREATS 13, 27: nothing is told of it."""
    with pytest.raises(ApprovalNotFound):
        get(ref)
    with pytest.raises(ApprovalNotFound):
        get(uuid7())


def test_open_requests_of_sessions_are_found(rosa: User) -> None:
    """What has to be withdrawn when a session ends: pending and approved, not what ended."""
    session = uuid7()
    approved, waiting, ended = (ask(session_id=session) for _ in range(3))
    decide(request_id=approved.id, verdict="approve", digest=approved.digest, **by(rosa))
    decide(request_id=ended.id, verdict="reject", digest=ended.digest, instruction="No, not now.", **by(rosa))
    assert open_of([session]) == [approved, waiting]


def test_counts_are_of_what_waits(rosa: User) -> None:
    """The number beside "Approvals"."""
    decided = ask()
    decide(request_id=decided.id, verdict="approve", digest=decided.digest, **by(rosa))
    ask()
    ask(kind="budget")
    assert pending_count() == 2
    assert pending_counts() == {"tool_call": 1, "budget": 1}


def test_page_costs_the_same_number_of_queries_however_long(rosa: User) -> None:
    """No query per row: rows and their decisions, two statements."""
    for _ in range(6):
        request = ask()
        decide(request_id=request.id, verdict="approve", digest=request.digest, **by(rosa))
    for limit in (1, 6):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert all(row.decisions.all() and row.summary and row.rights for row in page(Filters(), limit=limit).items)
        assert len(queries) == 2


def test_policy_revisions_come_newest_first() -> None:
    """APPR-10: the shipped document is revision 1."""
    (first,) = policy_revisions()
    assert (first.number, first.current, first.created_by) == (1, True, "Countersign")
    assert policy_revisions(before=1) == []
