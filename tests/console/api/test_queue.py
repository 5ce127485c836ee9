"""The queue over the API: its filters and order, its numbers, and views of one's own."""

import pytest
from django.contrib.auth.models import User

from approvals import claims
from tests.approvals.conftest import by
from tests.console.api.calls import Program, refused
from tests.console.views.test_bulk import MARK, low

pytestmark = pytest.mark.django_db


def refs(program: Program, query: str) -> list[str]:
    """Return which requests a list shows."""
    return [one["id"] for one in program.get(f"/approvals?{query}").json()["items"]]


def test_a_list_is_narrowed_as_the_page_is(remy: User) -> None:
    """OPS-2: risk, content, in whose hand, what one may decide, and the order of the queue."""
    plain, grave, tainted, own = low(), low(risk=4), low(taint=(MARK,)), low(requester=remy.pk)
    claims.claim(request_id=plain.id, **by(remy))
    program = Program(remy)
    assert refs(program, "risk=4") == [grave.ref]
    assert refs(program, "taint=true") == [tainted.ref]
    assert refs(program, "hand=mine") == [plain.ref]
    assert refs(program, "hand=free&status=pending&can=true") == [tainted.ref, grave.ref]
    assert refs(program, "due=escalated") == []
    assert refs(program, "order=expiry&status=pending") == [plain.ref, grave.ref, tainted.ref, own.ref]
    first = program.get("/approvals?order=expiry&limit=1").json()
    assert refs(program, f"order=expiry&limit=1&cursor={first['next_cursor']}") == [grave.ref]
    refused(program.get("/approvals?risk=5"), 422, "invalid_request")
    refused(program.get("/approvals?order=expiry&status=rejected"), 422, "invalid_request")


def test_counts_say_what_each_filter_would_show(remy: User) -> None:
    """The numbers beside the filters; a facet leaves out its own filter."""
    low(), low(risk=4), low(tool="fetch_url", taint=(MARK,))
    counted = Program(remy).get("/approvals/counts?risk=2").json()
    assert (counted["waiting"], counted["mine"], counted["more"]) == (2, 0, False)
    assert counted["facets"]["risk"] == [{"value": "2", "count": 2}, {"value": "4", "count": 1}]
    assert {one["value"]: one["count"] for one in counted["facets"]["tool"]} == {"send_email": 1, "fetch_url": 1}
    assert counted["facets"]["can"] == [{"value": "1", "count": 2}]
    assert Program(remy).get("/approvals/counts?taint=true").json()["waiting"] == 1
    refused(Program(remy).get("/approvals/counts?kind=nonsense"), 422, "invalid_request")


def test_views_are_saved_replaced_and_forgotten(remy: User, rosa: User) -> None:
    """One's own alone; the page and the API share them; twenty at most."""
    mine, hers = Program(remy), Program(rosa)
    made = mine.post("/approvals/views", {"name": "Grave", "query": "risk=4"})
    assert (made.status_code, made.json()["query"]) == (201, "risk=4")
    again = mine.post("/approvals/views", {"name": "Grave", "query": "hand=free&risk=3"}).json()
    assert (again["id"], again["query"]) == (made.json()["id"], "risk=3&hand=free")
    assert hers.get("/approvals/views").json()["items"] == []
    refused(hers("DELETE", f"/approvals/views/{again['id']}"), 404, "unknown_view")
    for number in range(19):
        mine.post("/approvals/views", {"name": f"View {number}", "query": "risk=1"})
    refused(mine.post("/approvals/views", {"name": "One more", "query": "risk=1"}), 409, "too_many_views")
    left = mine("DELETE", f"/approvals/views/{again['id']}").json()["items"]
    assert len(left) == 19


@pytest.mark.parametrize("query", ["risk=9", "colour=red", "state=waiting", "cursor=5"])
def test_a_view_that_filters_nothing_is_refused(remy: User, query: str) -> None:
    """What the queue has no filter for is no view."""
    refused(Program(remy).post("/approvals/views", {"name": "Nothing", "query": query}), 422, "invalid_view")
