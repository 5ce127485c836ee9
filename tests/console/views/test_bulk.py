"""Deciding many requests on one page: every value shown, each its own decision, entry and result (THREATS 9, 16, 55)."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from approvals.facts import Judgement, Reason
from approvals.models import ApprovalRequest, Decision
from approvals.services import decide
from audit.models import AuditEntry
from tests.approvals.conftest import ask, by

SignedIn = Callable[[User | None], Client]
pytestmark = pytest.mark.django_db
MARK = {"source": "read_document", "title": "A letter", "ref": "letter", "quote": ""}


def low(risk: int = 2, required: int = 1, **more: Any) -> ApprovalRequest:
    """Put up a call that may be approved among others."""
    judged = Judgement("ask", (Reason("rule", "Policy rule 'Files'."),), risk=risk, hold_s=5, required=required)
    return ask(judged, session_id=None, session_ref="", **more)


def shown(client: Client, verdict: str, *rows: ApprovalRequest) -> str:
    """Return the page before anything is decided."""
    query = "&".join(f"ref={row.ref}" for row in rows)
    return unescape(client.get(f"/approvals/bulk/?verdict={verdict}&{query}").content.decode())


def send(client: Client, page: str, **more: Any) -> Any:
    """Send the page's form."""
    fields = re.findall(
        r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', page[page.index('action="/approvals/bulk/"') :]
    )
    sent: dict[str, Any] = {name: value for name, value in fields if name != "ref"}
    return client.post("/approvals/bulk/", {**sent, "ref": [value for name, value in fields if name == "ref"], **more})


def statuses(*rows: ApprovalRequest) -> list[str]:
    """Return where the requests stand."""
    for row in rows:
        row.refresh_from_db()
    return [row.status for row in rows]


def test_every_value_is_shown_before_many_are_approved(signed_in: SignedIn, remy: User) -> None:
    """UI.md 4: a table with each argument of each request and its digest; then each has its decision, entry and result."""
    client, rows = signed_in(remy), [low() for _ in range(3)]
    page = shown(client, "approve", *rows)
    assert page.count("kim@example.com") == page.count(">Hello<") == 3
    assert all(row.digest in page for row in rows)
    answer = send(client, page)
    assert answer.status_code == 200
    assert statuses(*rows) == ["held"] * 3
    assert Decision.objects.filter(request__in=rows, decided_by=remy.pk).count() == 3
    assert AuditEntry.objects.filter(kind="approval.held", stream__in=[row.stream for row in rows]).count() == 3
    result = answer.content.decode()
    assert all(f"/approvals/{row.ref}/undo/" in result for row in rows)
    client.post(f"/approvals/{rows[1].ref}/undo/")
    assert statuses(*rows) == ["held", "pending", "held"]


def test_what_changed_meanwhile_fails_alone(signed_in: SignedIn, remy: User, rosa: User) -> None:
    """THREATS 9: another digest, and one that somebody else decided; the rest goes through."""
    client, (first, second, third) = signed_in(remy), [low() for _ in range(3)]
    page = shown(client, "approve", first, second, third)
    decide(request_id=second.id, verdict="reject", digest=second.digest, instruction="Not this one.", **by(rosa))
    answer = send(client, page, **{f"digest-{third.ref}": "0" * 64})
    assert answer.status_code == 200
    assert statuses(first, second, third) == ["held", "rejected", "pending"]
    text = unescape(answer.content.decode())
    assert "rejected already, by Rosa" in text
    assert "has changed since you were shown it" in text


def test_sending_it_twice_decides_once(signed_in: SignedIn, remy: User) -> None:
    """THREATS 16: a double click, a reload of the result."""
    client, rows = signed_in(remy), [low(), low()]
    page = shown(client, "approve", *rows)
    first, second = send(client, page), send(client, page)
    assert statuses(*rows) == ["held", "held"]
    assert Decision.objects.filter(request__in=rows).count() == 2
    assert (
        first.content.decode().count("Approved, can be undone") == second.content.decode().count("Approved, can be undone") == 2
    )


