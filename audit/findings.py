"""What comes of a verification: its outcome in the log, an alarm for a finding that is new, and a person's answer to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import connections, transaction
from django.db.models import Q
from django.db.models.functions import Now

from audit import feed
from audit.actors import Actor
from audit.alike import ALIKE, TOGETHER, Range, alike, digest, hash_of, range_of
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
    together = _together()

    def covers(bad: FirstBad) -> bool:
        if bad in together and hash_of(bad) in together[bad]:
            return True
        before = _before(bad) if bad in known else None
        return before is not None and before.acknowledged_at is not None and is_same(before.evidence, evidence_of(bad))

    return covers


def _together() -> Mapping[FirstBad, Mapping[str, int]]:
    """Return the findings that were answered with one like them: what was found there then, and by which verification."""
    found: dict[FirstBad, dict[str, int]] = {}
    rows = VerificationRun.objects.filter(ok=False, evidence__contains={TOGETHER: True}).exclude(acknowledged_at=None)
    for key, first, evidence in rows.order_by("id").values_list("pk", "first_bad", "evidence"):
        reason = (first or {}).get("reason", "")
        for stream, seq, place, hashed in (evidence or {}).get(ALIKE, ()):
            found.setdefault(FirstBad(stream, seq, place, reason), {}).setdefault(hashed, key)
    return found


def _answer_of(bad: FirstBad, evidence: dict[str, Any] | None) -> VerificationRun | None:
    """Return the verification whose finding this is, as it was found then: the last that named it, or one answered with those like it."""
    before = _before(bad)
    if before is not None and is_same(before.evidence, evidence or {}):
        return before
    key = _together().get(bad, {}).get(hash_of(bad))
    return None if key is None else VerificationRun.objects.get(pk=key)


def _before(bad: FirstBad) -> VerificationRun | None:
    """Return the last verification that named this entry for this reason."""
    return VerificationRun.objects.filter(ok=False, first_bad=asdict(bad)).order_by("-id").first()


def with_alike(bad: FirstBad, part: Part, *, stream: str = "") -> dict[str, Any]:
    """Return the evidence of a finding, with those of its kind beside it: of one stream, of a small log, or of what may be wrong."""
    streams: Sequence[str | None] = [stream] if stream else [None] if feed.head() <= FEW else _suspects(part)
    return {**evidence_of(bad), ALIKE: alike(bad, streams, answered())}


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
    before = _answer_of(bad, evidence) if bad else None
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
        # So that the log itself says which checkpoint there was, and by its link which ones before it.
        facts |= {"signed": signed.size, "chain": bytes(signed.chain).hex()}
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


def found_since(good: VerificationRun | None) -> VerificationRun | None:
    """Return the newest verification of more than one stream after a good one that found something wrong; None if there is none."""
    rows = VerificationRun.objects.filter(ok=False, what__in=("whole", "incremental"))
    return (rows if good is None else rows.filter(id__gt=good.pk)).order_by("-id").first()


def answer_to(bad: FirstBad) -> VerificationRun | None:
    """Return the verification with somebody's answer to exactly this finding; None where nobody has answered it."""
    if not answered()(bad):
        return None
    return _answer_of(bad, evidence_of(bad))


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
def acknowledge(key: int, *, actor: Actor, note: str, together: bool = False) -> VerificationRun:
    """Write down what a person makes of a finding, wherever it was found. Raises UnknownVerification, NoFinding.

    With `together` it is said of all findings of its kind that the verification lists, as they were found, and of none that comes
    later. AlreadyAcknowledged names who was faster, and when.
    """
    run = VerificationRun.objects.select_for_update().filter(pk=key).first()
    if run is None:
        raise UnknownVerification
    if run.ok is not False:
        raise NoFinding
    if run.acknowledged_at is not None:
        raise AlreadyAcknowledged(by=run.acknowledged_by, at=run.acknowledged_at)
    facts: dict[str, Json] = {"run": key}
    if together and run.evidence and run.evidence.get(ALIKE):
        facts |= _range(run)
        run.evidence = {**run.evidence, TOGETHER: True}
        run.save(update_fields=["evidence"])
    same = VerificationRun.objects.filter(ok=False, acknowledged_at=None, first_bad=run.first_bad)
    same = same.filter(Q(pk=key) | Q(evidence__contains={FINDING: _finding(run)}))
    same.update(acknowledged_at=Now(), acknowledged_by=actor.name, note=note)
    record([Entry(STREAM, EventKind.AUDIT_ACKNOWLEDGED, actor, facts, ids=(REF,), texts=(Text(uuid7(), "note", note),))])
    index_soon()
    run.refresh_from_db()
    return run


def covered_by(run: VerificationRun) -> Range | None:
    """Return what an answer to all findings of a verification would cover; None where there is one alone."""
    others = (run.evidence or {}).get(ALIKE)
    return range_of(run.first_bad, others) if others and run.first_bad else None


def _range(run: VerificationRun) -> dict[str, Json]:
    others = (run.evidence or {})[ALIKE]
    said = {name: value for name, value in asdict(range_of(run.first_bad or {}, others)).items() if value}
    return {**said, "covers": digest(others)}
