"""Sensitive fields of a request: having them shown, which is an entry of the log, and who has seen them.

Nobody approves what they have not seen (GUARD-12, THREATS 58): `decide` asks here. A rejection needs no look. What is
shown counts for that person and that revision only.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from approvals.claims import refusal_to_hold
from approvals.errors import ApprovalNotFound, NothingToReveal, NotRevealed, NotYours, StaleDigest
from approvals.facts import Person
from approvals.models import ApprovalRequest, Reveal
from approvals.places import with_places
from approvals.sensitive import places_of
from audit.actors import Actor
from audit.canonical import Json
from audit.connection import locked
from audit.entry import Entry
from audit.events import EventKind
from audit.index import index_soon
from audit.services import record

STREAM = "content"
"""What people read has a stream of its own, since a session's may have ended."""


@transaction.atomic
def reveal(*, request_id: UUID, person: Person, actor: Actor, digest: str, reads_all: bool) -> ApprovalRequest:
    """Note that `person` has the sensitive fields of the revision with this digest shown; once, however often it is asked.

    `reads_all`: whether they may read the raw content of every request; else only of what they may decide.
    Raises ApprovalNotFound, NotYours, NothingToReveal, StaleDigest.
    """
    row = locked(ApprovalRequest, request_id)
    if row is None:
        raise ApprovalNotFound
    if refusal := refusal_to_see(person, row, reads_all=reads_all):
        raise NotYours(refusal="reveal", reason=refusal)
    places = places_of(row.facts)
    if not places:
        raise NothingToReveal(ref=row.ref)
    if digest != row.digest:
        raise StaleDigest(ref=row.ref, revision=row.revision)
    _, new = Reveal.objects.get_or_create(
        request=row, revision=row.revision, person=person.id, defaults={"person_name": person.name}
    )
    if new:
        facts: dict[str, Json] = {
            "approval": row.ref,
            "revision": row.revision,
            "digest": row.digest,
            "fields": [one.path for one in places],
        }
        record([Entry(STREAM, EventKind.CONTENT_REVEALED, actor, {**facts, "tool": row.tool}, row.ids, row.revision)])
        transaction.on_commit(index_soon)
    return row


def refusal_to_see(person: Person, row: ApprovalRequest, *, reads_all: bool) -> str:
    """Return why `person` may not have sensitive fields shown; empty where they may. A program never may."""
    if person.service:
        return "A service token cannot have sensitive fields shown; a person has to."
    if reads_all:
        return ""
    refusal = refusal_to_hold(with_places(person), row)
    return refusal.text if refusal else ""


def seen(rows: Iterable[ApprovalRequest], person_id: int) -> set[UUID]:
    """Return the requests whose sensitive fields, as they stand now, this person has seen; asks only where some have any."""
    asked = {row.id: row.revision for row in rows if places_of(row.facts)}
    if not asked:
        return set()
    found = Reveal.objects.filter(request_id__in=list(asked), person=person_id).values_list("request_id", "revision")
    return {request_id for request_id, revision in found if asked[request_id] == revision}


def unseen(row: ApprovalRequest, person_id: int) -> bool:
    """Return whether a request has sensitive fields that this person has not seen."""
    return bool(places_of(row.facts)) and not seen([row], person_id)


def must_have_seen(row: ApprovalRequest, person: Person) -> None:
    """Raise NotRevealed where `person` has not seen the sensitive fields of a request as it stands."""
    if unseen(row, person.id):
        raise NotRevealed(ref=row.ref, fields=", ".join(place.path for place in places_of(row.facts)))
