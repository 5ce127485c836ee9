"""What comes of a verification: its outcome in the log, an alarm for a finding that is new, and a person's answer to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import connections, transaction
from django.db.models import Q
from django.db.models.functions import Now

from audit import feed
from audit.actors import Actor
from audit.canonical import Json
from audit.entry import Entry, Text
from audit.errors import AlreadyAcknowledged, NoFinding, UnknownVerification
from audit.events import EventKind
from audit.evidence import evidence_of, is_same
from audit.ids import uuid7
from audit.index import index_soon
from audit.models import VerificationRun
from audit.seal import newest
from audit.services import record
from audit.verify import Answered, FirstBad, first_bad, verify, walked
from audit.verify_sets import PART, Part, wrong_heads

STREAM = "system"
REF = "audit:verification"
"""The short id of alarms of verifications."""
FINDING = "finding"
"""The member of the evidence that names the verification which found it first."""
FEW = 5 * PART
"""A log of so many entries is walked whole to name what is wrong; of a longer one those streams that may be."""
SUSPECTS = 200
_STREAMS = """
SELECT DISTINCT e.stream FROM audit_log_index AS l JOIN audit_entry AS e ON e.id = l.entry_id
 WHERE l.log_index > %s AND l.log_index <= %s
"""


def named(part: Part, *, walk: bool = True) -> FirstBad | None:
    """Return the first wrong entry of a log in which something of this part, or at the ends, is wrong; None if none is found.

    What somebody has answered, as it stands, is named only where nothing else is found: it must not hide what came later. Without
    `walk` the entries of a log are walked only where something is wrong with some of them.
    """
    covered = answered()
    if walk and feed.head() > FEW:
        found = walked(_suspects(part))
        if found is not None and not covered(first_bad(found)):
            return first_bad(found)
    return verify(in_sets=not walk, answered=covered).first_bad


def answered() -> Answered:
    """Return what says of a finding whether somebody has answered exactly it: this entry, with the evidence of then."""
    rows = VerificationRun.objects.filter(ok=False).exclude(acknowledged_at=None).values_list("first_bad", flat=True)
    known = {FirstBad(**row) for row in rows.distinct() if row}

    def covers(bad: FirstBad) -> bool:
        before = _before(bad) if bad in known else None
        return before is not None and before.acknowledged_at is not None and is_same(before.evidence, evidence_of(bad))

    return covers


def _before(bad: FirstBad) -> VerificationRun | None:
    """Return the last verification that named this entry for this reason."""
    return VerificationRun.objects.filter(ok=False, first_bad=asdict(bad)).order_by("-id").first()


def _suspects(part: Part) -> Sequence[str]:
    with connections["default"].cursor() as cursor:
        cursor.execute(_STREAMS, [part.after, part.upto or part.after])
        there = {name for (name,) in cursor.fetchall()}
    return sorted(there.union(wrong_heads(SUSPECTS)))


@transaction.atomic
def conclude(run: VerificationRun, bad: FirstBad | None, evidence: dict[str, Any] | None) -> None:
    """Keep the outcome of a verification and write it to the log; a finding that was never told before is an alarm.

    It is the one of before where it names the same entry with the same evidence; then an answer that somebody gave holds for it too.
    """
    run.ok, run.first_bad, run.evidence = bad is None, asdict(bad) if bad else None, evidence
    before = _before(bad) if bad else None
    if before is not None and not is_same(before.evidence, evidence or {}):
        before = None
    if before is not None:
        run.acknowledged_at, run.acknowledged_by, run.note = before.acknowledged_at, before.acknowledged_by, before.note
    run.ended_at = Now()  # the database's time
    run.save()
    if evidence is not None:
        run.evidence = {**evidence, FINDING: _finding(before or run)}
        run.save(update_fields=["evidence"])
    run.refresh_from_db()
    actor = Actor(run.actor_kind, run.actor_id, run.actor_name)  # type: ignore[arg-type]  # as it was written
    facts: dict[str, Json] = {"ok": bad is None, "checked": run.checked, "of": run.stream or _OF[run.what], "run": run.pk}
    if (signed := newest()) is not None:
        facts["signed"] = signed.size  # so that the log itself says which checkpoint there was
    entries = [Entry(STREAM, EventKind.AUDIT_VERIFIED, actor, facts)]
    if bad is not None and before is None:
        told: dict[str, Json] = {"run": run.pk, **asdict(bad)}
        entries.append(Entry(STREAM, EventKind.ALARM_VERIFICATION_FAILED, actor, told, ids=(REF,)))
    record(entries)
    index_soon()


def _finding(run: VerificationRun) -> int:
    """Return the number of the verification that found first what this one found."""
    return int((run.evidence or {}).get(FINDING, run.pk))


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
    same = same.filter(Q(pk=key) | Q(evidence__contains={FINDING: _finding(run)}))
    same.update(acknowledged_at=Now(), acknowledged_by=actor.name, note=note)
    record([
        Entry(STREAM, EventKind.AUDIT_ACKNOWLEDGED, actor, {"run": key}, ids=(REF,), texts=(Text(uuid7(), "note", note),))
    ])  # fmt: skip
    index_soon()
    run.refresh_from_db()
    return run
