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
WAITING = 3  # background tasks; the minute sweep looks for open runs besides
LIVING_S = 8.0  # a drain that was heard of so lately lives


def top_up(cluster: str, wanted: int) -> int:
    """Enqueue drains until as many of this cluster live, or wait for a place, as it has places; returns how many.

    Called by a drain that ends and, each second, by whoever keeps the cluster: a drain that died comes back so. A task
    that a dead cluster had taken is not counted; it comes back by itself much later, and is then one that waits.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('countersign.drains'))")
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(
            "SELECT count(*) FROM agents_workerheartbeat WHERE cluster = %s AND beat_at > now() - make_interval(secs => %s)",
            [cluster, LIVING_S],
        )
        living = int(cursor.fetchone()[0])
        waiting = OrmQ.objects.filter(key=DRAIN_CLUSTER, lock__lte=timezone.now()).count()
        missing: int = max(0, wanted - living - waiting)
        for _ in range(missing):
            async_task("agents.tasks.drain", cluster=DRAIN_CLUSTER)
        return missing


def evaluate_soon() -> None:
    """Have open runs of suites played. A task that finds none is over at once; a few that wait are enough."""
    if OrmQ.objects.filter(key=BACKGROUND_CLUSTER, lock__lte=timezone.now()).count() < WAITING:
        async_task("agents.tasks.evaluate", cluster=BACKGROUND_CLUSTER)


def sweep_soon() -> None:
    """Have the minute sweep's work done now, and not only by its time."""
    async_task("agents.tasks.sweep", cluster=BACKGROUND_CLUSTER)


def verify_soon() -> None:
    """Have the open verification of the log go on. One task that waits is enough; one that finds nothing open is over at once."""
    waiting = OrmQ.objects.filter(key=BACKGROUND_CLUSTER, lock__lte=timezone.now()).count()
    if waiting < WAITING:
        async_task("agents.tasks.verify", cluster=BACKGROUND_CLUSTER)


def agree_soon() -> None:
    """Have the rows held against the log, where it is time for it."""
    if OrmQ.objects.filter(key=BACKGROUND_CLUSTER, lock__lte=timezone.now()).count() < WAITING:
        async_task("agents.tasks.agree", cluster=BACKGROUND_CLUSTER)


def export_soon() -> None:
    """Have exports made that were asked for; as `evaluate_soon`, with room of their own behind the tasks of that."""
    if OrmQ.objects.filter(key=BACKGROUND_CLUSTER, lock__lte=timezone.now()).count() < 2 * WAITING:
        async_task("agents.tasks.export", cluster=BACKGROUND_CLUSTER)


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
