"""What holds for every operation: credentials, CSRF, bodies, problems, cursors."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from console.api.errors import STATUS
from console.api.root import api
from console.models import ApiToken
from console.reach import errors as _reach  # noqa: F401  its errors count too, whatever else was imported
from tests.conftest import PASSWORD
from tests.console.api.calls import ROOT, Program, refused

pytestmark = pytest.mark.django_db
NEW_TOKEN = {"scopes": ["sessions:read"], "label": "nightly"}


def browser(user: User) -> Client:
    """A browser in which `user` is signed in, with CSRF checks as outside tests."""
    client = Client(enforce_csrf_checks=True)
    assert client.login(username=user.username, password=PASSWORD)
    return client


# --- credentials


def test_without_a_credential_every_operation_is_refused(client: Client) -> None:
    """API.md, Manners: 401, told as a problem that says how to authenticate."""
    answer = client.get(f"{ROOT}/tokens")
    refused(answer, 401, "unauthenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    refused(client.post(f"{ROOT}/tokens", "{}", content_type="application/json"), 401, "unauthenticated")


@pytest.mark.parametrize("header", ["Bearer ctk_0000000000000000_x", "Bearer", "Basic b2xnYTp4", "ctk_1_2"])
def test_a_wrong_token_never_falls_back_to_the_browsers_session(olga: User, header: str) -> None:
    """A program that was cut off must notice, whoever is signed in beside it."""
    refused(browser(olga).get(f"{ROOT}/tokens", headers={"Authorization": header}), 401, "unauthenticated")


def test_a_signed_in_browser_reads_and_writes_with_its_csrf_token(olga: User) -> None:
    """THREATS 43: the framework's cookie authentication does not check CSRF by itself; ours does."""
    client = browser(olga)
    assert client.get(f"{ROOT}/tokens").status_code == 200
    refused(client.post(f"{ROOT}/tokens", NEW_TOKEN, content_type="application/json"), 403, "csrf_failed")
    client.cookies["countersign_csrf"] = token = "a" * 32
    sent = {"X-CSRFToken": token, "Sec-Fetch-Site": "same-origin"}
    assert client.post(f"{ROOT}/tokens", NEW_TOKEN, content_type="application/json", headers=sent).status_code == 201
    foreign = {**sent, "Sec-Fetch-Site": "cross-site"}
    refused(client.post(f"{ROOT}/tokens", NEW_TOKEN, content_type="application/json", headers=foreign), 403, "csrf_failed")
    elsewhere = {**sent, "Origin": "https://evil.example"}
    refused(client.post(f"{ROOT}/tokens", NEW_TOKEN, content_type="application/json", headers=elsewhere), 403, "csrf_failed")


def test_a_token_needs_no_csrf_token(olga: User) -> None:
    """Nothing is sent by a browser on its own, so nothing can be forged."""
    program = Program(olga)
    program.client.handler.enforce_csrf_checks = True
    assert program.post("/tokens", NEW_TOKEN).status_code == 201


def test_a_role_taken_away_counts_with_the_next_request(ada: User) -> None:
    """OPS-3: rights are read anew each time."""
    program = Program(ada)
    assert program.get("/audit/entries").status_code == 200
    ada.groups.clear()
    refused(program.get("/audit/entries"), 403, "forbidden")


# --- bodies


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_only_json_is_taken(olga: User, content_type: str) -> None:
    """THREATS 43: what a foreign page can send without asking is refused."""
    answer = Program(olga)("POST", "/tokens", json.dumps(NEW_TOKEN).encode(), Content_Type=content_type)
    refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"scopes": ["sessions:read"], "scopes": ["stop:write"]}',
        b'{"scopes": ["sessions:read"], "days": NaN}',
        b'{"scopes": ["sessions:read"], "label": "a\\u0000b"}',
        b'{"scopes": ["sessions:read"], "label": "\\ud800"}',
        b"[" * 200 + b"]" * 200,
        b"[" * 100_000,
        b'{"days": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(olga: User, body: bytes) -> None:
    """THREATS 7: one strict parser, no coercion, and no crash."""
    refused(Program(olga)("POST", "/tokens", body), 422, "invalid_json")


