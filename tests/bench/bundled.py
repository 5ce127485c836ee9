"""The verifier that is given away, over a bundle of a whole log."""

import gzip
import tempfile
from collections.abc import Iterator
from pathlib import Path

from audit import verify_bundle
from tests.audit.bundles import KEY, PaperLog, measured, packed
from tests.bench.options import Options
from tests.bench.report import Figure

STREAMS_AT_ONCE, ENTRIES_OF_ONE = 50, 25


def measure(options: Options) -> Iterator[Figure]:
    """Entries a second of one processor, and memory."""
    log = _log(options.bundled)
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        path = Path(folder) / "whole.countersign.jsonl.gz"
        path.write_bytes(gzip.compress(packed(log.bundle()), 6))
        yield from _verified(path, options.bundled)


def _log(count: int) -> PaperLog:
    """Sessions beside each other, each of so many entries and then ended, with words, numbers and commitments as in life."""
    log = PaperLog()
    for number in range(count):
        round_, slot = divmod(number, STREAMS_AT_ONCE)
        session, place = divmod(round_, ENTRIES_OF_ONE)
        facts = {"tool": "library_search", "turn": place, "result": f"{number:064x}", "cost_microusd": 1234}
        log.add(
            f"session:S-{session * STREAMS_AT_ONCE + slot}",
            facts=facts,
            ids=(f"S-{slot}", f"TC-{number}"),
            trace=f"{session:032x}",
            span=f"{number:016x}",
            texts=["a"] if place % 3 == 0 else [],
            closes=place == ENTRIES_OF_ONE - 1,
        )
    return log


def _verified(path: Path, count: int) -> Iterator[Figure]:
    found, used = measured(path, "--key", str(KEY.verifier()), "--allow", "unwitnessed")
    assert (found["exit"], found["entries"]) == (verify_bundle.GOOD, count)
    detail = {**used, "entries": count, "file_mib": path.stat().st_size / 2**20}
    rate = count / used["cpu_s"]
    yield Figure("offline verification of a whole bundle", rate, "entries/s of a core", must=">= 25000", detail=detail)
