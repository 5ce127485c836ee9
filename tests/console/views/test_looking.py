"""How long a request was before a person: stamped by the server, sent back by the form, asked for by policy (THREATS 56)."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.models import Session
from approvals import policies
from approvals.models import ApprovalRequest, Decision
from approvals.policy import DEFAULT_POLICY
from console.served import stamp
from tests.approvals.conftest import as_actor
from tests.console.api.calls import Program, refused
from tests.console.views.test_deciding import say, shown, status

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]


@pytest.fixture
def dwell(ada: User) -> Iterator[None]:
    """Policy wants every approval of an irreversible write looked at for ten seconds."""
    document = DEFAULT_POLICY.model_dump(mode="json")
    document["tiers"]["irreversible_write"]["dwell_s"] = 10
    policies.save(document, note="Look first.", actor=as_actor(ada))
    yield
    policies.forget()


def ago(user: User, row: ApprovalRequest, seconds: float) -> str:
    """The stamp of a page that somebody was served so long ago."""
    return stamp(user.pk, row.digest, timezone.now() - timedelta(seconds=seconds))


def vote(row: ApprovalRequest) -> Decision:
    """The decision on a request."""
    return Decision.objects.get(request=row)


def test_an_approval_right_after_the_page_was_served_is_known_and_flagged(
    waiting: Waiting, signed_in: SignedIn, remy: User, audrey: User, rosa: User
) -> None:
    """The server's own stamp says so, whatever the page says; who reads the trail sees it, and they themselves."""
    _, row = waiting
    say(signed_in(remy), row.ref, "approve", shown_ms="3600000")
    found = vote(row)
    assert found.served_ms is not None
    assert found.screen_ms == found.served_ms < 5_000
    for user, sees in ((remy, True), (audrey, True), (rosa, False)):
        page = signed_in(user).get(f"/approvals/{row.ref}/").content.decode()
        assert (">Quick</span>" in page) is sees
        assert ("before them for" in page) is sees


def test_the_page_says_how_long_it_was_in_view(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """It may say less than the server knows: nobody looks at a page in the background."""
    _, row = waiting
    client = signed_in(remy)
    say(client, row.ref, "reject", instruction="Not to them.", fields={**shown(client, row.ref), "shown_ms": "0"})
    assert vote(row).screen_ms == 0


@pytest.mark.parametrize("sent", ["", "1700000000000:forged", "x" * 500])
def test_without_a_stamp_of_ours_nothing_is_said(sent: str, waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """A page that made up its stamp has no time; without a policy that asks for one the decision counts."""
    _, row = waiting
    client = signed_in(remy)
    say(client, row.ref, "approve", fields={**shown(client, row.ref), "stamp": sent, "shown_ms": "9000"})
    assert (vote(row).served_ms, vote(row).screen_ms) == (None, None)
    assert status(row) == "held"


@pytest.mark.usefixtures("dwell")
def test_an_approval_that_comes_too_soon_is_refused_and_time_goes_on(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """Policy's minimum counts by the server's stamp, and the refused form keeps it."""
    _, row = waiting
    client = signed_in(remy)
    first = ago(remy, row, 4)
    answer = say(
        client, row.ref, "approve", script=True, fields={**shown(client, row.ref), "stamp": first, "shown_ms": "60000"}
    )
    assert answer.status_code == 409
    assert "looked at for 10 s before it is approved. Decide again in" in answer.content.decode()
    assert first in answer.content.decode()
    assert status(row) == "pending"
    say(client, row.ref, "approve", fields={**shown(client, row.ref), "stamp": ago(remy, row, 11)})
    assert status(row) == "held"


@pytest.mark.usefixtures("dwell")
def test_nobody_borrows_anothers_time(waiting: Waiting, signed_in: SignedIn, remy: User, rosa: User) -> None:
    """A stamp is for one person and one digest."""
    _, row = waiting
    client = signed_in(remy)
    other = stamp(remy.pk, "0" * 64, timezone.now() - timedelta(seconds=60))
    for sent in (ago(rosa, row, 60), other, ""):
        assert say(client, row.ref, "approve", fields={**shown(client, row.ref), "stamp": sent}).status_code == 409
    assert status(row) == "pending"


@pytest.mark.usefixtures("dwell")
def test_an_edit_waits_too_and_keeps_what_was_typed(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """It lets something run, so it is looked at first; nothing typed is lost."""
    _, row = waiting
    client = signed_in(remy)
    html = client.get(f"/approvals/{row.ref}/edit/").content.decode()
    assert 'name="stamp"' in html
    fields = {"digest": row.digest, "mode": "json", "arguments": '{"to": "lee@example.com"}', "stamp": ago(remy, row, 1)}
    answer = client.post(f"/approvals/{row.ref}/edit/?mode=json", fields)
    assert answer.status_code == 409
    assert "lee@example.com" in answer.content.decode()
    assert "Decide again in" in answer.content.decode()


@pytest.mark.usefixtures("dwell")
def test_a_rejection_waits_for_nothing(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """It lets nothing run."""
    _, row = waiting
    say(signed_in(remy), row.ref, "reject", instruction="Not to them.")
    assert status(row) == "rejected"


@pytest.mark.usefixtures("dwell")
def test_a_program_has_no_page_and_waits_for_nothing(waiting: Waiting, remy: User) -> None:
    """docs/api.md says so: over the API the minimum is not asked for, and no time is kept."""
    _, row = waiting
    Program(remy).post(f"/approvals/{row.ref}/decisions", {"verdict": "approve", "digest": row.digest}).json()
    assert vote(row).served_ms is None
    refused(
        Program(remy).post(f"/approvals/{row.ref}/decisions", {"verdict": "approve", "digest": row.digest}),
        409,
        "already_decided",
    )
