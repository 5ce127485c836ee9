"""Where entries are pushed to, and how far: one row for each target, and nothing for an entry."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.push.lifecycle import PUSH

WAYS = ("webhook", "file")


class PushTarget(models.Model):
    """A place that entries are sent to in the order of the log. `cursor` is the last that arrived or that it does not want."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.TextField(unique=True)
    way = models.TextField()
    address = models.TextField()  # of a webhook; of a file its name below AUDIT_PUSH_DIR
    kinds = ArrayField(models.TextField(), default=list, db_default=[])  # kinds or their nouns; none means all
    status = models.TextField(default=PUSH.start)
    cursor = models.BigIntegerField()
    fence = models.BigIntegerField(
        default=0, db_default=0
    )  # grows with every claim and rewind: who has an older one moves nothing
    ready_at = models.DateTimeField(db_default=Now())  # not before; while it is being sent: when it counts as lost
    failures = models.IntegerField(default=0, db_default=0)  # in a row
    error = models.TextField(default="", db_default="")  # of the last attempt
    sent = models.BigIntegerField(default=0, db_default=0)  # entries, repeats included
    sent_at = models.DateTimeField(null=True)
    generation = models.IntegerField(default=1, db_default=1)  # of its secret
    created_name = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "audit_push_target"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(name__regex=r"^[a-z0-9][a-z0-9-]{0,62}$"), name="push_name_form"),
            models.CheckConstraint(condition=Q(way__in=WAYS), name="push_way_known"),
            models.CheckConstraint(condition=Q(status__in=sorted(PUSH.states)), name="push_status_known"),
            models.CheckConstraint(condition=Q(cursor__gte=0), name="push_cursor_in_the_log"),
            # Two that write one file would mix their orders.
            models.UniqueConstraint(
                fields=["address"], condition=Q(way="file") & ~Q(status="ended"), name="push_file_of_one_target"
            ),
        ]
