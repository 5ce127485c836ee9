"""A value in an address that there is not: named with what there is instead, or refused; never passed over without a word."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.agents import apply_agent
from audit.actors import SYSTEM
from tests.console.api.conftest import DESK

SignedIn = Callable[[User | None], Client]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/measures/?days=9999", "There is no days “9999”; it can be 7 or 30. Shown with 7."),
        ("/budgets/?days=2", "There is no days “2”; it can be 1, 7 or 30. Shown with 7."),
        ("/budgets/?by=moon", "There is no by “moon”; it can be agent, tenant"),
        ("/evals/grading/?status=lost", "There is no status “lost”; it can be waiting, graded or skipped. Shown with waiting."),
        ("/memory/?scope=moon", "Shown without the filter scope “moon”"),
    ],
)
@pytest.mark.django_db
def test_a_value_that_there_is_not_is_named_with_what_there_is(signed_in: SignedIn, ada: User, address: str, said: str) -> None:
    answer = signed_in(ada).get(address)
    assert answer.status_code == 200
    assert said in answer.content.decode()


@pytest.mark.parametrize("address", ["/measures/?days=7", "/measures/", "/budgets/?days=1&by=model", "/memory/?scope=agent"])
@pytest.mark.django_db
def test_a_value_that_there_is_is_taken_without_a_word(signed_in: SignedIn, ada: User, address: str) -> None:
    page = signed_in(ada).get(address).content.decode()
    assert "There is no" not in page
    assert "Shown without" not in page


@pytest.mark.django_db
def test_a_table_over_days_that_are_not_offered_is_no_file(signed_in: SignedIn, ada: User) -> None:
    """It would hold other figures than its name was asked for."""
    answer = signed_in(ada).get("/measures/reviewers.csv?days=9999")
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "text/html; charset=utf-8")
    assert "it can be 7 or 30" in answer.content.decode()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/policies/1/?view=moon", "There is no view “moon”; it can be text or diff. Shown with text."),
        ("/policies/1/?view=diff&against=x", "There is no other revision “x” to compare with. Compared with nothing."),
        ("/agents/desk/revisions/1/?view=moon", "There is no view “moon”; it can be text or diff. Shown with diff."),
        ("/agents/desk/revisions/1/?against=1", "There is no other revision “1” to compare with."),
        ("/prompts/desk/1.0.0/?view=moon", "There is no view “moon”; it can be text or diff."),
        ("/prompts/desk/1.0.0/?view=diff&against=9.9.9", "There is no other version “9.9.9” to compare with."),
    ],
)
@pytest.mark.django_db
def test_what_a_revision_cannot_be_compared_with_is_named(signed_in: SignedIn, ada: User, address: str, said: str) -> None:
    """Whoever follows a link to a difference must not read another one for it."""
    apply_agent(DESK, actor=SYSTEM)
    page = signed_in(ada).get(address)
    assert page.status_code == 200
    assert said in page.content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "/memory/?after=x", "/sessions/?before=x", "/break-glass/?before=x", "/cover/?before=x", "/audit/?before=x",
        "/audit/sessions/?before=x", "/audit/verification/?before=-1", "/audit/exports/?before=x", "/evals/?before=1.5",
        "/evals/grading/?after=x", "/agents/desk/revisions/1/?older=x",
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_a_place_in_a_list_that_there_is_not_is_refused(signed_in: SignedIn, ada: User, address: str) -> None:
    apply_agent(DESK, actor=SYSTEM)
    assert signed_in(ada).get(address).status_code == 422
