"""In whose place somebody decides now: covers in force by the database's clock, with the roles that they still lend.

A cover gives nothing once its time is over, it was ended, the absent one's account is off, or they lost the role. It
lends what the absent one has themselves, never what somebody else lends them, so there are no chains.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from approvals.facts import Person, Place
from approvals.models import ApprovalRequest
from audit.connection import read

_PLACES = """
    SELECT c.deputy, c.absent, c.absent_name, array_agg(DISTINCT g.name) AS roles
    FROM approvals_cover c
    JOIN auth_user u ON u.id = c.absent AND u.is_active
    JOIN auth_user_groups m ON m.user_id = u.id
    JOIN auth_group g ON g.id = m.group_id AND g.name = ANY(c.roles)
    WHERE c.status = 'agreed' AND c.deputy = ANY(%s) AND c.starts_at <= clock_timestamp() AND c.ends_at > clock_timestamp()
    GROUP BY c.id ORDER BY c.starts_at, c.id
"""


def places_of(deputies: Collection[int]) -> Mapping[int, tuple[Place, ...]]:
    """Return the places in which each of these people may decide now; who has none is left out."""
    found: dict[int, tuple[Place, ...]] = {}
    for row in read(_PLACES, [sorted(deputies)]):
        place = Place(row["absent"], row["absent_name"], frozenset(row["roles"]))
        found[row["deputy"]] = (*found.get(row["deputy"], ()), place)
    return found


def with_places(person: Person) -> Person:
    """Return the person with the places in which they may decide now; a service stands in nobody's."""
    return person if person.service else replace(person, places=places_of([person.id]).get(person.id, ()))


def given_to(request: ApprovalRequest, person: Person) -> int | None:
    """Return to whom the request was given, where that is not `person`; None where it was given to nobody."""
    return request.claimed_by if request.assigned_by and request.claimed_by != person.id else None