def test_what_has_to_be_looked_at_alone_is_left_out(signed_in: SignedIn, remy: User) -> None:
    """THREATS 55: by risk, taint, a mark, four eyes; also when the form is written by hand."""
    client, fit = signed_in(remy), low()
    others = [
        low(risk=3), low(taint=(MARK,)), low(requester=remy.pk), low(kind="question"),
        ask(Judgement("ask", (Reason("repeat", "The same call was already made."),), risk=2), session_id=None, session_ref=""),
    ]  # fmt: skip
    page = shown(client, "approve", fit, *others)
    assert "Approve 1 request" in page
    assert "Left out: 5" in page
    alone = shown(client, "approve", *others)
    assert "What was selected is decided one by one." in alone
    assert "Select requests in the queue first." not in alone
    refs = [row.ref for row in (fit, *others)]
    digests = {f"digest-{row.ref}": row.digest for row in others}
    answer = send(client, page, ref=refs, **digests)
    assert statuses(fit, *others) == ["held", *["pending"] * 5]
    assert answer.content.decode().count("Not decided:") == 5


def test_calls_of_two_tools_and_too_many_are_not_approved_together(signed_in: SignedIn, remy: User) -> None:
    """The page says why and has no button; a form written by hand is refused as a whole."""
    client = signed_in(remy)
    two = [low(), low(tool="fetch_url")]
    page = shown(client, "approve", *two)
    assert "Only calls of the same tool are approved together" in page
    assert 'action="/approvals/bulk/"' not in page
    many = [low() for _ in range(21)]
    for rows in (two, many):
        fields = {"verdict": "approve", "ref": [row.ref for row in rows], **{f"digest-{row.ref}": row.digest for row in rows}}
        assert client.post("/approvals/bulk/", fields).status_code == 422
    assert set(statuses(*two, *many)) == {"pending"}


def test_any_set_is_rejected_with_one_instruction(signed_in: SignedIn, remy: User) -> None:
    """Grave, tainted, of several tools and kinds; the words go to each, and without words nothing happens."""
    client = signed_in(remy)
    rows = [
        low(risk=4, tier="destructive", tool="delete_document"),
        low(taint=(MARK,)),
        low(kind="question"),
        low(kind="stuck"),
    ]
    page = shown(client, "reject", *rows)
    assert "Left out: 1" in page
    assert send(client, page, instruction=" ").status_code == 422
    assert set(statuses(*rows)) == {"pending"}
    answer = send(client, page, instruction="Ask finance first.")
    assert statuses(*rows) == ["rejected", "rejected", "rejected", "pending"]
    assert answer.content.decode().count("Rejected</span>") == 3
    assert list(Decision.objects.values_list("instruction", flat=True)) == ["Ask finance first."] * 3


def test_a_vote_among_many_is_one_of_a_quorum(signed_in: SignedIn, remy: User) -> None:
    """APPR-5: it does not let the call run."""
    row = low(required=2)
    answer = send(signed_in(remy), shown(signed_in(remy), "approve", row))
    assert "Your vote is counted" in answer.content.decode()
    assert statuses(row) == ["pending"]


def test_nothing_selected_says_so(signed_in: SignedIn, remy: User, vic: User) -> None:
    """And refs that are none, or that there is not, are left away."""
    client = signed_in(remy)
    for query in ("", "?verdict=approve", "?ref=AP-1", "?ref=../x&verdict=delete"):
        answer = client.get(f"/approvals/bulk/{query}")
        assert (answer.status_code, b"Nothing to" in answer.content) == (200, True), query
    assert signed_in(vic).get("/approvals/bulk/").status_code == 403


def test_rows_can_be_selected_by_those_who_decide(signed_in: SignedIn, remy: User, vic: User) -> None:
    """Checkboxes of a plain form that works without script; a viewer has none."""
    row = low()
    page = signed_in(remy).get("/approvals/?risk=2").content.decode()
    assert f'form="bulk" name="ref" value="{row.ref}"' in page
    assert 'id="bulk" method="get" action="/approvals/bulk/"' in page
    assert 'class="pick"' not in signed_in(vic).get("/approvals/").content.decode()
