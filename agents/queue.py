"""The only use of django-q2: drains and schedules are tasks; that a session goes on is guaranteed by rows and leases.

A drain task is only a place to work in. It may be lost or delivered twice: another drain takes over what it held.
"""

from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone
from django_q.cluster import Cluster
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

DRAIN_CLUSTER = "drain"
BACKGROUND_CLUSTER = "background"
SWEEP = "countersign-sweep"
MOST_WAITING = 64  # drain tasks in the queue; beyond it somebody enqueues without running any


def enqueue_drain() -> None:
    """Put one drain task into the queue, unless enough wait there already."""
    if OrmQ.objects.filter(key=DRAIN_CLUSTER).count() < MOST_WAITING:
        async_task("agents.tasks.drain", cluster=DRAIN_CLUSTER)


def top_up(wanted: int) -> int:
    """Enqueue drains until as many live or wait as this cluster has places; returns how many were added.

    Called by one process per cluster each second; a lock keeps several hosts from adding the same ones.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('countersign.drains'))")
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SELECT count(*) FROM agents_workerheartbeat WHERE beat_at > now() - interval '8 seconds'")
        living = int(cursor.fetchone()[0])
        missing = wanted - living - OrmQ.objects.filter(key=DRAIN_CLUSTER).count()
        for _ in range(missing):
            enqueue_drain()
        return int(max(0, missing))


def schedule_sweep() -> None:
    """Have the minute sweep in the schedule, once."""
    Schedule.objects.update_or_create(
        name=SWEEP,
        defaults={
            "func": "agents.tasks.sweep",
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
            "repeats": -1,
            "cluster": BACKGROUND_CLUSTER,
            "next_run": timezone.now() + timedelta(minutes=1),
        },
    )


def clear_stale_drains() -> None:
    """Forget drain tasks that dead clusters left locked in the queue; their sessions come back by their leases."""
    OrmQ.objects.filter(key=DRAIN_CLUSTER, lock__gt=timezone.now()).delete()


def run_cluster() -> None:
    """Be the cluster that Q_CLUSTER_NAME names, until SIGTERM."""
    Cluster().start()
