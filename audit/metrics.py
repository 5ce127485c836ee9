"""What monitoring is told of the log: how far it is placed and signed, what was found wrong, how far pushes are behind."""

from collections.abc import Sequence

from audit.connection import read, read_together
from audit.lag import sealed
from audit.metric import Metric, single

MOST = 100_000  # entries without a place are counted so far
_UNPLACED = """
SELECT (SELECT count(*) FROM (SELECT FROM audit_pending LIMIT %s) p) AS entries,
       coalesce((SELECT extract(epoch FROM clock_timestamp() - e.at) FROM audit_entry e
                 WHERE e.id = (SELECT min(entry_id) FROM audit_pending)), 0)::float8 AS seconds"""
_FINDINGS = "SELECT count(*) AS findings FROM audit_verification WHERE ok = false AND acknowledged_at IS NULL"
_PUSHED = """
SELECT name, greatest(0, (SELECT coalesce(max(log_index), 0) FROM audit_log_index) - cursor)::bigint AS behind
FROM audit_push_target WHERE status <> 'ended' ORDER BY name LIMIT 100"""


def metrics() -> Sequence[Metric]:
    """Read how far the log is placed and signed, in a fixed number of statements that look up single rows."""
    now, (unplaced,) = sealed(), read(_UNPLACED, [MOST])
    return [
        single("log_entries", "Entries that have a place in the log.", now.head),
        single("log_signed_entries", "Size of the last checkpoint that the sealer signed; 0 where none ever was.", now.size),
        single("log_unsigned_entries", "Entries of the log that no checkpoint covers yet.", now.behind),
        single("log_unsigned_seconds", "For how long the first entry that no checkpoint covers has waited.",
               now.waits_s if now.behind else 0.0),
        single("log_unplaced_entries", f"Entries without a place in the log yet, counted up to {MOST}.", unplaced["entries"]),
        single("log_unplaced_seconds", "For how long the first of them has waited for a place.", max(0.0, unplaced["seconds"])),
    ]  # fmt: skip


def findings() -> Sequence[Metric]:
    """Read what verification found, and how far pushes are behind: for those who may read the log."""
    (found,), pushed = read_together((_FINDINGS, []), (_PUSHED, []))
    return [
        single("log_findings", "Verifications that found the log wrong and that nobody has answered.", found["findings"]),
        Metric("log_push_behind_entries", "Entries that a push target was not sent yet.", ("target",),
               {(row["name"],): float(row["behind"]) for row in pushed}),
    ]  # fmt: skip
