"""Control requests on the pages and over the API: who sets them, and how whoever decided one is told (APPR-11)."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from approvals import controls
from approvals.models import ApprovalRequest
from tests.approvals.conftest import ask
from tests.approvals.test_controls import mark_of, plant, switch
from tests.console.api.calls import Program, refused
from tests.console.views.test_deciding import say

SignedIn = Callable[[User | None], Client]
SET = {"on": "on", "one_in": "20", "per_day": "2", "reason": "For a month.", "revision": "0"}


@pytest.mark.django_db
def test_an_operator_switches_them_on_and_everybody_sees_that_they_are(signed_in: SignedIn, olga: User, remy: User) -> None:
    """How often they come is for those who set it: who counts along would know."""
    answer = signed_in(olga).post("/measures/controls/", SET)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/measures/")
    assert controls.setting().on
    page = signed_in(olga).get("/measures/").content.decode()
    assert "About one comes for 20 real ones" in page
    assert "Set by Olga" in page
    page = signed_in(remy).get("/measures/").content.decode()
    assert '<span class="chip acc">On</span>' in page
    assert "About one comes" not in page
    assert "measures/controls/" not in page
    assert Program(remy).get("/measures").json()["controls"] == {"on": True, "rate": None, "reviewers": [], "lapsed": 0}


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"one_in": "4"}, {"per_day": "21"}, {"per_day": "x"}, {"reason": " "}])
def test_what_cannot_be_set_comes_back_with_what_was_typed(wrong: dict[str, str], signed_in: SignedIn, olga: User) -> None:
    """Beside its field; nothing is set."""
    answer = signed_in(olga).post("/measures/controls/", {**SET, **wrong})
    (name,) = wrong
    assert answer.status_code == 422
    assert f'id="{name}-error"' in answer.content.decode()
    assert 'value="20"' in answer.content.decode() or name == "one_in"
    assert not controls.setting().on


@pytest.mark.django_db
def test_who_saw_an_older_setting_overwrites_nothing(signed_in: SignedIn, olga: User, ada: User) -> None:
    """The form says so, and keeps what was typed."""
    switch(ada, one_in=99)
    answer = signed_in(olga).post("/measures/controls/", SET)
    assert answer.status_code == 422
    assert "has changed since you were shown it" in answer.content.decode()
    assert controls.setting().one_in == 99


@pytest.mark.django_db
def test_over_the_api_a_person_sets_them_and_a_program_does_not(olga: User, remy: User) -> None:
    """A right of its own, a reason, bounds; never by a service token."""
    body = {"on": True, "one_in": 20, "per_day": 2, "reason": "For a month."}
    assert Program(olga)("PUT", "/measures/controls", body).json()["on"] is True
    refused(Program(olga)("PUT", "/measures/controls", {**body, "per_day": 0}), 422, "invalid_request")
    refused(Program(olga)("PUT", "/measures/controls", {**body, "revision": 9}), 409, "stale_setting")
    refused(Program(olga, service="robot")("PUT", "/measures/controls", body), 403, "not_allowed")
    refused(Program(remy)("PUT", "/measures/controls", body), 403, "forbidden")


@pytest.mark.django_db
def test_until_it_is_decided_page_and_api_show_a_request_like_any_other(signed_in: SignedIn, remy: User) -> None:
    """No word, no member and no class of its own."""
    real, row = ask(session_id=None, session_ref="", call_id=None), plant()
    pages = [signed_in(remy).get(f"/approvals/{one.ref}/").content.decode().lower() for one in (real, row)]
    assert [page.count("control request") for page in pages] == [0, 0]
    told = [Program(remy).get(f"/approvals/{one.ref}").json() for one in (real, row)]
    assert told[0].keys() == told[1].keys()
    assert told[1]["control"] is None
    assert "control" not in told[1]["facts"]


@pytest.mark.django_db
@pytest.mark.parametrize("script", [True, False])
def test_who_approved_one_is_told_before_anything_else(script: bool, signed_in: SignedIn, remy: User) -> None:
    """Also where the next request would have been opened: what it was, what was wrong, and that nothing was sent."""
    ask()
    row, client = plant(), signed_in(remy)
    answer = say(client, row.ref, "approve", script=script, open_next="1")
    if not script:
        assert answer.headers["Location"] == f"/approvals/{row.ref}/"
        answer = client.get(answer.headers["Location"])
    page = answer.content.decode()
    assert "This was a control request, and you approved it" in page
    assert "It goes to examp1e.com, which only looks like example.com. Nothing was sent or changed." in page
    assert "can be undone" not in page
    assert mark_of(row).status == "missed"


@pytest.mark.django_db
def test_who_rejected_one_was_right(signed_in: SignedIn, remy: User, rosa: User, vic: User) -> None:
    """The queue of decided requests says so, and others see who it was; what it said is raw content."""
    row = plant()
    page = say(signed_in(remy), row.ref, "reject", script=True, instruction="A strange domain.").content.decode()
    assert "You were right: this was a control request" in page
    assert "Remy was right: this was a control request" in signed_in(rosa).get(f"/approvals/{row.ref}/").content.decode()
    assert "examp1e" not in signed_in(vic).get(f"/approvals/{row.ref}/").content.decode()
    assert "Control request, caught by Remy" in signed_in(rosa).get("/approvals/?state=decided").content.decode()
    found = [Program(user).get(f"/approvals/{row.ref}").json()["control"] for user in (rosa, vic)]
    assert found[0] == {"outcome": "caught", "by": "Remy", "because": mark_of(row).because}
    assert found[1] == {"outcome": "caught", "by": "Remy", "because": None}


@pytest.mark.django_db
def test_a_program_that_decides_one_reads_it_in_the_answer(remy: User) -> None:
    """docs/api.md: nothing waits for such a request, and nothing comes of it."""
    row = plant()
    answer = Program(remy).post(f"/approvals/{row.ref}/decisions", {"verdict": "approve", "digest": row.digest}).json()
    assert (answer["status"], answer["control"]["outcome"]) == ("void", "missed")


@pytest.mark.django_db
def test_of_many_decided_at_once_the_control_request_is_told_apart(signed_in: SignedIn, remy: User) -> None:
    """Each has its own result, and this one's says what it was."""
    real, row, client = ask(), plant(), signed_in(remy)
    refs = f"ref={real.ref}&ref={row.ref}"
    page = client.get(f"/approvals/bulk/?verdict=reject&{refs}").content.decode()
    assert "control request" not in page.lower()
    fields = {"verdict": "reject", "ref": [real.ref, row.ref], "instruction": "Not to them.",
              f"digest-{real.ref}": real.digest, f"digest-{row.ref}": row.digest}  # fmt: skip
    page = client.post("/approvals/bulk/", fields).content.decode()
    assert page.count("This was a control request.") == 1
    assert mark_of(row).status == "caught"


@pytest.mark.django_db
def test_the_measures_tell_what_was_caught_and_missed(signed_in: SignedIn, remy: User, audrey: User) -> None:
    """By reviewer, as CSV too; others' only for who reads the trail."""
    client = signed_in(remy)
    for verdict in ("approve", "reject"):
        row = plant()
        say(client, row.ref, verdict, instruction="Not there.")
    page = signed_in(audrey).get("/measures/").content.decode()
    assert "Missed 1 of 2 control requests, which should have been rejected." in page
    table = signed_in(audrey).get("/measures/controls.csv").content.decode()
    assert table.splitlines() == ["reviewer,caught,missed", "Remy,1,1"]
    assert ApprovalRequest.objects.filter(status="void").count() == 2
