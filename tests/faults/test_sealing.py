"""Sixteen processes that write and roll back, killed and born again, while two sealers fight: one log, every entry of it signed.

`FAULTS=full` goes on for longer, and holds how long an entry waited for its checkpoint against two seconds.
"""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from audit import keys, merkle
from audit.index import index_log
from audit.models import AuditEntry, Checkpoint, LogIndex
from audit.seal import origin
from audit.tree import Tree
from audit.verify import verify
from tests.faults.conftest import Figure
from tests.faults.stage import Play

FULL = os.environ.get("FAULTS") == "full"
WRITERS, SEALERS = 16, 2
DEATHS = 60 if FULL else 8
MORE = 60  # entries between two deaths
PAIRS = 60  # checkpoints that are compared, each with each
LONGEST_S = 2
_AT_WORK = """
SELECT pid FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL"""
# From commit to commit: an entry's own time is read before its writer waits for the heads of its streams.
# What was written before a sealer had started is left out.
_WAITED = """
SELECT percentile_cont(ARRAY[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY extract(epoch FROM c.at - pg_xact_commit_timestamp(e.xmin)))
  FROM audit_log_index l JOIN audit_entry e ON e.id = l.entry_id CROSS JOIN LATERAL (
    SELECT pg_xact_commit_timestamp(xmin) AS at FROM audit_checkpoint WHERE size >= l.log_index ORDER BY size LIMIT 1) c
 WHERE l.log_index > (SELECT min(size) FROM audit_checkpoint)"""


@pytest.mark.slow
def test_whatever_dies_the_checkpoints_agree_and_cover_every_committed_entry(
    play: Play, tmp_path: Path, figure: Figure
) -> None:
    """AUDIT-3: all pairs of checkpoints are consistent, numbers are dense, nothing that was committed is left out."""
    key, dice = tmp_path / "seal.key", random.Random(6)
    keys.make(key, origin())
    writers = [play.worker(role="write") for _ in range(WRITERS)]
    sealers = [play.worker(role="seal", SEAL_KEY=str(key)) for _ in range(SEALERS)]
    for death in range(DEATHS):
        before = AuditEntry.objects.count()
        play.until(lambda before=before: AuditEntry.objects.count() >= before + MORE)  # type: ignore[misc]  # as elsewhere
        mortal, role = (sealers, "seal") if death % 4 == 3 else (writers, "write")
        place = dice.randrange(len(mortal))
        mortal[place].end(signal.SIGKILL)
        mortal[place] = play.worker(role=role, SEAL_KEY=str(key))
    for writer in writers:
        writer.end(signal.SIGKILL)
    play.until(lambda: not play.sql(_AT_WORK))  # what they asked for last may be committed after they died
    committed = AuditEntry.objects.count()
    ended = time.monotonic()
    play.until(lambda: Checkpoint.objects.filter(size__gte=committed).exists())
    covered_s = time.monotonic() - ended
    for sealer in sealers:
        sealer.end(signal.SIGKILL)
    assert index_log() == committed
    assert Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() == committed
    numbers = list(LogIndex.objects.order_by("log_index").values_list("log_index", flat=True))
    assert numbers == list(range(1, committed + 1))
    _all_pairs_agree()
    assert verify().ok
    ((waited,),) = play.sql(_WAITED)
    waits = [round(float(one), 2) for one in waited]
    figure(
        entries=committed, deaths=DEATHS, checkpoints=Checkpoint.objects.count(), covered_s=round(covered_s, 2), waited_s=waits
    )
    assert waits[-1] <= LONGEST_S or not FULL  # on a machine that does other work besides, it says nothing


def _all_pairs_agree() -> None:
    """Any two of them: of very many those that lie evenly among them, and the last."""
    every = list(Checkpoint.objects.order_by("size"))
    step = max(1, len(every) // PAIRS)
    tree, kept = Tree(), [*every[::step], every[-1]]
    for place, old in enumerate(kept):
        for new in kept[place:]:
            proof = tree.consistency_proof(old.size, new.size)
            assert merkle.proves_consistency(proof, old.size, bytes(old.root), new.size, bytes(new.root)), (old.size, new.size)
