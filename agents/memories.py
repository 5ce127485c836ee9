"""What agents remember, for people: whose memory holds which fact, who wrote it, and deleting one for good (LOOP-6).

Agents write by their own tools; here people look and delete. A deletion is an entry, without the value.
"""

from uuid import UUID

from django.db import transaction
from django.db.models import Q

from agents.errors import UnknownMemory
from agents.models.library import Memory
from audit.actors import Actor
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Entry, Text, record

SCOPES = ("agent", "principal", "session")


def memories(*, scope: str = "", owner: str = "", after: UUID | None = None, limit: int = 50) -> list[Memory]:
    """Return one page of what is remembered, by whose memory it is and then by name.

    Args:
        scope, owner: whose; empty for everybody's.
        after: the last fact of the page before; one that is gone meanwhile begins anew.
        limit: how many at most.
    """
    rows = Memory.objects.order_by("scope", "owner", "name")
    if scope:
        rows = rows.filter(scope=scope)
    if owner:
        rows = rows.filter(owner=owner)
    last = Memory.objects.filter(pk=after).first() if after else None
    if last is not None:
        beyond = Q(scope=last.scope, owner=last.owner, name__gt=last.name) | Q(scope=last.scope, owner__gt=last.owner)
        rows = rows.filter(beyond | Q(scope__gt=last.scope))
    return list(rows[:limit])


@transaction.atomic
def delete(id_: UUID, *, actor: Actor) -> Memory:
    """Delete a fact for good; whoever recalls it finds it no more. Raises UnknownMemory."""
    row = Memory.objects.select_for_update().filter(pk=id_).first()
    if row is None:
        raise UnknownMemory(id=str(id_))
    facts = {"scope": row.scope, "owner": row.owner, "written_by": row.session, "trust": row.trust}
    name = Text(uuid7(), "name", row.name, "memory")
    Memory.objects.filter(pk=id_).delete()
    record([Entry(f"memory:{id_}", EventKind.MEMORY_DELETED, actor, facts, ids=(row.owner[:80],), texts=(name,))])
    transaction.on_commit(index_soon)
    return row
