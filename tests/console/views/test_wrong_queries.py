"""A value in an address that there is not: named with what there is instead, or refused; never passed over without a word."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

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


@pytest.mark.parametrize("address", ["/memory/?after=x", "/break-glass/?before=x", "/cover/?before=x"])
@pytest.mark.django_db
def test_a_place_in_a_list_that_there_is_not_is_refused(signed_in: SignedIn, ada: User, address: str) -> None:
    assert signed_in(ada).get(address).status_code == 422
