"""What shows a finding to somebody else: both copies of the entry that is wrong, and what stands around it, as it was found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import connections

from audit.chain import commitment, entry_hash, genesis
from audit.feed import head
from audit.merkle import Growing, leaf_hash
from audit.models import AuditStream, Checkpoint
from audit.verify import FirstBad
from audit.verify_sets import hashes, parts

LONGEST = 100_000
"""Of bytes that are longer, so many are kept; their hash is that of all of them."""
_ENTRY = """
SELECT e.id, l.log_index, e.stream, e.seq, e.kind, e.at::text, e.actor_kind, e.actor_id, e.tool, e.body, e.body_json::text,
       e.prev_hash, e.entry_hash
  FROM audit_entry AS e LEFT JOIN audit_log_index AS l ON l.entry_id = e.id
"""
_COLUMNS = ("id", "log_index", "stream", "seq", "kind", "at", "actor_kind", "actor_id", "tool")
MOST = 3
_TEXTS = """
SELECT c.name, c.cls, c.salt, c.body FROM audit_content AS c JOIN audit_entry AS e ON e.id = c.entry_id
 WHERE e.stream = %s AND e.seq = %s ORDER BY c.name
"""
_LOST = "SELECT count(*) FROM audit_content AS c WHERE NOT EXISTS (SELECT FROM audit_entry AS e WHERE e.id = c.entry_id)"
OF_TEXTS, OF_HEADS = "its text", "head"
"""What reasons say that are about texts, and about the end of a stream."""


def is_same(before: dict[str, Any] | None, now: dict[str, Any]) -> bool:
    """Return whether a finding with the same first wrong entry is the one of before: its evidence still says the same.

    What stands over the whole log is the same where no entry that was there then has another hash now.
    """
    if before is None or _said(before) != _said(now):
        return False
    if "log" not in now:
        return True
    then = before.get("log")
    return (
        then is not None
        and then["texts_without_entry"] == now["log"]["texts_without_entry"]
        and _root(then["size"]) == then["root"]
    )


def _said(evidence: dict[str, Any]) -> tuple[Any, ...]:
    head = evidence["head"] if OF_HEADS in evidence["first_bad"]["reason"] else None
    return evidence["first_bad"], evidence["entries"], evidence.get("texts"), head


def said_of(bad: FirstBad) -> tuple[Any, ...]:
    """Return what is found at a place now, which has to stay the same for an answer to hold: entries, texts, head."""
    if not bad.stream:
        return _read("WHERE l.log_index = %s", [bad.log_index or 0]), None, None
    entries = _read("WHERE e.stream = %s AND e.seq = %s", [bad.stream, bad.seq or 0])
    texts = _texts(bad) if bad.reason.startswith(OF_TEXTS) else None
    return entries, texts, _head(bad.stream) if OF_HEADS in bad.reason else None


def evidence_of(bad: FirstBad) -> dict[str, Any]:
    """Return what is known of a finding, as JSON: the entry, the last good one, the head, and the checkpoints around it."""
    if bad.stream:
        entries = _read("WHERE e.stream = %s AND e.seq = %s", [bad.stream, bad.seq or 0])
        before = _read("WHERE e.stream = %s AND e.seq = %s", [bad.stream, (bad.seq or 1) - 1])
    else:
        entries = _read("WHERE l.log_index = %s", [bad.log_index or 0])
        before = _read("WHERE l.log_index = %s", [(bad.log_index or 1) - 1])
    beside = {"texts": _texts(bad)} if bad.reason.startswith(OF_TEXTS) else {} if bad.stream else {"log": _log()}
    return {
        **beside,
        "first_bad": asdict(bad),
        "entries": entries,
        "last_good": before[0] if before else None,
        "genesis": genesis(bad.stream).hex() if bad.stream else "",
        "head": _head(bad.stream),
        "checkpoint_before": _checkpoint("<", bad.log_index),
        "checkpoint_after": _checkpoint(">=", bad.log_index),
    }  # fmt: skip


def _head(stream: str) -> dict[str, Any] | None:
    row = AuditStream.objects.filter(name=stream).first()
    return None if row is None else {
        "stream": row.name, "seq": row.head_seq, "hash": bytes(row.head_hash).hex(), "closed": row.closed,
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


def _texts(bad: FirstBad) -> list[dict[str, str]]:
    """Return what the texts of the entry commit to now."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_TEXTS, [bad.stream, bad.seq or 0])
        return [
            {"name": name, "class": cls, "commitment": commitment(bytes(salt), body)}
            for name, cls, salt, body in cursor.fetchall()
        ]


def _log() -> dict[str, Any]:
    """Return what the log as a whole is now, by which it is known whether more of it was changed since."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_LOST)
        (lost,) = cursor.fetchone()
    size = head()
    return {"size": size, "root": _root(size), "texts_without_entry": lost}


def _root(size: int) -> str:
    """Return the root of the first entries as they are now, whatever is missing among them."""
    tree = Growing()
    for part in parts(0, size):
        for hash_ in hashes(part.after, part.upto or 0):
            tree.add(leaf_hash(hash_))
    return tree.root().hex()


def _checkpoint(sign: str, log_index: int | None) -> dict[str, Any] | None:
    if log_index is None:
        return None
    rows = Checkpoint.objects.order_by("-size" if sign == "<" else "size")
    found = rows.filter(**{"size__lt" if sign == "<" else "size__gte": log_index}).first()
    return None if found is None else {"size": found.size, "root": bytes(found.root).hex(), "note": found.note}
