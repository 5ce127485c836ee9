"""Breakers over the API: listed as they stand, held and let go with a reason; holding one closed needs an admin."""

import pytest
from django.contrib.auth.models import User

from agents import breakers
from agents.guardrails.breaker import Tally
from agents.models import AgentRevision
from audit.models import AuditEntry
from tests.console.api.calls import Program, refused

KEY = "tool:send_email"
WHY = "The relay is in maintenance."


def test_all_that_agents_rely_on_is_listed_closed_until_it_fails(vic: User, desk: AgentRevision) -> None:
    """Providers, models and tools by kind and name; what opened says why and when it is tried again."""
    program = Program(vic)
    model = f"model:{desk.document['model']}"
    found = {one["key"]: one for one in program.get("/breakers?limit=200").json()["items"]}
    assert found[model]["state"] == "closed"
    assert found[KEY]["kind"] == "tool"
    breakers.tell([Tally(model, 5, detail="HTTP 503: down")])
    (one,) = program.get("/breakers?kind=model").json()["items"]
    assert (one["state"], one["failures"], one["detail"]) == ("open", 5, "HTTP 503: down")
    assert one["retry_at"] > one["failed_at"]


def test_a_breaker_is_held_open_and_let_go(olga: User, desk: AgentRevision) -> None:
    """PATCH; each with its entry."""
    program = Program(olga)
    held = program("PATCH", "/breakers", {"key": KEY, "act": "open", "reason": WHY}).json()
    assert (held["state"], held["forced_by"], held["reason"]) == ("forced_open", "Olga", WHY)
    gone = program("PATCH", "/breakers", {"key": KEY, "act": "release"}).json()
    assert (gone["state"], gone["forced_by"]) == ("closed", None)
    refused(program("PATCH", "/breakers", {"key": KEY, "act": "release"}), 409, "breaker_not_held")
    kinds = AuditEntry.objects.filter(stream="breaker").order_by("seq").values_list("kind", "body_json__facts__key")
    assert list(kinds) == [("breaker.forced", KEY), ("breaker.released", KEY)]


def test_holding_one_closed_takes_a_guard_away_and_needs_an_admin(olga: User, ada: User, desk: AgentRevision) -> None:
    """An operator may restrain, and no more."""
    body = {"key": KEY, "act": "closed", "reason": WHY}
    refused(Program(olga)("PATCH", "/breakers", body), 403, "forbidden")
    assert Program(ada)("PATCH", "/breakers", body).json()["state"] == "forced_closed"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"key": KEY, "act": "open"}, 422, "invalid_request"),
        ({"key": KEY, "act": "open", "reason": "x" * 501}, 422, "invalid_request"),
        ({"key": KEY, "act": "half_open", "reason": WHY}, 422, "invalid_request"),
        ({"key": "model:nobody-knows-it", "act": "open", "reason": WHY}, 404, "unknown_breaker"),
        ({"key": "weather:rain", "act": "open", "reason": WHY}, 404, "unknown_breaker"),
    ],
)
def test_what_names_no_breaker_or_says_no_reason_is_refused(
    olga: User, desk: AgentRevision, body: dict[str, str], status: int, code: str
) -> None:
    """Nothing is held by mistake."""
    refused(Program(olga)("PATCH", "/breakers", body), status, code)


def test_a_reason_that_is_missing_is_told_at_its_field(olga: User, desk: AgentRevision) -> None:
    """Who reads the error knows what to send."""
    told = Program(olga)("PATCH", "/breakers", {"key": KEY, "act": "open"}).json()
    assert [error["loc"][-1] for error in told["errors"]] == ["reason"]


def test_the_list_goes_on_by_cursor(olga: User, desk: AgentRevision) -> None:
    """Each once, in one order."""
    program = Program(olga)
    whole = [one["key"] for one in program.get("/breakers?limit=200").json()["items"]]
    page = program.get("/breakers?limit=3").json()
    seen = [one["key"] for one in page["items"]]
    while page["next_cursor"]:
        page = program.get(f"/breakers?limit=3&cursor={page['next_cursor']}").json()
        seen += [one["key"] for one in page["items"]]
    assert seen == whole
    assert len(set(whole)) == len(whole)


def test_a_token_holds_breakers_only_with_their_scope(olga: User, desk: AgentRevision) -> None:
    """`breakers:write`."""
    body = {"key": KEY, "act": "open", "reason": WHY}
    refused(Program(olga, ["breakers:read"])("PATCH", "/breakers", body), 403, "forbidden")
    assert Program(olga, ["breakers:write"])("PATCH", "/breakers", body).status_code == 200
