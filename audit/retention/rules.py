"""Rules of retention: how many days texts of a class are kept. Every change is an entry; without a rule texts stay for ever."""

from collections.abc import Mapping
from datetime import timedelta

from django.db import connection, transaction
from django.db.models.functions import Now

from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.index import index_soon
from audit.retention.classes import CLASSES, LONGEST_DAYS
from audit.retention.errors import InvalidRetention, StaleRetention
from audit.retention.models import RetentionRule
from audit.services import Entry, record

STREAM = "content"
LOCK = "countersign.retention"
SHORTEST = timedelta(days=1)


def rules() -> Mapping[str, RetentionRule]:
    """Return the rules that were set, by class; one without days was lifted."""
    return {row.cls: row for row in RetentionRule.objects.order_by("cls")}


@atomically
def set_rule(*, cls: str, days: int | None, revision: int, actor: Actor) -> RetentionRule:
    """Keep texts of a class for so many days, counted from their entries; None keeps those that are there for ever.

    Args:
        cls: one of CLASSES.
        days: 1 to LONGEST_DAYS, or None.
        revision: the one that was shown; 0 where no rule was.
        actor: who sets it; the caller has checked the right to.

    Raises:
        InvalidRetention, StaleRetention.
    """
    if cls not in CLASSES:
        raise InvalidRetention(field="cls", reason="is no class whose texts can be deleted by their age")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise InvalidRetention(field="days", reason=f"is 1 to {LONGEST_DAYS:,}, or nothing to keep the texts for ever")
    one_at_a_time()
    row = RetentionRule.objects.filter(cls=cls).first()
    if (row.revision if row else 0) != revision:
        raise StaleRetention(cls=cls)
    before = row.days if row else None
    if row is not None and before == days:
        return row
    made, _ = RetentionRule.objects.update_or_create(
        cls=cls, defaults={"days": days, "set_name": actor.name, "revision": revision + 1, "set_at": Now()}
    )
    told = {"class": cls, "before": before, "days": days}
    record([Entry(STREAM, EventKind.CONTENT_RULE_SET, actor, told, ids=(cls,))])
    transaction.on_commit(index_soon)
    made.refresh_from_db()
    return made


def one_at_a_time() -> None:
    """Let rules, holds and deletions wait for each other, until the transaction ends: what is held is never deleted beside it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [LOCK])
