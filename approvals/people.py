"""Which roles an account has now. Read from the tables of `django.contrib.auth`, of which this floor knows no more."""

from django.db import connection

_ROLES = """
    SELECT g.name FROM auth_user u JOIN auth_user_groups m ON m.user_id = u.id JOIN auth_group g ON g.id = m.group_id
    WHERE u.id = %s AND u.is_active
"""


def roles_of(user_id: int) -> frozenset[str]:
    """Return the roles of an account; none where it is switched off or unknown."""
    with connection.cursor() as cursor:
        cursor.execute(_ROLES, [user_id])
        return frozenset(name for (name,) in cursor.fetchall())
