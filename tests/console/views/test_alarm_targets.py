"""Where alarms of the log go, on the page of verification: hosts and outcomes, never a whole address."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from console.models import Callback

SignedIn = Callable[[User | None], Client]
PAGE = "/audit/verification/"
SECRET = "hooks.example.org/services/T0-SECRET"
OTHER = "other.example.org/alarms?key=HIDDEN"


def sent(url: str, n: int, **more: Any) -> None:
    """Keep a message about an alarm, as the loop that sends leaves it."""
    Callback.objects.create(id=uuid.uuid4(), n=n, session="audit", kind=f"alarm.number_{n}", url=url, body="{}", **more)


@pytest.fixture
def named(settings: Any) -> None:
    """Two programs that an operator named."""
    settings.ALARM_WEBHOOKS = [f"https://{SECRET}", f"https://{OTHER}"]


@pytest.mark.django_db
def test_that_no_program_is_named_is_said(signed_in: SignedIn, audrey: User) -> None:
    page = signed_in(audrey).get(PAGE).content.decode()
    assert "ALARM_WEBHOOKS</span> is not set" in page


@pytest.mark.django_db
@pytest.mark.usefixtures("named")
def test_each_program_stands_there_with_the_outcome_of_its_newest_message(signed_in: SignedIn, audrey: User) -> None:
    """What an earlier one came to says nothing of how it stands now."""
    sent(f"https://{SECRET}", 1, attempts=12, given_up_at=Now(), error="The receiver answered 500.")
    sent(f"https://{SECRET}", 2, attempts=1, delivered_at=Now())
    client = signed_in(audrey)
    page = client.get(PAGE).content.decode()
    assert page.count("Delivered</span>") == 1
    assert "alarm.number_2" in page
    assert "alarm.number_1<" not in page
    assert "None in the last 30 days" in page, "the other one was sent nothing"
    sent(f"https://{OTHER}", 3, attempts=12, given_up_at=Now(), error=f"https://{OTHER} cannot be reached.")
    sent(f"https://{SECRET}", 4, attempts=2, error="The receiver answered 503.")
    page = client.get(PAGE).content.decode()
    assert "Given up</span>" in page
    assert "other.example.org cannot be reached." in page
    assert "On its way</span>" in page
    assert "2 attempts: The receiver answered 503." in page


@pytest.mark.django_db
@pytest.mark.usefixtures("named")
def test_of_an_address_its_host_alone_is_shown(signed_in: SignedIn, audrey: User, remy: User) -> None:
    """The rest may be a key of another service; who does not read the trail sees nothing of it."""
    sent(f"https://{OTHER}", 1, attempts=1, error=f"https://{OTHER} cannot be reached.")
    page = signed_in(audrey).get(PAGE).content.decode()
    assert "hooks.example.org" in page
    assert "T0-SECRET" not in page
    assert "HIDDEN" not in page
    assert signed_in(remy).get(PAGE).status_code == 403
