"""Who there is and which roles they have now. Read from the tables of `django.contrib.auth`; this floor knows no more of it."""

from collections.abc import Iterable

from django.db import connection

from approvals.errors import UnknownPerson
from approvals.facts import Person

_ROLES = """
    SELECT g.name FROM auth_user u JOIN auth_user_groups m ON m.user_id = u.id JOIN auth_group g ON g.id = m.group_id
    WHERE u.id = %s AND u.is_active
"""
_PEOPLE = """
    SELECT u.id, coalesce(nullif(btrim(u.first_name || ' ' || u.last_name), ''), u.username), u.username, array_agg(g.name)
    FROM auth_user u JOIN auth_user_groups m ON m.user_id = u.id JOIN auth_group g ON g.id = m.group_id
    WHERE u.is_active AND (u.username = %s OR g.name = ANY(%s))
    GROUP BY u.id ORDER BY 2, 1 LIMIT 500
"""


def roles_of(user_id: int) -> frozenset[str]:
    """Return the roles of an account; none where it is switched off or unknown."""
    with connection.cursor() as cursor:
        cursor.execute(_ROLES, [user_id])
        return frozenset(name for (name,) in cursor.fetchall())


def person_named(email: str) -> Person:
    """Return the active account with this e-mail address; raises UnknownPerson."""
    for person, _ in _people(email, ()):
        return person
    raise UnknownPerson(name=email)


def people_with(roles: Iterable[str]) -> list[tuple[Person, str]]:
    """Return the active accounts with one of these roles, each with its e-mail address, by name; 500 at most."""
    return _people("", sorted(roles))


def _people(email: str, roles: Iterable[str]) -> list[tuple[Person, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, [email, list(roles)])
        return [(Person(id_, name, frozenset(held)), mail) for id_, name, mail, held in cursor.fetchall()]
