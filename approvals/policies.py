"""The stored policy: which revision judges now, and making the next one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785
from django.db import connection, transaction
from pydantic import ValidationError

from approvals.changing import changing
from approvals.document import DEFAULT_POLICY, Policy
from approvals.errors import InvalidPolicy, StalePolicy, UnknownRevision
from approvals.loosening import loosened
from approvals.models import PolicyRevision
from approvals.recent import Recent
from approvals.wording import said
from audit.actors import Actor
from audit.canonical import Json
from audit.entry import Entry
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import record


@dataclass(frozen=True, slots=True)
class Current:
    """The policy that judges now, with the number of its revision (0: none is stored, the shipped one holds)."""

    number: int
    policy: Policy


def _read() -> Current:
    row = PolicyRevision.objects.filter(current=True).first()
    return Current(row.number, Policy.model_validate(row.document)) if row else Current(0, DEFAULT_POLICY)


_recent = Recent(_read)


def current(*, fresh: bool = False) -> Current:
    """Return the policy that judges now: as of the last second, with `fresh` as of this moment."""
    return _recent.get(fresh=fresh)


def forget() -> None:
    """Look again next time; for whoever hears `countersign_policy`."""
    _recent.forget()


@transaction.atomic
def save(document: Mapping[str, Any], *, note: str, actor: Actor, base: int | None = None) -> PolicyRevision:
    """Store `document` as the next revision and let it judge from now on; the caller has checked the right to.

    `base` is the revision that was read, where it shall be compared. The entry says what the revision loosens.
    Raises InvalidPolicy with the places that are wrong, StalePolicy where another revision judges by now.
    """
    policy = checked(document)
    stored = policy.model_dump(mode="json")
    changing()
    with connection.cursor() as cursor:
        # Two saves at once would both take the next number; the second waits here and takes the one after.
        cursor.execute("LOCK TABLE approvals_policyrevision IN SHARE ROW EXCLUSIVE MODE")
    last = PolicyRevision.objects.order_by("-number").first()
    before = _read()
    if base is not None and base != before.number:
        raise _stale(before.number)
    PolicyRevision.objects.filter(current=True).update(current=False)
    row = PolicyRevision.objects.create(
        id=uuid7(),
        number=last.number + 1 if last else 1,
        document=stored,
        checksum=hashlib.sha256(rfc8785.dumps(stored)).hexdigest(),
        note=note,
        created_by=actor.name,
        current=True,
    )
    loosens: list[Json] = [*loosened(before.policy, policy)]
    facts: dict[str, Json] = {"number": row.number, "checksum": row.checksum, "note": note, "loosens": loosens}
    record([Entry("policy", EventKind.POLICY_REVISED, actor, facts, (f"policy:{row.number}",), row.number)])
    transaction.on_commit(forget)
    return row


def restore(number: int, *, note: str, actor: Actor, base: int | None = None) -> PolicyRevision:
    """Store the document of an earlier revision anew; as `save`, and raises UnknownRevision."""
    return save(revision(number).document, note=note, actor=actor, base=base)


def revision(number: int) -> PolicyRevision:
    """Return one revision; raise UnknownRevision where there is none of that number."""
    row = PolicyRevision.objects.filter(number=number).first()
    if row is None:
        raise UnknownRevision(number=number)
    return row


def checked(document: Mapping[str, Any]) -> Policy:
    """Return `document` as a policy; raise InvalidPolicy with what is wrong where."""
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        wrong = [{"loc": list(part["loc"]), "msg": said(part)} for part in error.errors()]
        raise InvalidPolicy(errors=wrong) from error


def _stale(number: int) -> StalePolicy:
    now = PolicyRevision.objects.filter(number=number).first()
    return StalePolicy(number=number, by=now.created_by if now else "", note=now.note if now else "")
