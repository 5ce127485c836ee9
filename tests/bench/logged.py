"""The audit trail of a large house: writing it, indexing and signing it, proving it, and looking through it.

A log of as many entries as wanted, real in form and content, is filled through the append function. Pages are asked of a
real web process by a signed-in auditor, from the request to the last byte of the answer, in turn.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.bench import appending, log_filling
from tests.bench.log_filling import FIRST, PEOPLE, TOOLS
from tests.bench.options import Options
from tests.bench.report import Figure, percentile
from tests.bench.stage import Stage, serving, stage

HOUR = "from={hour}&to={next_hour}"
FILTERS = {
    "none": "",
    "a later page": "before={middle}",
    "session": "stream=session:S-{session}",
    "session, kind": "stream=session:S-{session}&kind=tool_call",
    "kind of principal": "principal=agent",
    "principal of many acts": "principal=user:0",
    "principal of few acts": f"principal=user:{PEOPLE - 1}",
    "kind": "kind=session.started",
    "noun": "kind=approval",
    "rare kind": "kind=alarm",
    "tool": "tool=look_up_1",
    "tool of few calls": f"tool=send_{TOOLS}",
    "from": "from={hour}",
    "until": "to={hour}",
    "an hour": HOUR,
    "an hour, principal": f"{HOUR}&principal=user:0",
    "an hour, kind": f"{HOUR}&kind=session.started",
    "an hour, tool": f"{HOUR}&tool=look_up_1",
    "an hour, common word": f"{HOUR}&q=agent",
    "principal, kind": "principal=user:0&kind=approval",
    "principal, tool, kind": "principal=agent:agent1&tool=send_1&kind=tool_call.succeeded",
    "rare kind of a principal of few acts": f"kind=alarm&principal=agent&tool=look_up_{TOOLS}",
    "common word": "q=agent",
    "frequent word": "q=person0",
    "rare word": "q=page{alarmed}",
    "a session's number as a word": "q=S-{session}",
    "a word that nobody wrote": "q=unheardof",
    "two frequent words that never meet": "q=person0+person1",
    "common word, principal of few acts": f"q=agent&principal=user:{PEOPLE - 1}",
    "common word, rare kind": "q=agent&kind=alarm",
    "rare word, common kind": "q=page{alarmed}&kind=session.started",
    "frequent word, tool of few calls": f"q=person0&tool=send_{TOOLS}",
}
PROOFS = 200


def measure(options: Options) -> Iterator[Figure]:
    """Fill, then measure all on the same log."""
    with stage(kept=Path(options.folder).absolute() if options.folder else None) as here:
        began = time.monotonic()
        added = log_filling.fill(here, options.entries)
        said: dict[str, Any] = {"entries": here.query("SELECT max(log_index) FROM audit_log_index")}
        yield Figure("entries that were added to the log", added, detail={"seconds": time.monotonic() - began, **said})
        yield from _written(here, said)
        yield from _asked(here, options.looks, said)


def _written(here: Stage, said: dict[str, Any]) -> Iterator[Figure]:
    appended, plain = appending.rates(here)
    more = {"appended": appended, "plain": plain, "batch": appending.BATCH}
    yield Figure("append rate over a plain insert's", appended / plain, must=">= 0.6", detail={**more, **said})
    went = appending.paced(here)
    more = {"rate": went.rate, "p95": percentile(went.covered_s, 0.95), "waited_for_index": went.waiting}
    yield Figure(
        f"{appending.RATE} entries a second: from commit to a signed checkpoint, at most",
        max(went.covered_s), "s", must="<= 2", detail={**more, **said},
    )  # fmt: skip


def _asked(here: Stage, looks: int, said: dict[str, Any]) -> Iterator[Figure]:
    told = here.run("signing", "auditor", 1)
    headers = {"Cookie": told["cookies"][0], "Authorization": f"Bearer {told['tokens'][0]}"}
    with (
        serving(here) as (address, _),
        httpx2.Client(base_url=f"http://{address}", timeout=60) as http,
    ):
        proofs = _proved(http, headers["Authorization"], said["entries"])
        yield Figure("inclusion proof: p95", percentile(proofs, 0.95), "ms", must="<= 20",
                     detail={"p50": percentile(proofs, 0.5), "most": max(proofs), **said})  # fmt: skip
        pages = _looked(http, headers["Cookie"], _values(here), looks)
    for name, took in pages.items():
        more = {"p50": percentile(took, 0.5), "most": max(took), "looks": looks, **said}
        yield Figure(f"audit, {name}: first page, p95", percentile(took, 0.95), "ms", must="<= 200", detail=more)


def _values(here: Stage) -> dict[str, Any]:
    """What the filters ask for, from the middle of what was filled."""
    session = FIRST + here.query("SELECT last_value FROM bench_batch") * log_filling.AT_ONCE // 2
    ((id_, hour, next_hour),) = here.rows(
        """SELECT id, to_char(at, 'YYYY-MM-DD"T"HH24:MI'), to_char(at + interval '1 hour', 'YYYY-MM-DD"T"HH24:MI')
             FROM audit_entry WHERE stream = %s AND seq = 1""",
        f"session:S-{session}",
    )
    alarmed = session // log_filling.RARE * log_filling.RARE
    return {"middle": id_, "hour": hour, "next_hour": next_hour, "session": session, "alarmed": alarmed}


def _proved(http: httpx2.Client, token: str, size: int) -> list[float]:
    """Ask for proofs of entries all over the log."""
    took = []
    for number in range(PROOFS + 3):
        place = 1 + number * 7919 * 104_729 % size
        began = time.monotonic()
        http.get(f"/api/v1/audit/entries/{place}/proof", headers={"Authorization": token}).raise_for_status()
        took.append((time.monotonic() - began) * 1000)
    return took[3:]


def _looked(http: httpx2.Client, cookie: str, values: dict[str, Any], looks: int) -> dict[str, list[float]]:
    """Look at each page so often, in turn, so that what else the machine does falls on all of them alike."""
    pages: dict[str, list[float]] = {name: [] for name in FILTERS}
    for number in range(1 + looks):
        for name, took in pages.items():
            began = time.monotonic()
            http.get(f"/audit/?{FILTERS[name].format(**values)}", headers={"Cookie": cookie}).raise_for_status()
            if number:
                took.append((time.monotonic() - began) * 1000)
    return pages
