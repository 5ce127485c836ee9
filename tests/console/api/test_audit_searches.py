"""Searches of the trail that people keep, over the API: one's own alone, shared with the page, and none that cannot be read."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.console.api.calls import Program, refused


@pytest.mark.django_db
def test_searches_are_kept_replaced_and_forgotten(audrey: User, ada: User, vic: User, client: Client) -> None:
    """One's own alone; the page and the API share them; twenty at most."""
    mine, hers = Program(audrey), Program(ada)
    assert mine.get("/audit/searches").json() == {"items": []}
    made = mine.post("/audit/searches", {"name": "Decisions", "query": "kind=decision.made"})
    assert (made.status_code, made.json()["query"]) == (201, "kind=decision.made")
    again = mine.post("/audit/searches", {"name": "Decisions", "query": "principal=agent&kind=tool_call"}).json()
    assert (again["id"], again["query"]) == (made.json()["id"], "principal=agent&kind=tool_call")
    client.force_login(audrey)
    assert "Decisions</a>" in client.get("/audit/").content.decode()
    assert mine.get("/approvals/views").json()["items"] == []
    assert hers.get("/audit/searches").json()["items"] == []
    refused(hers("DELETE", f"/audit/searches/{again['id']}"), 404, "unknown_view")
    refused(mine("DELETE", f"/approvals/views/{again['id']}"), 404, "unknown_view")
    for number in range(19):
        mine.post("/audit/searches", {"name": f"Search {number}", "query": "tool=send_email"})
    refused(mine.post("/audit/searches", {"name": "One more", "query": "tool=send_email"}), 409, "too_many_views")
    assert len(mine("DELETE", f"/audit/searches/{again['id']}").json()["items"]) == 19
    refused(Program(vic).get("/audit/searches"), 403, "forbidden")
    refused(Program(audrey, ["audit:read"]).post("/audit/searches", {"name": "A", "query": "tool=x"}), 403, "forbidden")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("colour=red", "colour: is no filter of the trail. There are q, session"),
        ("kind=wish.made", "kind: cannot be read"),
        ("principal=usr:7", "Write user, service, agent or system"),
        ("from=yesterday", "from: cannot be read"),
        ("kind=", "holds no filter"),
    ],
)
@pytest.mark.django_db
def test_a_search_that_filters_nothing_is_refused_by_name(audrey: User, query: str, told: str) -> None:
    program = Program(audrey)
    error = refused(program.post("/audit/searches", {"name": "One", "query": query}), 422, "invalid_request")["errors"][0]
    assert error["loc"] == ["body", "query"]
    assert told in error["msg"]
    assert program.get("/audit/searches").json() == {"items": []}
