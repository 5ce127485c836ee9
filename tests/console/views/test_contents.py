"""Rules of retention, holds and who read what, on their page and over the API. AUDIT-6."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client

from agents.models import Session
from approvals.models import ApprovalRequest
from audit.index import index_log
from audit.retention.models import Hold, RetentionRule
from tests.console.api.calls import Program, refused

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]
RULE = {"cls": "result", "days": "30", "revision": "0"}
HELD = {"scope": "session", "whose": "S-1", "reason": "A court asked for it."}


def test_an_admin_sets_a_rule_and_an_auditor_sees_it(db: None, signed_in: SignedIn, ada: User, audrey: User) -> None:
    """Empty is for ever; what was changed meanwhile is not changed unseen."""
    page = signed_in(ada)
    assert page.post("/audit/content/rules/", RULE).status_code == 302
    assert RetentionRule.objects.get().days == 30
    stale = page.post("/audit/content/rules/", {**RULE, "days": "10"})
    assert stale.status_code == 409
    assert "was changed since you were shown it" in stale.content.decode()
    assert page.post("/audit/content/rules/", {**RULE, "cls": "prompt"}).status_code == 422
    assert page.post("/audit/content/rules/", {**RULE, "days": "0", "revision": "1"}).status_code == 422
    seen = signed_in(audrey).get("/audit/content/").content.decode()
    assert "30 days" in seen
    assert 'name="days"' not in seen
    assert page.post("/audit/content/rules/", {**RULE, "days": "", "revision": "1"}).status_code == 302
    assert RetentionRule.objects.get().days is None


def test_an_admin_holds_and_lifts(waiting: Waiting, signed_in: SignedIn, ada: User) -> None:
    """With the reason; nothing but a session is held as one, and a hold that is not there cannot be lifted."""
    page, held = signed_in(ada), {**HELD, "whose": waiting[0].ref}
    wrong = page.post("/audit/content/holds/", {**held, "reason": "x"})
    assert wrong.status_code == 422
    assert f'value="{held["whose"]}"' in wrong.content.decode()
    unknown = page.post("/audit/content/holds/", {**held, "whose": "S-9999999"})
    assert unknown.status_code == 422
    assert "there is no S-9999999" in unknown.content.decode()
    assert page.post("/audit/content/holds/", held).status_code == 302
    assert "A court asked for it." in page.get("/audit/content/").content.decode()
    key = str(Hold.objects.get().pk)
    assert page.post("/audit/content/holds/", {"lift": key}).status_code == 302
    for gone in (key, "nothing"):
        assert page.post("/audit/content/holds/", {"lift": gone}).status_code == 404
    assert "Nothing is held" in page.get("/audit/content/").content.decode()


def test_it_says_who_read_what(waiting: Waiting, signed_in: SignedIn, ada: User, audrey: User) -> None:
    """Of everything, of one session, of one person."""
    session, request = waiting
    signed_in(audrey).get(f"/sessions/{session.ref}/")
    signed_in(ada).get(f"/approvals/{request.ref}/")
    index_log()
    page = signed_in(audrey)
    seen = page.get("/audit/content/").content.decode()
    assert session.ref in seen
    assert request.ref in seen
    of_session = page.get("/audit/content/", {"about": session.ref}).content.decode()
    assert session.ref in of_session
    assert request.ref not in of_session
    of_ada = page.get("/audit/content/", {"about": f"user:{ada.pk}"}).content.decode()
    assert request.ref in of_ada
    assert f">{session.ref}<" not in of_ada
    assert "Nobody read anything" in page.get("/audit/content/", {"about": "S-999999"}).content.decode()


def test_what_no_text_can_hold_is_looked_for_by_nobody(db: None, signed_in: SignedIn, ada: User) -> None:
    """A NUL in the address is left out."""
    page = signed_in(ada)
    assert page.get("/audit/content/", {"about": "S-1\x00"}).status_code == 200
    assert page.get("/audit/content/delete/", {"by": "tenant", "whose": "a\x00"}).status_code == 200


def test_the_api_does_the_same(waiting: Waiting, ada: User, audrey: User) -> None:
    """Rules, holds; a program of an auditor reads and sets nothing."""
    program, reader, ref = Program(ada), Program(audrey), waiting[0].ref
    made = program("PUT", "/audit/content/rules/result", {"days": 30, "revision": 0})
    assert (made.status_code, made.json()["days"]) == (200, 30)
    refused(program("PUT", "/audit/content/rules/result", {"days": 3, "revision": 0}), 409, "stale_retention")
    refused(program("PUT", "/audit/content/rules/prompt", {"days": 3, "revision": 0}), 404, "not_found")
    assert reader("PUT", "/audit/content/rules/result", {"days": None, "revision": 1}).status_code == 403
    items = reader.get("/audit/content/rules").json()["items"]
    assert [(one["cls"], one["days"]) for one in items if one["days"]] == [("result", 30)]
    refused(program.post("/audit/content/holds", {**HELD, "whose": "S-9999999"}), 422, "invalid_retention")
    held = program.post("/audit/content/holds", {**HELD, "whose": ref}, key="k")
    assert held.status_code == 201
    assert [one["whose"] for one in reader.get("/audit/content/holds").json()["items"]] == [ref]
    assert program.post(f"/audit/content/holds/{held.json()['id']}/lift").json()["lifted_by"] == "Ada"
    refused(program.post(f"/audit/content/holds/{held.json()['id']}/lift"), 404, "unknown_hold")
    assert reader.get("/audit/content/holds").json()["items"] == []
