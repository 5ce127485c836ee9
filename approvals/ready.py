"""Whether approvals can be used now: read in one statement for many requests, votes tried against today's rights.

A vote counts if its account is still active, still has the roles, and is not excluded meanwhile (somebody who agreed
and then wrote a message in the session takes part in it). One given in another's place counts as long as that cover
holds and both are what they were.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.emergency import may_break
from approvals.facts import Person, Place, RequestFacts
from approvals.places import places_of
from approvals.policies import current
from approvals.policy import may_decide
from audit.connection import read


@dataclass(frozen=True, slots=True)
class Ready:
    """A request as it stands at `now`, with the number of votes that still count."""

    id: UUID
    number: int
    status: str
    revision: int
    digest: str
    tool: str
    session_ref: str
    expires_at: datetime
    held_until: datetime | None
    now: datetime
    required: int
    groups: tuple[str, ...]
    reauthenticate: bool
    votes: int
    standing: UUID | None = None  # the standing approval that agreed in a person's name
    shown: bool = True  # whoever approved it approved this digest; false means that rows were changed past the product

    @property
    def ref(self) -> str:
        """The short id that people use."""
        return f"AP-{self.number}"

    @property
    def stream(self) -> str:
        """The audit stream that it belongs to."""
        return f"session:{self.session_ref}" if self.session_ref else f"approval:{self.ref}"

    @property
    def ids(self) -> tuple[str, ...]:
        """The short ids that an audit entry about it carries."""
        return (self.ref, self.session_ref) if self.session_ref else (self.ref,)


_READY = """
    SELECT r.id, r.number, r.status, r.revision, r.digest, r.tool, r.session_ref, r.expires_at, r.held_until,
           clock_timestamp(), r.required, r.groups, r.reauthenticate, r.kind, r.excluded, r.requester, r.self_confirm, v.voters
    FROM approvals_approvalrequest r
    CROSS JOIN LATERAL (
        SELECT json_agg(json_build_array(d.decided_by, (
            SELECT array_agg(g.name) FROM auth_user u
            JOIN auth_user_groups m ON m.user_id = u.id JOIN auth_group g ON g.id = m.group_id
            WHERE u.id = d.decided_by AND u.is_active
        ), EXISTS (SELECT FROM auth_user u WHERE u.id = d.decided_by AND u.is_active),
            d.verdict = 'edit' OR d.digest = r.digest, d.in_place_of, d.broke_glass, d.standing_id)) AS voters
        FROM approvals_decision d
        WHERE d.request_id = r.id AND d.revision = r.revision AND d.voided = '' AND d.verdict IN ('approve', 'edit')
    ) v
    WHERE r.id = ANY(%s)
"""


def ready(ids: Sequence[UUID]) -> dict[UUID, Ready]:
    """Return how each of the requests `ids` stands; one that does not exist is left out."""
    rows = [tuple(row.values()) for row in read(_READY, [list(ids)])]
    # Votes in another's place are rare: what lends them their right is read only where there is one.
    deputies = {voter for row in rows for voter, *_, of, _, _ in row[17] or () if of is not None}
    places = places_of(deputies) if deputies else {}
    return {row[0]: _ready(row, places) for row in rows}


def _ready(row: tuple[Any, ...], places: Mapping[int, tuple[Place, ...]]) -> Ready:
    kind, excluded, requester, self_confirm, voters = row[13:]
    groups, reauthenticate = tuple(row[11]), row[12]
    facts = RequestFacts(kind, frozenset(excluded), requester, groups, self_confirm)
    votes = sum(
        active and may_decide(_voter(voter, roles, of, places), facts, "approve") is None
        for voter, roles, active, _, of, _, _ in voters or ()
    )
    if any(broke and active and _still_broken(voter, roles, facts) for voter, roles, active, *_, broke, _ in voters or ()):
        votes = max(votes, row[10])
    shown = all(same for *_, same, _, _, _ in voters or ())
    standing = next((UUID(given) for *_, given in voters or () if given), None)
    fields: Any = (*row[:11], groups, reauthenticate, votes, standing, shown)
    return Ready(*fields)


def _voter(voter: int, roles: list[str] | None, of: int | None, places: Mapping[int, tuple[Place, ...]]) -> Person:
    """Return who voted with the rights of now; with a place only where the vote was given in it."""
    lent = tuple(place for place in places.get(voter, ()) if place.of == of)
    return Person(voter, "", frozenset(roles or ()), places=lent)


def _still_broken(voter: int, roles: list[str] | None, facts: RequestFacts) -> bool:
    """Say whether somebody who broke the glass may still: by their role, four eyes and the policy of now."""
    person = Person(voter, "", frozenset(roles or ()), reauthenticated=True)
    return may_break(person, facts, enabled=current(fresh=True).policy.break_glass.enabled) is None
