"""Breakers of providers, models and tools: counted over all workers, moved, held by people, and read (GUARD-7).

A breaker is a row; what has none is closed. Workers keep a copy of those that are not simply closed (`agents.permits`)
and write only failures. One probe among all workers: whoever moves the row to `half_open` makes it, until its lease is over.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from agents.errors import BadText, BreakerNotHeld
from agents.guardrails.breaker import Bounds, Counted, Standing, Tally, cool_down, count, split, why_open
from agents.lifecycle import BREAKER
from agents.models import Breaker
from agents.wake import CHANNEL
from audit.actors import SYSTEM, Actor
from audit.connection import read
from audit.errors import StaleState
from audit.events import EventKind
from audit.index import index_soon
from audit.services import NOW, After, Batch, Change, Entry
from audit.services import transition as write

STREAM = "breaker"
LONGEST_REASON = 500
LONGEST_DETAIL = 300
_ROWS = """
SELECT id, key, status, failures, window_calls, window_errors,
       extract(epoch FROM clock_timestamp() - failed_at)::float8 AS failed_ago,
       clock_timestamp() - window_at > make_interval(secs => %s) AS window_over
FROM agents_breaker WHERE key = ANY(%s) ORDER BY key FOR UPDATE"""
_COUNT = """
UPDATE agents_breaker SET failures = %s, window_calls = %s, window_errors = %s, detail = %s, failed_at = clock_timestamp(),
       window_at = CASE WHEN %s THEN clock_timestamp() ELSE window_at END WHERE id = %s RETURNING id"""
_STANDINGS = """
SELECT key, status, failures, greatest(0, coalesce(extract(epoch FROM retry_at - clock_timestamp()), 0))::float8 AS due_s
FROM agents_breaker WHERE status <> 'closed' OR failures > 0"""
_CLEAR = """
UPDATE agents_breaker b SET failures = 0 FROM unnest(%s::text[], %s::float8[]) AS good(key, ago)
WHERE b.key = good.key AND b.status = 'closed' AND b.failures > 0
  AND b.failed_at < clock_timestamp() - make_interval(secs => good.ago) RETURNING b.id"""
_DUE = """
SELECT id, status, probes FROM agents_breaker
WHERE key = %s AND status IN ('open', 'half_open') AND retry_at <= clock_timestamp() FOR UPDATE SKIP LOCKED"""
_WAKE = """
UPDATE agents_session SET ready_at = now() WHERE mode IS NOT NULL AND status = 'queued' AND ready_at > now() RETURNING id"""


def bounds() -> Bounds:
    """When breakers of this installation open, and for how long."""
    cool_s = float(settings.BREAKER_COOL_S)
    return Bounds(consecutive=settings.BREAKER_FAILURES, cool_s=cool_s, longest_s=10 * cool_s)


def standings() -> list[Standing]:
    """The breakers that are not simply closed, as they are now."""
    return [Standing(**row) for row in read(_STANDINGS)]


@transaction.atomic
def tell(tallies: Sequence[Tally]) -> None:
    """Count failures, and open the breakers that have had enough of them."""
    told = {tally.key: tally for tally in tallies}
    _make(sorted(told))
    limits = bounds()
    changes: list[Change] = []
    entries: list[Entry] = []
    for row in read(_ROWS, [limits.window_s, sorted(told)]):
        tally = told[row["key"]]
        before = Counted(row["failures"], row["window_calls"], row["window_errors"])
        now = count(before, tally, failed_ago_s=row["failed_ago"], window_over=row["window_over"])
        if row["status"] in ("open", "half_open"):
            continue  # it began before the breaker opened
        read(
            _COUNT,
            [now.failures, now.calls, now.errors, tally.detail[:LONGEST_DETAIL], row["window_over"], row["id"]],
        )
        why = why_open(now, limits, refused=tally.refused)
        if why and row["status"] == "closed":
            changes.append(_tripped(row["id"], why, limits))
            facts: dict[str, str | int] = {
                "reason": why,
                "detail": tally.detail[:LONGEST_DETAIL],
                "seconds": int(limits.cool_s),
            }
            entries.append(_entry(EventKind.BREAKER_OPENED, tally.key, SYSTEM, **facts))
    _write(changes, entries)


def _tripped(id_: UUID, why: str, limits: Bounds) -> Change:
    values = {"reason": why, "retry_at": After(limits.cool_s), "failed_probes": 0, "changed_at": NOW}
    return Change(BREAKER, id_, "closed", "trip", values)


def clear(good: Mapping[str, float]) -> None:
    """End the row of failures of closed breakers; `good` is how many seconds ago a call last went well, by key."""
    if good:
        read(_CLEAR, [list(good), list(good.values())])


@transaction.atomic
def probe(key: str, *, lease_s: float, by: str) -> int | None:
    """Take the one probe of a breaker that has cooled down; None where it is not due, or another worker makes it.

    Args:
        key: the breaker's.
        lease_s: how long the probe may take; after that another one may be made.
        by: the worker, for the entry.

    Returns:
        The probe's number, which its outcome is told with.
    """
    rows = read(_DUE, [key])
    if not rows:
        return None
    row = rows[0]
    number = int(row["probes"]) + 1
    values = {"probes": number, "retry_at": After(lease_s), "changed_at": NOW}
    change = Change(BREAKER, row["id"], row["status"], "probe", values, {"probes": row["probes"]})
    _write([change], [_entry(EventKind.BREAKER_PROBED, key, SYSTEM, probe=number, worker=by)])
    return number


def passed(key: str, number: int) -> None:
    """A probe went well: the breaker closes, and what waited for it goes on."""
    values = {"failures": 0, "window_calls": 0, "window_errors": 0, "failed_probes": 0, "retry_at": None, "reason": "",
              "detail": "", "changed_at": NOW}  # fmt: skip
    _settle(key, number, "pass", values, EventKind.BREAKER_CLOSED, {})


def failed(key: str, number: int, detail: str) -> None:
    """A probe failed: the breaker stays open, longer than before."""
    row = Breaker.objects.filter(key=key).only("failed_probes").first()
    times = row.failed_probes + 1 if row else 1
    seconds = cool_down(times, bounds())
    values = {"failed_probes": times, "retry_at": After(seconds), "failed_at": NOW, "detail": detail[:LONGEST_DETAIL],
              "changed_at": NOW}  # fmt: skip
    told = {"reason": f"{times} probe{'s' if times > 1 else ''} failed.", "detail": detail[:LONGEST_DETAIL]}
    _settle(key, number, "fail", values, EventKind.BREAKER_OPENED, {**told, "seconds": int(seconds)})


def left(key: str, number: int) -> None:
    """A probe was not made after all: the next caller makes it."""
    _settle(key, number, "leave", {"retry_at": NOW, "changed_at": NOW}, None, {})


def _settle(
    key: str, number: int, event: str, values: Mapping[str, object], kind: EventKind | None, told: Mapping[str, str | int]
) -> None:
    row = Breaker.objects.filter(key=key).only("id").first()
    if row is None:
        return
    change = Change(BREAKER, row.pk, "half_open", event, values, {"probes": number})
    entries = [_entry(kind, key, SYSTEM, probe=number, **told)] if kind else []
    try:
        with transaction.atomic():
            _write([change], entries)
            if event == "pass":
                wake_waiting()
    except StaleState:
        return  # a person holds it by now, or another probe is under way because this one took too long


@transaction.atomic
def force(*, key: str, closed: bool, reason: str, actor: Actor) -> Breaker:
    """Hold a breaker open or closed, whatever is counted, until it is released.

    Args:
        key: of a breaker that is known (see `agents.breaker_lines`).
        closed: whether calls go through while it is held.
        reason: why; everybody reads it as long as it is held.
        actor: who; the caller has checked the right to.

    Raises:
        BadText: no reason, or too long a one.
    """
    why = reason.strip()
    if not why or len(why) > LONGEST_REASON:
        raise BadText(field="reason", reason=f"says why, in at most {LONGEST_REASON} characters")
    row = _row(key)
    state = "forced_closed" if closed else "forced_open"
    if row.status == state:
        return row
    values = {"reason": why, "forced_name": actor.name, "retry_at": None, "changed_at": NOW}
    change = Change(BREAKER, row.pk, row.status, "force_closed" if closed else "force_open", values)
    facts = {"state": "closed" if closed else "open", "reason": why}
    _write([change], [_entry(EventKind.BREAKER_FORCED, key, actor, **facts)])
    if closed:
        wake_waiting()
    row.refresh_from_db()
    return row


@transaction.atomic
def release(*, key: str, actor: Actor) -> Breaker:
    """Let a breaker that a person holds go: it is closed and counts from nothing.

    Raises:
        BreakerNotHeld: nobody holds it.
    """
    row = Breaker.objects.select_for_update(no_key=True).filter(key=key).first()
    if row is None or not row.status.startswith("forced_"):
        raise BreakerNotHeld(name=split(key)[1][:200])
    values = {"failures": 0, "window_calls": 0, "window_errors": 0, "failed_probes": 0, "reason": "", "forced_name": "",
              "changed_at": NOW}  # fmt: skip
    change = Change(BREAKER, row.pk, row.status, "release", values)
    _write([change], [_entry(EventKind.BREAKER_RELEASED, key, actor, forced_by=row.forced_name)])
    wake_waiting()
    row.refresh_from_db()
    return row


def _row(key: str) -> Breaker:
    _make([key])
    return Breaker.objects.select_for_update(no_key=True).get(key=key)


def _make(keys: Sequence[str]) -> None:
    known = set(Breaker.objects.filter(key__in=keys).values_list("key", flat=True))
    rows = [Breaker(key=key, kind=str(split(key)[0])) for key in keys if key not in known]
    if rows:
        Breaker.objects.bulk_create(rows, ignore_conflicts=True)


def _entry(kind: EventKind, key: str, actor: Actor, **facts: str | int) -> Entry:
    sort, name = split(key)
    return Entry(
        STREAM, kind, actor, {"key": key, **facts, **({"tool": name} if sort == "tool" else {})}, ids=(f"breaker:{key}", name)
    )


def _write(changes: Sequence[Change], entries: Sequence[Entry]) -> None:
    if not changes:
        return
    write(Batch(tuple(changes), (), tuple(entries)))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('countersign_policy', '')")  # every worker looks again at once
    transaction.on_commit(index_soon)


def wake_waiting() -> None:
    """Let the sessions that wait for a breaker come at once, not when it would have been tried next."""
    if read(_WAKE):
        read("SELECT pg_notify(%s, '')", [CHANNEL])
