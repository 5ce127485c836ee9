"""The policy's pages: read by all, changed by admins, checked field by field, never overwritten unseen."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals import policies
from approvals.document import DEFAULT_POLICY
from audit.actors import SYSTEM
from audit.models import AuditEntry
from console.policy_form import sent_of

SignedIn = Callable[[User | None], Client]
RULE = {"name": "Mail <b>out</b>\u202e", "tool": "send_email", "then": "ask", "required": 2,
        "when": {"path": "to.*", "op": "outside", "value": "recipients"}}  # fmt: skip


def store(**changed: Any) -> int:
    """Save the shipped policy with other parts, and return its number."""
    document = {**DEFAULT_POLICY.model_dump(mode="json"), **changed}
    return policies.save(document, note="For a test.", actor=SYSTEM).number


def form(base: int, **changed: str) -> dict[str, str]:
    """What the form of the shipped policy sends, with some inputs changed."""
    return {**sent_of(DEFAULT_POLICY), "base": str(base), "spare": "2", "note": "For a test", **changed}


def text(answer: Any) -> str:
    """The page."""
    return str(answer.content.decode())


@pytest.mark.django_db
def test_everybody_reads_the_policy_and_admins_alone_find_the_way_to_change_it(
    signed_in: SignedIn, vic: User, olga: User, ada: User
) -> None:
    """API.md, Rights; a name of a rule is text, and what hides in it is marked."""
    store(rules=[RULE], recipients=["@halden.example"])
    for user in (vic, olga, ada):
        page = text(signed_in(user).get("/policies/"))
        assert "Mail &lt;b&gt;out&lt;/b&gt;" in page
        assert "⟦U+202E⟧" in page
        assert "Calls of send_email where to (any) is outside the known recipients ask 2 people." in page
        assert ("/policies/edit/" in page) is (user == ada)


@pytest.mark.django_db
def test_the_page_takes_few_queries_whatever_the_policy(signed_in: SignedIn, vic: User) -> None:
    """Counts come in one query each, not one per rule."""
    client = signed_in(vic)
    store(rules=[{**RULE, "name": "One"}])
    with CaptureQueriesContext(connection) as few:
        assert client.get("/policies/").status_code == 200
    store(rules=[{**RULE, "name": f"Rule {n}"} for n in range(30)])
    with CaptureQueriesContext(connection) as many:
        assert client.get("/policies/").status_code == 200
    assert len(many) == len(few) < 25


@pytest.mark.django_db
def test_a_change_is_shown_before_it_is_saved_and_saved_as_it_was_shown(signed_in: SignedIn, ada: User) -> None:
    """Form, difference, save: the entry names who, which and why."""
    base, client = policies.current().number, signed_in(ada)
    review = client.post("/policies/edit/", form(base, **{"tiers.destructive.required": "2"}))
    assert review.status_code == 200
    assert "This only tightens" in text(review)
    assert "<ins>2 people</ins>" in text(review)
    assert policies.current().number == base
    document = json.dumps(policies.checked(with_quorum(2)).model_dump(mode="json"))
    saved = client.post("/policies/save/", {"document": document, "base": str(base), "note": "Two for what destroys"})
    assert (saved.status_code, saved.headers["Location"]) == (302, "/policies/")
    now = policies.current()
    assert (now.number, now.policy.tiers["destructive"].required) == (base + 1, 2)
    entry = AuditEntry.objects.filter(stream="policy").latest("id").body_json
    assert (entry["principal"]["name"], entry["facts"]["note"]) == ("Ada", "Two for what destroys")


def with_quorum(people: int) -> dict[str, Any]:
    """The shipped document with another quorum for what destroys."""
    document = DEFAULT_POLICY.model_dump(mode="json")
    document["tiers"]["destructive"]["required"] = people
    return document


@pytest.mark.django_db
def test_loosening_needs_to_be_meant(signed_in: SignedIn, ada: User) -> None:
    """TOOL-6: nothing is let through by a slip of the hand."""
    base, client = store(**with_quorum(2)), signed_in(ada)
    sent = {"document": json.dumps(with_quorum(1)), "base": str(base), "note": "One is enough"}
    refused = client.post("/policies/save/", sent)
    assert refused.status_code == 422
    assert "Destructive calls need 1 instead of 2 people." in text(refused)
    assert policies.current().number == base
    assert client.post("/policies/save/", {**sent, "loosen": "true"}).status_code == 302
    assert policies.current().number == base + 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tiers.destructive.hold_s": "31"}, 'id="p-tiers-destructive-hold_s-error"'),
        ({"tiers.read_only.groups": "|x"}, 'id="p-tiers-read_only-groups-error"'),
        ({"ttl_h": "soon"}, 'id="p-ttl_h-error"'),
        ({"rules.0.name": "New", "rules.0.then": "allow", "rules.0.required": "1"}, 'id="p-rules-0-then-error"'),
        ({"rules.0.tool": "send_email", "rules.0.then": "ask", "rules.0.required": "1"}, 'id="p-rules-0-name-error"'),
        ({"tiers.destructive.self_confirm": "true"}, "cannot be given for destructive calls"),
        ({"note": ""}, 'id="note-error"'),
        ({}, "Nothing was changed."),
        ({"recipients": "a\x00b"}, "a NUL or half a character"),
    ],
)
def test_what_is_wrong_stands_beside_its_input_and_nothing_typed_is_lost(
    signed_in: SignedIn, ada: User, changed: dict[str, str], said: str
) -> None:
    """422 with the form as it was typed."""
    base = policies.current().number
    more = {"hosts": "kept.example"} if changed else {}
    answer = signed_in(ada).post("/policies/edit/", form(base, **{**more, **changed}))
    assert answer.status_code == 422
    assert said in text(answer)
    assert not more or "kept.example</textarea>" in text(answer)
    assert policies.current().number == base


@pytest.mark.django_db
def test_the_json_text_is_checked_by_the_same_model(signed_in: SignedIn, ada: User) -> None:
    """What cannot be read or is wrong is said with its place, and the text stays as it was typed."""
    base, client = policies.current().number, signed_in(ada)
    for typed, said in (
        ("{", "JSON"),
        ("[]", "it is no object"),
        ('{"tiers": {}}', "environments: Must be given."),
        ('{"a": 1e999}', ""),
    ):
        answer = client.post("/policies/edit/", {"document": typed, "base": str(base), "note": "For a test"})
        assert answer.status_code == 422, typed
        assert said in text(answer)
        assert typed.replace('"', "&quot;") in text(answer)


@pytest.mark.django_db
def test_form_and_json_are_two_faces_of_one_document(signed_in: SignedIn, ada: User) -> None:
    """Switching takes along what was typed; a policy that the form cannot show is only offered as JSON."""
    base, client = policies.current().number, signed_in(ada)
    as_json = text(client.post("/policies/edit/", form(base, switch="1", hosts="docs.example")))
    assert "docs.example" in as_json
    assert 'name="document"' in as_json
    document = json.dumps({**DEFAULT_POLICY.model_dump(mode="json"), "hosts": ["docs.example"]})
    as_form = text(client.post("/policies/edit/", {"document": document, "base": str(base), "note": "x", "switch": "1"}))
    assert "docs.example</textarea>" in as_form
    more = text(client.post("/policies/edit/", form(base, more="1")))
    assert more.count("<b>Another rule</b>") == 4
    store(rules=[{**RULE, "groups": ["north, south"]}])
    assert 'name="document"' in text(client.get("/policies/edit/"))


@pytest.mark.django_db
def test_a_newer_revision_is_never_overwritten_unseen(signed_in: SignedIn, ada: User) -> None:
    """409 tells who and why, keeps everything, and the next try is compared with what judges now."""
    base, client = policies.current().number, signed_in(ada)
    sent = {"document": json.dumps(with_quorum(3)), "base": str(base), "note": "Three"}
    newer = store(ttl_s=3_600)
    for address, typed in (("/policies/edit/", form(base, **{"tiers.destructive.required": "3"})), ("/policies/save/", sent)):
        answer = client.post(address, typed)
        assert answer.status_code == 409
        page = text(answer)
        assert f"saved revision {newer} while you wrote" in page
        assert "“For a test.”" in page
        assert 'name="tiers.destructive.required" value="3"' in page
        assert f'name="base" value="{newer}"' in page
    assert policies.current().number == newer


@pytest.mark.django_db
def test_a_button_pressed_twice_saves_once(signed_in: SignedIn, ada: User) -> None:
    """The second press finds its own revision and says the same; somebody else's with another note is a conflict."""
    base, client = policies.current().number, signed_in(ada)
    sent = {"document": json.dumps(with_quorum(3)), "base": str(base), "note": "Three"}
    assert [client.post("/policies/save/", sent).status_code for _ in range(2)] == [302, 302]
    assert policies.current().number == base + 1
    assert client.post("/policies/save/", {**sent, "note": "Another"}).status_code == 409


@pytest.mark.django_db
def test_an_old_revision_is_compared_and_restored(signed_in: SignedIn, ada: User, vic: User) -> None:
    """History: who, when, why, what changed between any two; restoring saves anew."""
    store(ttl_s=3_600)
    last = store(ttl_s=7_200)
    page = text(signed_in(vic).get(f"/policies/{last}/?view=diff&against=1"))
    assert "Changes from revision 1" in page
    assert "restore" not in page
    assert "Requests and approvals stay open longer." in text(signed_in(vic).get(f"/policies/{last}/?view=diff"))
    review = text(signed_in(ada).post("/policies/1/restore/"))
    assert f"Save revision {last + 1}?" in review
    assert "Restores revision 1." in review
    for address in ("/policies/99/", "/policies/2/?view=diff&against=99"):
        assert signed_in(vic).get(address).status_code == 404
    assert signed_in(ada).post("/policies/99/restore/").status_code == 404
