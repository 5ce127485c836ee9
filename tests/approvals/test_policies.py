"""The stored policy: the next revision judges from the moment it is saved."""

from typing import Any

import pytest

from approvals.document import DEFAULT_POLICY
from approvals.errors import InvalidPolicy, StalePolicy, UnknownRevision
from approvals.models import PolicyRevision
from approvals.policies import current, forget, restore, revision, save
from approvals.recent import Recent
from audit.actors import Actor
from audit.models import AuditEntry

ADA = Actor("user", "1", "Ada")


def document(**changed: Any) -> dict[str, Any]:
    """Return the shipped document with other parts."""
    return {**DEFAULT_POLICY.model_dump(mode="json"), **changed}


@pytest.mark.django_db
def test_shipped_policy_is_stored_as_the_first_revision() -> None:
    """APPR-1: what judges is always a stored document."""
    now = current()
    assert (now.number, now.policy) == (1, DEFAULT_POLICY)


@pytest.mark.django_db
def test_next_revision_judges_and_the_last_one_stays() -> None:
    """APPR-10: versioned and audited like prompts."""
    row = save(document(ttl_s=3_600), note="Shorter.", actor=ADA)
    assert (row.number, row.current, row.created_by) == (2, True, "Ada")
    assert (current().number, current().policy.ttl_s) == (2, 3_600)
    assert list(PolicyRevision.objects.filter(current=False).values_list("number", flat=True)) == [1]
    entry = AuditEntry.objects.get(stream="policy", kind="policy.revised")
    assert entry.body_json["facts"] == {"number": 2, "checksum": row.checksum, "note": "Shorter.", "loosens": []}


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"ttl_s": 5}, {"tiers": {}}, {"unknown": 1}, {"rules": [{"name": "x"}]}])
def test_document_that_is_wrong_says_where(wrong: dict[str, Any]) -> None:
    """API: 422 with the places."""
    with pytest.raises(InvalidPolicy) as refused:
        save(document(**wrong), note="", actor=ADA)
    assert all(part["msg"] for part in refused.value.errors)
    assert current().number == 1


@pytest.mark.django_db
def test_entry_says_what_a_revision_loosens() -> None:
    """TOOL-6: an auditor finds what was loosened without comparing documents."""
    save(document(ttl_s=172_800, recipients=["@example.com"]), note="Two days.", actor=ADA)
    entry = AuditEntry.objects.get(stream="policy", seq=1)
    assert entry.body_json["facts"]["loosens"] == [
        "Requests and approvals stay open longer.", "@example.com is a known recipient.",
    ]  # fmt: skip


@pytest.mark.django_db
def test_who_read_an_older_revision_does_not_overwrite_the_newer_one() -> None:
    """Two admins at once: the first counts, the second is told who and why, and nothing is written."""
    save(document(ttl_s=3_600), note="Shorter.", actor=ADA, base=1)
    with pytest.raises(StalePolicy) as refused:
        save(document(ttl_s=7_200), note="Longer.", actor=ADA, base=1)
    assert refused.value.facts == {"number": 2, "by": "Ada", "note": "Shorter."}
    assert (current().number, current().policy.ttl_s) == (2, 3_600)


@pytest.mark.django_db
def test_restoring_saves_the_old_document_anew() -> None:
    """History is append-only: nothing is switched back, a next revision has the old text."""
    save(document(ttl_s=3_600), note="Shorter.", actor=ADA)
    row = restore(1, note="Restores revision 1.", actor=ADA, base=2)
    assert (row.number, row.checksum) == (3, revision(1).checksum)
    assert current().policy == DEFAULT_POLICY
    with pytest.raises(UnknownRevision):
        restore(9, note="There is none.", actor=ADA)


@pytest.mark.usefixtures("fresh_database")
def test_other_processes_see_a_new_policy_within_a_second_or_when_told() -> None:
    """THREATS 4: `fresh` reads what stands now; `forget` is for whoever hears of a change."""
    assert current().number == 1
    row = PolicyRevision.objects.get(number=1)
    PolicyRevision.objects.filter(number=1).update(current=False)
    PolicyRevision.objects.create(number=2, document=row.document, checksum=row.checksum, current=True)
    assert current().number == 1
    assert current(fresh=True).number == 2
    PolicyRevision.objects.filter(number=2).update(current=False)
    assert current().number == 2
    forget()
    assert current().number == 0


@pytest.mark.usefixtures("fresh_database")
def test_own_change_is_seen_after_the_commit() -> None:
    """Who saves a policy is judged by it."""
    assert current().number == 1
    save(document(ttl_s=3_600), note="", actor=ADA)
    assert current().number == 2


@pytest.mark.django_db
def test_what_is_read_inside_a_transaction_is_not_kept() -> None:
    """A transaction may be undone, and what it saw with it."""
    answers = iter((1, 2))
    recent = Recent(lambda: next(answers))
    assert [recent.get(), recent.get()] == [1, 2]
