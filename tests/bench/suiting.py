"""Makes a suite, starts runs of it and waits for their end: `python -m tests.bench.suiting CASES REPEATS RUNS`.

Half of the cases are the bench's session: four questions to the model and three calls, the last of which would ask a person; the
others one call each. What tools answer is recorded. The last line is JSON: how long the runs took from the first start to the last
end, and what came of each.
"""

import json
import sys
import time
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402  settings first

from agents.evals.runs import OPEN, ref_of, run_numbered, start_run  # noqa: E402
from agents.evals.suites import create_suite, put_case  # noqa: E402
from agents.models import EvalRun, Suite  # noqa: E402
from agents.services import apply_agent  # noqa: E402
from tests.bench.people import AGENT, account, actor_of  # noqa: E402
from tests.bench.tools import FOUND  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

SUITE, SEED = "bench", 7
PATIENCE_S = 400


def document(number: int) -> dict[str, Any]:
    """The case of a number."""
    found = json.dumps({**FOUND, "case": number})
    recorded = [{"tool": tool, "result": found} for tool in AGENT["tools"]]
    if number % 2:
        call = f'call bench_look_up {{"query": "case {number}"}}'
        asked = {"kind": "called", "tool": "bench_look_up", "arguments": {"query": {"equals": f"case {number}"}}, "at_most": 1}
        return {
            "start": [{"text": call}],
            "recorded": recorded,
            "expect": [asked, {"kind": "not_called", "tool": "bench_send"}],
        }
    whole = [{"kind": "order", "tools": AGENT["tools"]}, {"kind": "called", "tool": "bench_send", "judged": "would ask"},
             {"kind": "within", "turns": 4, "calls": 3}]  # fmt: skip
    return {"start": [{"text": f"scenario: bench case={number}"}], "recorded": recorded, "expect": whole}


def make(cases: int, repeats: int) -> None:
    """Make the suite, once."""
    by = actor_of(account("paula", "prompt_manager"))
    if Suite.objects.filter(slug=SUITE).exists():
        return
    apply_agent(AGENT, actor=by)
    create_suite(slug=SUITE, title="The bench", prompt="bench", agent="bench", actor=by, repeats=repeats)
    for number in range(cases):
        put_case(slug=SUITE, name=f"case-{number}", title=f"Case {number}", document=document(number), actor=by)


def main(cases: int, repeats: int, runs: int) -> None:
    """Play so many runs with one seed, and print."""
    make(cases, repeats)
    by, began = actor_of(account("paula", "prompt_manager")), time.monotonic()
    refs = [ref_of(start_run(suite=SUITE, version="1.0.0", actor=by, seed=SEED, repeats=repeats)) for _ in range(runs)]
    numbers = [int(ref.removeprefix("E-")) for ref in refs]
    wait_until(lambda: not EvalRun.objects.filter(number__in=numbers, status__in=OPEN).exists(), seconds=PATIENCE_S)
    took, rows = time.monotonic() - began, [run_numbered(ref) for ref in refs]
    told = [{"status": row.status, "done": row.done, "passed": row.passed, "fingerprint": row.fingerprint} for row in rows]
    print(json.dumps({"seconds": took, "runs": told}))
    connection.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
