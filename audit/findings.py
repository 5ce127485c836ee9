"""What comes of a verification: its outcome in the log, an alarm for a finding that is new, and a person's answer to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import connections, transaction
from django.db.models.functions import Now

from audit import feed
from audit.actors import Actor
from audit.canonical import Json
from audit.entry import Entry, Text
from audit.errors import AlreadyAcknowledged, NoFinding, UnknownVerification
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.models import VerificationRun
from audit.services import record
from audit.verify import FirstBad, first_bad, verify, walked
from audit.verify_sets import PART, Part, wrong_heads

STREAM = "system"
REF = "audit:verification"
"""The short id of alarms of verifications."""
FEW = 5 * PART
"""A log of so many entries is walked whole to name what is wrong; of a longer one those streams that may be."""
SUSPECTS = 200
_STREAMS = """
SELECT DISTINCT e.stream FROM audit_log_index AS l JOIN audit_entry AS e ON e.id = l.entry_id
 WHERE l.log_index > %s AND l.log_index <= %s
"""


def named(part: Part) -> FirstBad | None:
    """Return the first wrong entry of a log in which something of this part, or at the ends, is wrong; None if none is found.

    What somebody has answered is named only where the walk over all of the log finds nothing else: it must not hide what came later.
    """
    rows = VerificationRun.objects.filter(ok=False).exclude(acknowledged_at=None).values_list("first_bad", flat=True)
    answered = {FirstBad(**row) for row in rows.distinct() if row}
    if feed.head() > FEW:
        found = walked(_suspects(part))
        if found is not None and first_bad(found) not in answered:
            return first_bad(found)
    return verify(in_sets=False, answered=answered).first_bad


def _suspects(part: Part) -> Sequence[str]:
    with connections["default"].cursor() as cursor:
        cursor.execute(_STREAMS, [part.after, part.upto or part.after])
        there = {name for (name,) in cursor.fetchall()}
    return sorted(there.union(wrong_heads(SUSPECTS)))


@transaction.atomic
def conclude(run: VerificationRun, bad: FirstBad | None, evidence: dict[str, Any] | None) -> None:
    """Keep the outcome of a verification and write it to the log; a finding that was never told before is an alarm.

    One that somebody has answered already needs no other answer.
    """
    run.ok, run.first_bad, run.evidence = bad is None, asdict(bad) if bad else None, evidence
    before = None if bad is None else VerificationRun.objects.filter(ok=False, first_bad=run.first_bad).order_by("-id").first()
    if before is not None:
        run.acknowledged_at, run.acknowledged_by, run.note = before.acknowledged_at, before.acknowledged_by, before.note
    run.ended_at = Now()  # the database's time
    run.save()
    run.refresh_from_db()
    actor = Actor(run.actor_kind, run.actor_id, run.actor_name)  # type: ignore[arg-type]  # as it was written
    facts: dict[str, Json] = {"ok": bad is None, "checked": run.checked, "of": run.stream or _OF[run.what], "run": run.pk}
    entries = [Entry(STREAM, EventKind.AUDIT_VERIFIED, actor, facts)]
    if bad is not None and before is None:
        told: dict[str, Json] = {"run": run.pk, **asdict(bad)}
        entries.append(Entry(STREAM, EventKind.ALARM_VERIFICATION_FAILED, actor, told, ids=(REF,)))
    record(entries)
    index_soon()


_OF = {"whole": "all", "incremental": "new", "since": "since"}


def open_finding() -> VerificationRun | None:
    """Return the oldest finding that nobody has answered; None if there is none."""
    return VerificationRun.objects.filter(ok=False, acknowledged_at=None).order_by("id").first()


def runs(*, before: int | None = None, limit: int = 20) -> list[VerificationRun]:
    """Return verifications, newest first."""
    rows = VerificationRun.objects.order_by("-id").defer("evidence", "peaks")
    return list((rows if before is None else rows.filter(id__lt=before))[:limit])


def of(key: int) -> VerificationRun:
    """Return a verification. Raises UnknownVerification."""
    found = VerificationRun.objects.filter(pk=key).first()
    if found is None:
        raise UnknownVerification
    return found


@transaction.atomic
def acknowledge(key: int, *, actor: Actor, note: str) -> VerificationRun:
    """Write down what a person makes of a finding, wherever it was found. Raises UnknownVerification, NoFinding.

    AlreadyAcknowledged names who was faster, and when.
    """
    run = VerificationRun.objects.select_for_update().filter(pk=key).first()
    if run is None:
        raise UnknownVerification
    if run.ok is not False:
        raise NoFinding
    if run.acknowledged_at is not None:
        raise AlreadyAcknowledged(by=run.acknowledged_by, at=run.acknowledged_at)
    same = VerificationRun.objects.filter(ok=False, acknowledged_at=None, first_bad=run.first_bad)
    same.update(acknowledged_at=Now(), acknowledged_by=actor.name, note=note)
    record([
        Entry(STREAM, EventKind.AUDIT_ACKNOWLEDGED, actor, {"run": key}, ids=(REF,), texts=(Text(uuid7(), "note", note),))
    ])  # fmt: skip
    index_soon()
    run.refresh_from_db()
    return run
