"""Checks that are kept: one at a time in the whole installation, by whoever asks and each day by itself, part by part."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from agents.agreement.check import Position, go_on
from agents.agreement.errors import BeingChecked
from agents.agreement.found import Finding, Report
from agents.models import AgreementRun, Session
from audit.actors import SYSTEM, Actor
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Entry, record

log = structlog.get_logger(__name__)
KEPT = 100
PART_S = 40.0  # a part of the daily check, well within what a background task may take
REF = "agreement:rows"
"""The short id of alarms about rows that are not what the log says."""
NAMED = 20  # findings that an alarm's entry names


def run(*, actor: Actor) -> AgreementRun:
    """Hold everything against the log, keep what was found, and say so in the log; with an alarm where rows disagree.

    Raises BeingChecked while another check runs.
    """
    with _alone():
        row = AgreementRun(id=uuid7(), by_name=actor.name or actor.id, started_at=timezone.now())
        _go_on(row, lambda: False)
        _keep(row, actor)
    return row


def _go_on(row: AgreementRun, enough: Callable[[], bool]) -> None:
    clock = time.monotonic()
    report = Report(row.counts, [Finding(**one) for one in row.findings], row.wrong)
    left = go_on(report, Position(*row.position), enough=enough)
    row.position, row.counts, row.wrong = list(left or ()), report.counts, report.wrong
    row.findings = [asdict(one) for one in report.findings]
    row.ms += round((time.monotonic() - clock) * 1000)
    if left is None:
        row.ended_at = timezone.now()


@transaction.atomic
def _keep(row: AgreementRun, actor: Actor) -> None:
    row.save()
    if row.ended_at is None:
        return
    record(_entries(row, actor))
    kept = AgreementRun.objects.order_by("-started_at").values_list("pk", flat=True)[:KEPT]
    AgreementRun.objects.exclude(pk__in=list(kept)).delete()
    transaction.on_commit(index_soon)
    if not row.ok:
        log.error("agreement.broken", wrong=row.wrong, first=row.findings[0])


def _entries(row: AgreementRun, actor: Actor) -> list[Entry]:
    facts: dict[str, Any] = {"ok": row.ok, "wrong": row.wrong, "counts": row.counts}
    entries = [Entry("system", EventKind.AUDIT_COMPARED, actor, facts)]
    if not row.ok:
        named = [{name: one[name] or "" for name in ("table", "row", "what")} for one in row.findings[:NAMED]]
        entries.append(
            Entry("system", EventKind.ALARM_DISAGREEMENT, actor, {"wrong": row.wrong, "findings": named}, ids=(REF,))
        )
    return entries


def newest() -> AgreementRun | None:
    """Return the last check that came to its end; None where none did."""
    return _ended().first()


def newest_runs(limit: int) -> list[AgreementRun]:
    """Return the last checks, newest first, without what they found."""
    return list(_ended().defer("findings")[:limit])


def _ended() -> QuerySet[AgreementRun]:
    return AgreementRun.objects.filter(ended_at__isnull=False).order_by("-started_at")


def is_due() -> bool:
    """Return whether the daily check has something to do: one goes on, the last one is old, or there is a session and was none."""
    if not settings.AGREEMENT_EVERY_H:
        return False
    if AgreementRun.objects.filter(ended_at__isnull=True).exists():
        return True
    last = _ended().values_list("started_at", flat=True).first()
    if last is None:
        return Session.objects.exists()
    return last <= timezone.now() - timedelta(hours=settings.AGREEMENT_EVERY_H)


def run_a_part() -> bool:
    """Begin the daily check where it is due, or go on with it for a while; says whether a part of it is left."""
    if not is_due():
        return False
    until = time.monotonic() + PART_S
    try:
        with _alone():
            row = AgreementRun.objects.filter(ended_at__isnull=True).first()
            row = row or AgreementRun(id=uuid7(), by_name=SYSTEM.name, started_at=timezone.now())
            _go_on(row, lambda: time.monotonic() >= until)
            _keep(row, SYSTEM)
    except BeingChecked:
        return False
    return row.ended_at is None


@contextmanager
def _alone() -> Iterator[None]:
    """Let nobody else check meanwhile, on any process; a process that dies lets go with its connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('countersign.agreement'))")
        if not cursor.fetchone()[0]:
            raise BeingChecked
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('countersign.agreement'))")
