"""Probes: is this process alive, and can this installation do its work. They name what is missing, and nothing else."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from audit.lag import is_late, sealed
from console.auth import allow
from console.rights import Right

WORKER_SILENT_S = 60
_SILENCE = (
    "SELECT extract(epoch FROM clock_timestamp() - max(beat_at)) FROM agents_workerheartbeat WHERE cluster <> 'evaluation'"
)


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "alive"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when everything that sessions need answers, else 503 with the parts that are missing."""
    missing = missing_parts()
    if missing:
        return JsonResponse({"status": "unready", "missing": missing}, status=503)
    return JsonResponse({"status": "ready", "missing": [], "late": late_parts()})


def missing_parts() -> list[str]:
    """Return what keeps the installation from its work: database, migrations, worker."""
    try:
        if not _is_migrated():
            return ["migrations"]
        return ["worker"] if _worker_is_stuck() else []
    except DatabaseError:
        return ["database"]


def late_parts() -> list[str]:
    """Return what lags behind without keeping the installation from its work: the sealer."""
    try:
        return ["sealer"] if is_late(sealed(), settings.SEAL_LATE_S) else []
    except DatabaseError:
        return []


_migrated: set[str] = set()  # databases that were found complete; a process does not outlive its own migrations


def _is_migrated() -> bool:
    name = str(connection.settings_dict["NAME"])
    if name not in _migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _migrated.add(name)
    return True


def _worker_is_stuck() -> bool:
    """Return whether workers have run here and none has been heard of lately."""
    with connection.cursor() as cursor:
        cursor.execute(_SILENCE)
        (silent_s,) = cursor.fetchone()
    return silent_s is not None and silent_s > WORKER_SILENT_S


healthz = allow(healthz, Right.PUBLIC)
readyz = allow(readyz, Right.PUBLIC)
