"""Access tokens over the API: made, shown once, listed, revoked."""

import pytest
from django.contrib.auth.models import User

from console.models import ApiToken
from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db


def test_a_token_works_from_its_making_to_its_end(olga: User) -> None:
    """API.md, Manners: shown once; revoked counts at once, and a second time changes nothing."""
    program = Program(olga)
    made = program.post("/tokens", {"scopes": ["sessions:read"], "label": "nightly", "days": 30}).json()
    listed = program.get("/tokens").json()["items"]
    assert made["token"] not in str(listed)
    assert {one["id"]: one["state"] for one in listed}[made["id"]] == "live"
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert program("GET", "/sessions", **headers).status_code == 200
    for _ in range(2):
        assert program("DELETE", f"/tokens/{made['id']}").json()["state"] == "revoked"
    refused(program("GET", "/sessions", **headers), 401, "unauthenticated")


def test_other_peoples_tokens_are_not_there_except_for_admins(olga: User, vic: User, ada: User) -> None:
    """THREATS 27; API.md, Rights: tokens, own and all."""
    theirs = Program(vic).made.token.pk
    operator, admin = Program(olga), Program(ada)
    assert theirs not in [one["id"] for one in operator.get("/tokens").json()["items"]]
    refused(operator("DELETE", f"/tokens/{theirs}"), 404, "unknown_token")
    assert ApiToken.objects.get(pk=theirs).revoked_at is None
    assert theirs in [one["id"] for one in admin.get("/tokens").json()["items"]]
    assert admin("DELETE", f"/tokens/{theirs}").json()["owner"] == "vic@demo.example"


def test_a_token_makes_no_wider_one_and_a_service_none(ada: User) -> None:
    """A token that leaks cannot make itself more."""
    narrow = Program(ada, ["tokens:write", "sessions:read"])
    assert narrow.post("/tokens", {"scopes": ["sessions:read"]}).status_code == 201
    refused(narrow.post("/tokens", {"scopes": ["approvals:decide"]}), 403, "token_wider_than_caller")
    refused(Program(ada, service="robot").post("/tokens", {"scopes": ["sessions:read"]}), 403, "forbidden")
    refused(Program(ada).post("/tokens", {"scopes": ["approvals:decide"], "service": "robot"}), 422, "service_never_decides")


@pytest.mark.parametrize(
    "changed", [{"scopes": []}, {"scopes": ["all"]}, {"days": 0}, {"days": 3651}, {"label": "x" * 121}, {"user_id": 1}]
)
def test_what_a_token_may_be_is_bounded(olga: User, changed: dict[str, object]) -> None:
    """422 names the member."""
    problem = refused(Program(olga).post("/tokens", {"scopes": ["sessions:read"], **changed}), 422, "invalid_request")
    assert problem["errors"][0]["loc"][0] == "body"