def test_a_body_that_is_too_large_is_refused(olga: User) -> None:
    """THREATS 49: bounds before work."""
    refused(Program(olga)("POST", "/tokens", b'"' + b"x" * (2 * 1024 * 1024) + b'"'), 413, "too_large")


def test_members_that_are_not_offered_are_refused(olga: User) -> None:
    """THREATS 27: no mass assignment; the answer says which member it was."""
    sent = {**NEW_TOKEN, "user": 1, "secret_hash": "0" * 64}
    problem = refused(Program(olga).post("/tokens", sent), 422, "invalid_request")
    assert [error["loc"][-1] for error in problem["errors"]] == ["user", "secret_hash"]


def test_a_wrong_value_is_named_by_its_place_in_what_was_sent(olga: User) -> None:
    """API.md, Manners: `errors: [{loc, msg}]`, with the names that a program sent and no others."""
    program = Program(olga)
    missing = refused(program.post("/sessions", {"agent": "x"}), 422, "invalid_request")
    assert [error["loc"] for error in missing["errors"]] == [["body", "goal"]]
    assert missing["detail"] == "The request has 1 wrong or missing value."
    nothing = refused(program.post("/sessions", {}), 422, "invalid_request")
    assert [error["loc"] for error in nothing["errors"]] == [["body", "agent"], ["body", "goal"]]
    assert nothing["detail"] == "The request has 2 wrong or missing values."
    assert refused(program.post("/sessions", []), 422, "invalid_request")["errors"][0]["loc"] == ["body"]
    asked = refused(program.get("/sessions?status=asleep"), 422, "invalid_request")
    assert asked["errors"][0]["loc"] == ["query", "status"]


# --- addresses


def test_addresses_that_are_not_there_and_methods_that_are_not_taken_are_problems(olga: User) -> None:
    """RFC 9457 for every refusal, also those that no operation gives."""
    program = Program(olga)
    refused(program.get("/nothing"), 404, "not_found")
    program.client.handler.enforce_csrf_checks = True
    refused(program.post("/nothing", {}), 404, "not_found")
    refused(program.get(""), 404, "not_found") if program.get("").status_code == 404 else None
    answer = program("DELETE", "/tools")
    refused(answer, 405, "method_not_allowed")
    assert answer["Allow"] == "GET"


@pytest.mark.parametrize("path", ["/approvals/S-1", "/approvals/AP-0", "/approvals/AP-99999999999999999999", "/tokens/x"])
def test_ids_of_another_form_are_refused(olga: User, path: str) -> None:
    """An id that no row can have never reaches the database."""
    answer = Program(olga)("DELETE" if path.startswith("/tokens") else "GET", path)
    refused(answer, 422, "invalid_request")


def test_an_unexpected_failure_tells_nothing_of_its_inside(olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 500 is a problem too, without a traceback or a message of ours."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret sauce")

    program = Program(olga)
    monkeypatch.setattr("console.tokens.token_page", broken)
    answer = program.get("/tokens")
    problem = refused(answer, 500, "internal")
    assert "sauce" not in json.dumps(problem)


# --- lists


def test_a_list_is_walked_page_by_page_without_gap_or_repeat(olga: User) -> None:
    """API.md, Manners: `limit`, `cursor`, `next_cursor`, newest first, also where times are equal."""
    program = Program(olga)
    now = timezone.now()
    ApiToken.objects.bulk_create(
        ApiToken(id=f"{n:016x}", secret_hash="0" * 64, user=olga, scopes=["sessions:read"], created_at=now) for n in range(7)
    )
    seen: list[str] = []
    path = "/tokens?limit=3"
    while path:
        page = program.get(path).json()
        seen += [item["id"] for item in page["items"]]
        path = f"/tokens?limit=3&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert len(seen) == len(set(seen)) == 8
    assert seen[:7] == [f"{n:016x}" for n in reversed(range(7))] or seen[0] == program.made.token.pk


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=-1"])
def test_limits_are_bounded(olga: User, query: str) -> None:
    """1 to 200."""
    refused(Program(olga).get(f"/tokens?{query}"), 422, "invalid_request")


