"""What shows a finding to somebody else: both copies of the entry that is wrong, and what stands around it, as it was found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import connections

from audit.chain import entry_hash, genesis
from audit.models import AuditStream, Checkpoint
from audit.verify import FirstBad

LONGEST = 100_000
"""Of bytes that are longer, so many are kept; their hash is that of all of them."""
_ENTRY = """
SELECT e.id, l.log_index, e.stream, e.seq, e.kind, e.at::text, e.actor_kind, e.actor_id, e.tool, e.body, e.body_json::text,
       e.prev_hash, e.entry_hash
  FROM audit_entry AS e LEFT JOIN audit_log_index AS l ON l.entry_id = e.id
"""
_COLUMNS = ("id", "log_index", "stream", "seq", "kind", "at", "actor_kind", "actor_id", "tool")
MOST = 3


def evidence_of(bad: FirstBad) -> dict[str, Any]:
    """Return what is known of a finding, as JSON: the entry, the last good one, the head, and the checkpoints around it."""
    if bad.stream:
        entries = _read("WHERE e.stream = %s AND e.seq = %s", [bad.stream, bad.seq or 0])
        before = _read("WHERE e.stream = %s AND e.seq = %s", [bad.stream, (bad.seq or 1) - 1])
    else:
        entries = _read("WHERE l.log_index = %s", [bad.log_index or 0])
        before = _read("WHERE l.log_index = %s", [(bad.log_index or 1) - 1])
    head = AuditStream.objects.filter(name=bad.stream).first()
    return {
        "first_bad": asdict(bad),
        "entries": entries,
        "last_good": before[0] if before else None,
        "genesis": genesis(bad.stream).hex() if bad.stream else "",
        "head": None if head is None else {
            "stream": head.name, "seq": head.head_seq, "hash": bytes(head.head_hash).hex(), "closed": head.closed,
        },
        "checkpoint_before": _checkpoint("<", bad.log_index),
        "checkpoint_after": _checkpoint(">=", bad.log_index),
    }  # fmt: skip


def _read(where: str, values: list[Any]) -> list[dict[str, Any]]:
    """Return the entries at a place: none where it is missing, two where one was put beside it."""
    with connections["default"].cursor() as cursor:
        cursor.execute(f"{_ENTRY} {where} ORDER BY e.id LIMIT {MOST}", values)
        return [_entry(row) for row in cursor.fetchall()]


def _entry(row: tuple[Any, ...]) -> dict[str, Any]:
    *columns, body, copy, prev, hashed = row
    told = dict(zip(_COLUMNS, columns, strict=True))
    bytes_, prev = bytes(body), bytes(prev)
    return {
        **told,
        "bytes": bytes_[:LONGEST].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}"),
        "bytes_hex": bytes_[:LONGEST].hex(),
        "copy": copy,
        "previous_hash": prev.hex(),
        "hash": bytes(hashed).hex(),
        "computed_hash": entry_hash(told["stream"], told["seq"], prev, bytes_).hex() if told["seq"] >= 0 else "",
    }


def _checkpoint(sign: str, log_index: int | None) -> dict[str, Any] | None:
    if log_index is None:
        return None
    rows = Checkpoint.objects.order_by("-size" if sign == "<" else "size")
    found = rows.filter(**{"size__lt" if sign == "<" else "size__gte": log_index}).first()
    return None if found is None else {"size": found.size, "root": bytes(found.root).hex(), "note": found.note}
