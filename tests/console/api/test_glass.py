"""Breaking the glass over the API: not by a token, which has no password to give; the list and the review (THREATS 30, 60)."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from approvals.models import ApprovalRequest
from tests.approvals.conftest import ask
from tests.approvals.test_break_glass import HARD, REASON, allow, broken
from tests.conftest import PASSWORD
from tests.console.api.calls import ROOT, Program, refused

pytestmark = pytest.mark.django_db
NOTE = "The call was right, and the legal department agreed with it the next morning."


@pytest.fixture
def hard(ada: User) -> ApprovalRequest:
    """A request for two of the legal department, where the policy allows to break the glass."""
    allow(ada)
    return ask(HARD)


def body(row: ApprovalRequest, **changed: Any) -> dict[str, Any]:
    """Return the decision that breaks the glass."""
    glass = {"reason": REASON, "confirm": row.ref, **changed}
    return {"verdict": "approve", "digest": row.digest, "break_glass": glass}


def test_a_token_cannot(hard: ApprovalRequest, ada: User, remy: User) -> None:
    """Neither an admin's own, for want of a password, nor a reviewer's."""
    path = f"/approvals/{hard.ref}/decisions"
    assert "password" in refused(Program(ada).post(path, body(hard)), 403, "not_yours")["detail"]
    refused(Program(remy).post(path, body(hard)), 403, "forbidden")
    refused(Program(ada, service="robot").post(path, body(hard)), 403, "forbidden")


def test_a_browser_session_can_after_the_password(hard: ApprovalRequest, ada: User) -> None:
    """401 until it was given for this very digest; then the decision says so."""
    client = Client()
    client.force_login(ada)
    path = f"{ROOT}/approvals/{hard.ref}/decisions"
    refused(client.post(path, json.dumps(body(hard)), content_type="application/json"), 401, "reauthentication_required")
    # The page takes the password, and refuses the rest of what was sent.
    client.post(f"/approvals/{hard.ref}/break-glass/", {"digest": hard.digest, "password": PASSWORD})
    wrong = client.post(path, json.dumps(body(hard, confirm="AP-1")), content_type="application/json")
    assert refused(wrong, 422, "invalid_verdict")["errors"][0]["loc"] == ["body", "confirm"]
    decided = client.post(path, json.dumps(body(hard)), content_type="application/json").json()
    assert (decided["status"], decided["decisions"][0]["broke_glass"]) == ("approved", True)


def test_uses_are_listed_and_reviewed_by_somebody_else(hard: ApprovalRequest, ada: User, audrey: User, vic: User) -> None:
    """Everybody who sees approvals reads them."""
    broken(hard, ada)
    (use,) = Program(vic).get("/break-glass?status=open").json()["items"]
    assert (use["approval"], use["by"], use["reason"], use["reviewed_by"]) == (hard.ref, "Ada", REASON, None)
    path = f"/break-glass/{use['id']}/review"
    refused(Program(ada).post(path, {"note": NOTE}), 403, "not_yours")
    refused(Program(vic).post(path, {"note": NOTE}), 403, "forbidden")
    refused(Program(audrey, service="robot").post(path, {"note": NOTE}), 403, "not_yours")
    refused(Program(audrey).post(path, {"note": "Fine, I think."}), 422, "invalid_verdict")
    assert Program(audrey).post(path, {"note": NOTE}).json()["reviewed_by"] == "Audrey"
    assert Program(vic).get("/break-glass?status=open").json()["items"] == []
    refused(Program(audrey).post(f"/break-glass/{'0' * 32}/review", {"note": NOTE}), 404, "unknown_glass_use")


def test_an_ordinary_decision_broke_nothing(remy: User) -> None:
    """False, for programs that count."""
    row = ask()
    decided = Program(remy).post(f"/approvals/{row.ref}/decisions", {"verdict": "approve", "digest": row.digest}).json()
    assert decided["decisions"][0]["broke_glass"] is False