def test_a_cursor_of_another_list_or_a_changed_one_is_refused(ada: User) -> None:
    """Opaque and signed: nobody builds a query out of one."""
    program = Program(ada)
    for _ in range(2):
        program.post("/tokens", NEW_TOKEN)
    cursor = program.get("/tokens?limit=1").json()["next_cursor"]
    assert program.get(f"/tokens?limit=1&cursor={cursor}").status_code == 200
    refused(program.get(f"/audit/entries?cursor={cursor}"), 422, "invalid_cursor")
    refused(program.get(f"/tokens?cursor={cursor[:-2]}xx"), 422, "invalid_cursor")
    refused(program.get("/tokens?cursor=W10"), 422, "invalid_cursor")


# --- the document


def operations() -> list[Any]:
    """Every operation of the API."""
    return [
        operation
        for bound in api._get_bound_routers()
        for view in bound.path_operations.values()
        for operation in view.operations
    ]


def test_every_operation_declares_its_right_and_wants_a_credential() -> None:
    """Deny by default: one that declares none fails here."""
    assert len(operations()) > 20
    for operation in operations():
        assert operation.openapi_extra["x-right"], operation.path
        assert "x-scope" in operation.openapi_extra, operation.path
        assert operation.auth_callbacks, operation.path


def test_refusals_are_declared_as_problems(client: Client) -> None:
    """Every status that can occur is declared, with its media type."""
    document = client.get(f"{ROOT}/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert {"401", "403"} <= operation["responses"].keys(), (method, path)
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"]
            if "requestBody" in operation:
                assert {"413", "415", "422"} <= operation["responses"].keys(), (method, path)
            if "{" in path:
                assert {"404", "422"} <= operation["responses"].keys(), (method, path)


def test_the_page_of_the_api_needs_no_script(client: Client) -> None:
    """Strict CSP: nothing inline, nothing from elsewhere."""
    page = client.get(f"{ROOT}/docs").content.decode()
    assert "/api/v1/approvals/{ref}/decisions" in page
    assert "<script" not in page
    assert "style=" not in page
    assert "http" not in page.replace("httpx", "")


def test_every_error_that_can_reach_the_web_has_a_status() -> None:
    """Habit 24: one table. Errors of the inside are named here, so that a new one is placed on purpose."""
    sealing = {
        "key_exists",
        "no_key",
        "log_forked",
        "not_published",
        "not_pushed",
        "wrong_key",
    }  # commands, the sealer and the push only
    inside = {"refused", "agents_error", "lease_lost", "not_delivered", *sealing}
    missing = (
        {cls.code for cls in _errors() if cls.__module__.split(".")[0] in {"audit", "approvals", "console"}}
        - set(STATUS)
        - inside
    )
    missing |= {cls.code for cls in _errors() if cls.__module__ == "agents.errors"} - set(STATUS) - inside
    assert missing == set()


def _errors() -> list[type[Any]]:
    from_here = [__import__("audit.errors", fromlist=["x"]).CountersignError]
    for cls in from_here:
        from_here += cls.__subclasses__()
    return from_here


def test_a_body_where_none_is_taken_is_refused_unless_it_says_nothing(olga: User) -> None:
    """Nobody believes to have said something; many programs send an empty object with every POST."""
    program = Program(olga)
    named = refused(program.post("/schedules/nothing/pause", {"reason": "It waits."}), 422, "invalid_request")
    assert named["errors"] == [{"loc": ["body"], "msg": "This operation takes no body."}]
    refused(program.post("/schedules/nothing/pause", {"x": "y" * 100_000}), 422, "invalid_request")
    refused(program("DELETE", "/tokens/0000000000000000", {"x": 1}), 422, "invalid_request")
    refused(program.post("/schedules/nothing/pause", {}), 404, "unknown_schedule")
    refused(program.post("/schedules/nothing/pause"), 404, "unknown_schedule")
    refused(program.post("/sessions/S-1/resume", {"reason": "It may be said here."}), 404, "unknown_session")
