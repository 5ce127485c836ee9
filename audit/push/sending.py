"""Sending what a target has not got: claim it for a while, read a bounded batch, send, move its place. At least once.

The place moves after the batch arrived, in one statement under the fence of the claim. Who dies in between has it sent again;
who comes too late, because it slept past its claim, moves nothing. Nothing is sent inside a transaction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from audit import feed
from audit.actors import SYSTEM
from audit.canonical import Json
from audit.events import EventKind
from audit.index import index_soon
from audit.models import LogIndex
from audit.push.errors import NotPushed
from audit.push.lifecycle import PUSH
from audit.push.lines import Link, line
from audit.push.models import PushTarget
from audit.push.targets import STREAM
from audit.services import Batch, Change, Entry
from audit.services import transition as write

log = structlog.get_logger(__name__)
MOST_LINES, MOST_BYTES = 200, 512 * 1024
SCANNED = 2_000
"""Entries that one batch looks at, where a target wants few kinds."""
BATCHES = 25
"""Of one target in a round, so that the others have their turn."""
LEASE_S = 60
MOST_FAILURES = 20
BACK_OFF_S, LONGEST_BACK_OFF_S = 5, 300
LONGEST_ERROR = 300
_COLUMNS = ("log_index", "entry__stream", "entry__seq", "entry__prev_hash", "entry__entry_hash", "entry__body")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A target that this process sends to now; `fence` is its own."""

    row: PushTarget
    fence: int


@dataclass(frozen=True, slots=True)
class Lines:
    """What is sent in one go: entries after `after`, as lines; with them everything up to `upto` is done."""

    lines: tuple[str, ...]
    after: int
    upto: int


Send = Callable[[PushTarget, Lines], None]
"""Brings lines to a target; raises NotPushed."""


def push_due(send: Send, *, stopping: Callable[[], bool] = bool) -> int:
    """Send to every target what it has not got, some batches each; return how many batches were tried."""
    tried, left = 0, set(PushTarget.objects.filter(status="active").values_list("pk", flat=True))
    while left and not stopping():
        claimed = claim(left)
        if claimed is None:
            return tried
        left.discard(claimed.row.pk)
        tried += _push(claimed, send, stopping)
    return tried


def _push(claimed: Claimed, send: Send, stopping: Callable[[], bool]) -> int:
    for tried in range(1, BATCHES + 1):
        lines = read(claimed.row)
        try:
            if lines.lines:
                send(claimed.row, lines)
        except NotPushed as error:
            failed(claimed, error)
            return tried
        if not arrived(claimed, lines) or lines.upto >= feed.head() or stopping():
            break
        claimed.row.cursor, claimed.row.failures = lines.upto, 0
    let_go(claimed)
    return tried


@transaction.atomic
def claim(among: set[UUID]) -> Claimed | None:
    """Take a target that is due and behind, for a while; None when there is none."""
    due = PushTarget.objects.filter(pk__in=among, status="active", ready_at__lte=Now(), cursor__lt=feed.head())
    row = due.select_for_update(skip_locked=True).order_by("ready_at").first()
    if row is None:
        return None
    fence = row.fence + 1
    PushTarget.objects.filter(pk=row.pk).update(fence=fence, ready_at=Now() + timedelta(seconds=LEASE_S))
    return Claimed(row, fence)


def read(row: PushTarget) -> Lines:
    """Return the next entries that a target wants, in the order of the log."""
    upto = min(row.cursor + SCANNED, feed.head())
    found = LogIndex.objects.filter(log_index__gt=row.cursor, log_index__lte=upto)
    if row.kinds:
        nouns = [kind.value for kind in EventKind if kind.noun in row.kinds]
        found = found.filter(entry__kind__in=[*row.kinds, *nouns])
    lines: list[str] = []
    size, last = 0, row.cursor
    for i, stream, seq, prev, hash_, body in found.order_by("log_index").values_list(*_COLUMNS)[: MOST_LINES + 1]:
        said = line(Link(i, stream, seq, bytes(prev), bytes(hash_), bytes(body)))
        size += len(said.encode())
        if lines and (size > MOST_BYTES or len(lines) == MOST_LINES):
            return Lines(tuple(lines), row.cursor, last)
        lines.append(said)
        last = i
    return Lines(tuple(lines), row.cursor, upto)


def arrived(claimed: Claimed, lines: Lines) -> bool:
    """Move the place behind what arrived, and hold the claim on; False where it is no more this process's to move."""
    return bool(
        _mine(claimed).update(
            cursor=lines.upto, failures=0, error="", sent=F("sent") + len(lines.lines),
            ready_at=Now() + timedelta(seconds=LEASE_S), **({"sent_at": Now()} if lines.lines else {}),
        )
    )  # fmt: skip


def let_go(claimed: Claimed) -> None:
    """Let whoever comes next send on."""
    _mine(claimed).update(ready_at=Now())


@transaction.atomic
def failed(claimed: Claimed, error: NotPushed) -> None:
    """Note why a batch did not arrive; it is tried again later, until it failed too often: then people are told."""
    row, failures, reason = claimed.row, claimed.row.failures + 1, error.reason[:LONGEST_ERROR]
    log.warning("push.not_delivered", target=row.name, failures=failures, final=error.final)
    pause = min(LONGEST_BACK_OFF_S, BACK_OFF_S * 2 ** min(failures - 1, 10))
    mine = _mine(claimed).filter(status="active")
    if not mine.update(failures=failures, error=reason, ready_at=Now() + timedelta(seconds=pause)):
        return
    if error.final or failures >= MOST_FAILURES:
        facts: dict[str, Json] = {"failures": failures, "error": reason, "after": row.cursor}
        told = Entry(STREAM, EventKind.PUSH_STOPPED, SYSTEM, facts, ids=(f"push:{row.name}", row.name))
        write(Batch((Change(PUSH, row.pk, "active", "stop", {}),), (), (told,)))
        transaction.on_commit(index_soon)


def _mine(claimed: Claimed) -> QuerySet[PushTarget]:
    """The target, unless somebody claimed it meanwhile or sends it again from elsewhere."""
    return PushTarget.objects.filter(pk=claimed.row.pk, fence=claimed.fence)
