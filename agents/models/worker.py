"""Heartbeats of worker processes: what the watchdog and the health probe look at."""

from django.db import models
from django.db.models.functions import Now


class WorkerHeartbeat(models.Model):
    """One drain loop's last sign of life."""

    owner = models.TextField(primary_key=True)  # host:pid:random, the lease owner
    cluster = models.TextField(default="drain", db_default="drain")
    sessions = models.IntegerField(default=0, db_default=0)
    started_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField(db_default=Now())
