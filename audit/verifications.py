"""Verifications from inside that are kept: of the whole log, of what is new, of what follows a trusted checkpoint, of one stream.

One is open at a time. It goes on part by part, in whatever process has the time, and can be cut off anywhere: what is done is
written down behind every part. Small logs are done at once, by who asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta

from django.db import IntegrityError, connections, transaction
from django.db.models.functions import Now

from audit import feed
from audit.actors import SYSTEM, Actor
from audit.errors import AlreadyVerifying, UnknownStream
from audit.findings import answered, conclude, named, with_alike
from audit.index import PATIENCE_MS, index_log
from audit.merkle import Growing
from audit.models import Checkpoint, VerificationRun
from audit.verify import FirstBad, first_bad, is_unknown, verify
from audit.verify_keys import check_signatures
from audit.verify_sets import (
    PART,
    Part,
    chain_holds,
    ends_hold,
    hashes,
    one_moment,
    parts,
    says_the_same,
)
from audit.verify_signed import missing
from audit.verify_tree import check_tree

SMALL = 5 * PART
"""So many entries are verified at once, while who asked waits."""
SOMEWHERE = "something is wrong from here on"
PAUSE = 0.25
"""Of the time that a part took, so much is left to others before the next, where nobody waits."""
KEPT_DAYS = 400
_LOCK = "hashtextextended('countersign.verification', 0)"


def begin(what: str, actor: Actor, *, since: int = 0, since_root: str = "", remark: str = "") -> VerificationRun:
    """Open a verification of the log as it is now. Raises AlreadyVerifying where one is open.

    An `incremental` one begins where the last good one ended.
    """
    head = index_log(patience_ms=PATIENCE_MS) or feed.head()
    last = good_until() if what == "incremental" else None
    run = VerificationRun(
        what=what, since=last.upto if last else since, since_root=since_root, upto=max(head, since), remark=remark,
        place=last.upto if last else 0, peaks=last.peaks if last else [],
        actor_kind=actor.kind, actor_id=actor.id, actor_name=actor.name,
    )  # fmt: skip
    try:
        with transaction.atomic():
            run.save(force_insert=True)
    except IntegrityError:
        raise AlreadyVerifying from None
    run.refresh_from_db()
    return run


def verify_stream(stream: str, actor: Actor) -> VerificationRun:
    """Verify one stream, now. Raises UnknownStream."""
    began = time.monotonic()
    found = verify(stream, answered=answered())
    if is_unknown(found):
        raise UnknownStream(stream=stream)
    run = VerificationRun(
        what="stream", stream=stream, checked=found.checked, seconds=time.monotonic() - began,
        actor_kind=actor.kind, actor_id=actor.id, actor_name=actor.name,
    )  # fmt: skip
    conclude(run, found.first_bad, with_alike(found.first_bad, Part(0, 0), stream=stream) if found.first_bad else None)
    return run


def work(*, seconds: float | None = None) -> bool:
    """Go on with what is open, for so long or to its end; return whether something of it is left. One process at a time does."""
    with _alone() as alone:
        if not alone:
            return False
        run = VerificationRun.objects.filter(ended_at=None).first()
        return run is not None and not _to_its_end(run, seconds)


def finished(run: VerificationRun) -> VerificationRun:
    """Do all of a verification, and return it as it ended; where another process is at it, as it is."""
    with _alone() as alone:
        if alone:
            run.refresh_from_db()
            if run.ended_at is None:
                _to_its_end(run, None)
    run.refresh_from_db()
    return run


def is_open() -> bool:
    """Return whether a verification is under way."""
    return VerificationRun.objects.filter(ended_at=None).exists()


def good_until() -> VerificationRun | None:
    """Return the verification that says how far the log is known to be good."""
    runs = VerificationRun.objects.filter(ok=True, what__in=("whole", "incremental"), upto__gt=0)
    return runs.order_by("-upto", "-id").first()


def last_whole() -> VerificationRun | None:
    """Return the last verification of all entries that found nothing."""
    return VerificationRun.objects.filter(ok=True, what="whole").order_by("-id").first()


def begin_due(*, every_s: int, whole_every_s: int) -> bool:
    """Open the verification that is due by itself, if one is; return whether one is open now."""
    if is_open():
        return True
    if not every_s or _since(every_s, what__in=("whole", "incremental")):
        return False
    whole = last_whole() is None or not _since(whole_every_s, what="whole")
    try:
        begin("whole" if whole else "incremental", SYSTEM)
    except AlreadyVerifying:
        return True
    old = VerificationRun.objects.filter(ok=True, ended_at__lt=Now() - timedelta(days=KEPT_DAYS))
    VerificationRun.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:1000])).delete()
    return True


def _since(seconds: int, **what: object) -> bool:
    """Return whether one began within so many seconds; what was found then stays found."""
    return VerificationRun.objects.filter(began_at__gt=Now() - timedelta(seconds=seconds), **what).exists()


def _to_its_end(run: VerificationRun, seconds: float | None) -> bool:
    """Go on with a verification for so long; return whether it ended."""
    began = time.monotonic()
    tree = Growing(run.place, [bytes.fromhex(peak) for peak in run.peaks])
    for part in _left(run):
        started = time.monotonic()
        bad = _checked(run, part, tree)
        took = time.monotonic() - started
        run.seconds += took
        if bad is not None:
            return _ended(run, bad, part)
        run.place, run.peaks = tree.size, [peak.hex() for peak in tree.peaks]
        run.save(update_fields=["place", "peaks", "checked", "seconds"])
        if seconds is not None:
            time.sleep(took * PAUSE)
            if time.monotonic() - began > seconds and run.place < run.upto:
                return False
    return _ended(run, _ends(run), Part(run.upto, None))


def _ended(run: VerificationRun, bad: FirstBad | None, part: Part) -> bool:
    """Conclude a verification. What is only known to be somewhere in a part is named first; that is tried once.

    So is what came beside a finding that somebody has answered.
    """
    if bad is not None and run.first_bad is None and (bad.reason == SOMEWHERE or answered()(bad)):
        run.first_bad = asdict(bad)
        run.save(update_fields=["first_bad"])
        bad = named(part, walk=bad.reason == SOMEWHERE) or bad
    conclude(run, bad, with_alike(bad, part) if bad else None)
    return True


def _left(run: VerificationRun) -> Iterator[Part]:
    yield from parts(run.place, min(run.since, run.upto))
    yield from parts(max(run.place, run.since), run.upto)


def _checked(run: VerificationRun, part: Part, tree: Growing) -> FirstBad | None:
    """Check one part; what comes before the run's beginning is held against the tree alone."""
    upto = part.upto or 0
    with one_moment():
        found = hashes(part.after, upto)
        if feed.head() < upto:
            return FirstBad("", None, feed.head() + 1, f"it is missing: {upto} entries were there")
        if len(found) != upto - part.after or (part.after >= run.since and not _holds(run, part)):
            return FirstBad("", None, part.after + 1, SOMEWHERE)
        kept = Checkpoint.objects.filter(size__gt=part.after, size__lte=upto).order_by("size")
        good = Checkpoint.objects.filter(size__lte=part.after).order_by("-size").values_list("size", flat=True).first() or 0
        wrong = check_tree(found, ((one.size, bytes(one.root), one.note) for one in kept.iterator()), tree, good=good)
        wrong = wrong or check_signatures(after=part.after, upto=upto)
    if wrong is not None:
        return first_bad(wrong)
    if run.since_root and tree.size == run.since and tree.root().hex() != run.since_root:
        return FirstBad("", None, 1, f"up to entry {run.since} of the log something is not what the given checkpoint says")
    return None


def _holds(run: VerificationRun, part: Part) -> bool:
    count = chain_holds(part)
    if count is None or not says_the_same(part):
        return False
    run.checked += count
    return True


def _ends(run: VerificationRun) -> FirstBad | None:
    """Check what stands over the whole log, and what waits for its number."""
    with one_moment():
        head = feed.head()
        signed = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
        if head < max(run.upto, signed):
            return FirstBad("", None, head + 1, f"it is missing: {max(run.upto, signed)} entries were there")
        if (gone := next(missing(), None)) is not None:
            return first_bad(gone)
        waiting = Part(head, None)
        if ends_hold() and chain_holds(waiting) is not None and says_the_same(waiting):
            return None
    return FirstBad("", None, None, SOMEWHERE)


@contextmanager
def _alone() -> Iterator[bool]:
    """Hold the one place in which verifications are worked on; False where another process does."""
    with connections["default"].cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock({_LOCK})")
        (alone,) = cursor.fetchone()
        try:
            yield alone
        finally:
            if alone:
                cursor.execute(f"SELECT pg_advisory_unlock({_LOCK})")
