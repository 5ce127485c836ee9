"""The budgets page: what stands there, and adding, changing and ending by plain forms."""

from collections.abc import Callable
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents import budgets
from agents.models import Budget, Meter
from agents.money import meter_round
from audit.actors import SYSTEM
from tests.agents.test_money import wish

SignedIn = Callable[[User | None], Client]
FORM = {"scope": "all", "tenant": "", "period": "day", "cap": "2.50", "at_cap": "halt", "reason": "To begin with."}


def text_of(client: Client, path: str = "/budgets/") -> str:
    """Return the text of the page."""
    return unescape(client.get(path).content.decode())


def one(cap: int = 2_500_000) -> Budget:
    """Make a budget."""
    return budgets.create(scope="all", period="day", cap_microusd=cap, at_cap="halt", reason="To begin with.", actor=SYSTEM)


def test_an_admin_adds_changes_and_ends_a_budget(signed_in: SignedIn, ada: User) -> None:
    client = signed_in(ada)
    assert "No budgets" in text_of(client)
    assert client.post("/budgets/", FORM).status_code == 302
    assert "All agents per day" in text_of(client)
    assert "$2.50" in text_of(client)
    budget = Budget.objects.get()
    change = {"act": "change", "cap": "$3", "at_cap": "queue", "reason": "More.", "revision": "1"}
    assert client.post(f"/budgets/{budget.pk}/", change).status_code == 302
    budget.refresh_from_db()
    assert (budget.cap_microusd, budget.at_cap) == (3_000_000, "queue")
    assert "From $2.50 to $3.00" in text_of(client)
    assert client.post(f"/budgets/{budget.pk}/", {"act": "end", "reason": "Over.", "revision": "2"}).status_code == 302
    assert "No budgets" in text_of(client)
    assert "Ended" in text_of(client)


def test_a_tenants_budget_takes_the_label_beside_it(signed_in: SignedIn, ada: User) -> None:
    signed_in(ada).post("/budgets/", {**FORM, "scope": "tenant", "tenant": " acme "})
    assert Budget.objects.get().scope == "tenant:acme"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"cap": "much"}, "Write a number of dollars"),
        ({"cap": "1,000"}, "with nothing between thousands"),
        ({"cap": "1e3"}, "Write a number of dollars"),
        ({"cap": "0"}, "greater than or equal to"),
        ({"cap": "9999999999999"}, "less than or equal to"),
        ({"scope": "tenant"}, "is all, agent:SLUG or tenant:LABEL"),
        ({"reason": "x"}, "at least 3 characters"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(signed_in: SignedIn, ada: User, changed: dict[str, str], told: str) -> None:
    answer = signed_in(ada).post("/budgets/", {**FORM, **changed})
    assert answer.status_code == 422
    assert told in unescape(answer.content.decode())
    assert not Budget.objects.exists()


def test_an_operator_lowers_a_cap_and_is_told_who_raises_it(signed_in: SignedIn, olga: User) -> None:
    budget, client = one(), signed_in(olga)
    raised = client.post(f"/budgets/{budget.pk}/", {"act": "change", "cap": "9", "reason": "More.", "revision": "1"})
    assert raised.status_code == 403
    assert "needs an admin" in unescape(raised.content.decode())
    assert client.post(f"/budgets/{budget.pk}/", {"act": "end", "reason": "Away.", "revision": "1"}).status_code == 403
    assert (
        client.post(f"/budgets/{budget.pk}/", {"act": "change", "cap": "1", "reason": "Less.", "revision": "1"}).status_code
        == 302
    )
    stale = client.post(f"/budgets/{budget.pk}/", {"act": "change", "cap": "0.5", "reason": "Less.", "revision": "1"})
    assert (stale.status_code, "has changed since" in stale.content.decode()) == (409, True)


def test_the_page_says_what_a_budget_does_to_sessions(signed_in: SignedIn, vic: User) -> None:
    budget, client = one(1_000_000), signed_in(vic)
    asked = wish(850_000)
    meter_round("w", [], [asked])
    assert "Open to all" in text_of(client)
    assert "$0.85" in text_of(client)
    meter_round("w", [(asked.id, 850_000)], [])
    assert Meter.objects.get(budget=budget).spent_microusd == 850_000
    assert "New sessions of low priority wait" in text_of(client)
    assert "Add a budget" not in text_of(client)


def test_the_page_costs_the_same_with_many_budgets(signed_in: SignedIn, ada: User) -> None:
    client = signed_in(ada)
    one()
    text_of(client)
    with CaptureQueriesContext(connection) as few:
        text_of(client)
    for name in range(12):
        budgets.create(scope=f"tenant:t{name}", period="day", cap_microusd=9, at_cap="halt", reason="Many.", actor=SYSTEM)
    with CaptureQueriesContext(connection) as many:
        text_of(client)
    assert len(many) == len(few)
