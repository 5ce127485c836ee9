"""How long a request was before somebody: bounded, stored, flagged, and asked for by policy (APPR-11, THREATS 56)."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from approvals.errors import TooSoon
from approvals.looked import LONGEST_MS, Looked
from approvals.models import ApprovalRequest, Decision
from approvals.services import decide
from audit.models import AuditEntry
from tests.approvals.conftest import ask, by


@pytest.mark.parametrize(
    ("said", "age_ms", "stored"),
    [
        ({"served_ms": 9_000, "screen_ms": 7_000}, 20_000, {"served_ms": 9_000, "screen_ms": 7_000}),
        ({"served_ms": 9_000, "screen_ms": 3_600_000}, 20_000, {"served_ms": 9_000, "screen_ms": 9_000}),
        ({"served_ms": 9_000, "screen_ms": 9_000}, 4_000, {"served_ms": 4_000, "screen_ms": 4_000}),
        ({"served_ms": 9_000}, 20_000, {"served_ms": 9_000}),
        ({"screen_ms": 9_000}, 20_000, {}),
        ({"served_ms": 10**12, "screen_ms": 10**12}, 10**12, {"served_ms": LONGEST_MS, "screen_ms": LONGEST_MS}),
        ({"served_ms": -5, "screen_ms": -5}, 20_000, {"served_ms": 0, "screen_ms": 0}),
        ({}, 20_000, {}),
    ],
)
def test_a_page_is_believed_within_what_can_be(said: dict[str, int], age_ms: int, stored: dict[str, int]) -> None:
    """In view for no longer than it was served, served for no longer than it exists; without a stamp nothing."""
    assert Looked(**said).plausible(age_ms).stored == stored


@pytest.mark.parametrize(
    ("said", "quick"),
    [
        ({"served_ms": 400}, True),
        ({"served_ms": 60_000, "screen_ms": 400}, True),
        ({"served_ms": 60_000, "screen_ms": 5_000}, False),
        ({"served_ms": 5_000}, False),
        ({}, False),
    ],
)
def test_what_came_at_once_is_quick(said: dict[str, int], quick: bool) -> None:
    """By the server's stamp, or by the page's own word; where nothing is known nothing is said."""
    assert Looked(**said).quick is quick


def decided(user: User, verdict: str, looked: Looked | None, **more: Any) -> ApprovalRequest:
    """Put a request up and let somebody decide it after so long a look."""
    row = ask()
    decide(request_id=row.id, digest=row.digest, verdict=verdict, looked=looked, **by(user, **more))
    return row


def facts_of(row: ApprovalRequest) -> dict[str, Any]:
    """What the trail says of its approval."""
    entry = AuditEntry.objects.get(stream=row.stream, kind="approval.approved")
    facts: dict[str, Any] = json.loads(bytes(entry.body))["facts"]
    return facts


@pytest.mark.django_db
def test_the_time_is_kept_with_the_decision_and_in_the_trail(remy: User) -> None:
    """THREATS 56: a request that is a moment old was before nobody for longer."""
    row = decided(remy, "approve", Looked(served_ms=90_000, screen_ms=80_000))
    vote = Decision.objects.get(request=row)
    assert vote.served_ms is not None
    assert vote.screen_ms == vote.served_ms
    assert 0 <= vote.served_ms < 60_000
    facts = facts_of(row)
    assert (facts["served_ms"], facts["screen_ms"], facts["quick"]) == (vote.served_ms, vote.screen_ms, True)


@pytest.mark.django_db
def test_of_a_program_no_time_is_kept(remy: User) -> None:
    """It has no page: neither a column nor a fact."""
    row = decided(remy, "approve", None)
    vote = Decision.objects.get(request=row)
    assert (vote.served_ms, vote.screen_ms) == (None, None)
    assert not {"served_ms", "screen_ms", "quick"} & facts_of(row).keys()


@pytest.mark.django_db
@pytest.mark.parametrize(("served_ms", "left_s"), [(None, 3), (0, 3), (400, 3), (2_000, 1), (2_999, 1)])
def test_an_approval_waits_until_policy_finds_it_was_looked_at(remy: User, served_ms: int | None, left_s: int) -> None:
    """THREATS 56: the server counts from when it served the page; without a stamp it was not looked at at all."""
    with pytest.raises(TooSoon) as error:
        decided(remy, "approve", Looked(served_ms=served_ms, screen_ms=60_000, dwell_s=3))
    assert error.value.left_s == left_s
    assert not Decision.objects.exists()


@pytest.mark.django_db
def test_long_enough_is_approved_and_a_rejection_never_waits(remy: User) -> None:
    """What lets nothing run needs no second look."""
    decided(remy, "approve", Looked(served_ms=3_000, dwell_s=3))
    decided(remy, "reject", Looked(dwell_s=30), instruction="Not to them.")
    assert Decision.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("served_ms", "screen_ms"), [(None, 5), (5, 6), (-1, None), (86_400_001, None), (5, -1)])
def test_the_database_refuses_times_that_cannot_be(remy: User, served_ms: int | None, screen_ms: int | None) -> None:
    """Whatever a program says."""
    row = ask()
    with pytest.raises(IntegrityError, match="decision_looked_at_as_served"), transaction.atomic():
        Decision.objects.create(
            request=row, revision=1, verdict="approve", digest=row.digest, decided_by=remy.pk, decided_name="Remy",
            served_ms=served_ms, screen_ms=screen_ms,
        )  # fmt: skip
