"""The page of measures: who sees whom, what is said in words, and a CSV that no spreadsheet runs."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from approvals.facts import Judgement, Reason
from approvals.measures import ENOUGH
from approvals.services import decide
from audit.exports.cells import safe
from tests.approvals.conftest import ask, by
from tests.console.api.calls import Program, refused

SignedIn = Callable[[User | None], Client]
RULED = Judgement("ask", (Reason("rule", "Policy rule '=HYPERLINK(1)'."),), risk=3)


def approve(user: User, count: int, **changed: str) -> None:
    """Let somebody approve so many requests."""
    for _ in range(count):
        row = ask(RULED, **changed)
        decide(request_id=row.id, digest=row.digest, verdict="approve", **by(user))


@pytest.mark.django_db
def test_a_reviewer_sees_himself_and_who_reads_the_trail_everybody(
    signed_in: SignedIn, remy: User, rosa: User, audrey: User, olga: User, vic: User
) -> None:
    """APPR-11: measures of others are for those who could read them in the trail anyway."""
    approve(remy, 2)
    approve(rosa, 1)
    for user, names in ((remy, {"Remy"}), (rosa, {"Rosa"}), (audrey, {"Remy", "Rosa"}), (olga, {"Remy", "Rosa"})):
        table = signed_in(user).get("/measures/reviewers.csv").content.decode()
        assert {line.split(",")[0] for line in table.splitlines()[1:]} == names
        found = Program(user).get("/measures").json()
        assert {one["name"] for one in found["reviewers"]} == names
        assert found["overall"]["asked"] == 3
        assert [one["name"] for one in found["tools"]] == ["send_email"]
    assert signed_in(vic).get("/measures/").status_code == 403
    refused(Program(vic).get("/measures"), 403, "forbidden")
    refused(Program(audrey).get("/measures?days=31"), 422, "invalid_request")


@pytest.mark.django_db
def test_habits_are_said_in_words(signed_in: SignedIn, remy: User, audrey: User) -> None:
    """Rubber-stamping signals and what is never rejected, without a verdict on anybody."""
    approve(remy, ENOUGH, tool="publish_note")
    page = signed_in(audrey).get("/measures/?days=30").content.decode()
    assert f"Never rejected or changed anything in {ENOUGH} decisions." in page
    assert "Approved without a single rejection" in page
    assert "publish_note</b>" in page
    assert f"{ENOUGH} calls were put before people in the last 30 days; 0 of them wait now." in page
    assert "100 % were approved" in page


@pytest.mark.django_db
def test_nothing_measured_is_said_too(signed_in: SignedIn, audrey: User) -> None:
    """The empty state."""
    assert "Nobody was asked anything in the last 7 days." in signed_in(audrey).get("/measures/?days=x").content.decode()


@pytest.mark.django_db
def test_a_name_cannot_become_a_formula(signed_in: SignedIn, remy: User, audrey: User) -> None:
    """A policy rule's name is text in every spreadsheet."""
    approve(remy, 1)
    answer = signed_in(audrey).get("/measures/rules.csv?days=7")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.content.decode().splitlines()[1].startswith("'=HYPERLINK(1),1,")
    assert signed_in(audrey).get("/measures/nothing.csv").status_code == 404


@pytest.mark.parametrize("cell", ["=1", " =1", "+1", "-1", "@x", "\t=1", "\r1", "\n", "＝1"])
def test_what_could_be_a_formula_is_quoted(cell: str) -> None:
    """Blanks before it do not hide it; what would end a line in some programs is told instead."""
    assert safe(cell) == f"'{cell}".replace("\r", "\\x0d")


def test_numbers_and_plain_texts_stay_as_they_are() -> None:
    """A quote where none is needed would be noise."""
    assert [safe(cell) for cell in ("a=b", 7, 1.25, None, "")] == ["a=b", "7", "1.2", "", ""]
