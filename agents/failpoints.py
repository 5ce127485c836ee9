"""Named places where a test may kill or stop the process, to prove that any instruction may be the last.

`FAILPOINTS=gate.after_effect:kill` (comma separated; `name:action[:nth]`) arms them. The console refuses to start
with one set outside tests. An armed point acts on its nth passing (first by default).
"""

import os
import signal
import threading
import time
from collections import Counter

NAMES = (
    "worker.after_claim",
    "ledger.before_commit",
    "ledger.in_transaction",
    "ledger.after_commit",
    "runner.before_model",
    "runner.after_model",
    "gate.before_intent",
    "gate.after_intent",
    "gate.after_effect",
    "gate.before_result",
    "gate.after_result",
    "answer.before_commit",
    "answer.after_decision",
)
"""Every failpoint of worker and gate."""

_passed: Counter[str] = Counter()


def parse(text: str) -> dict[str, tuple[str, int]]:
    """Read `name:action[:nth]` pairs; raises ValueError that names the wrong part."""
    armed = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, rest = part.partition(":")
        action, _, nth = rest.partition(":")
        if name not in NAMES or action not in ("kill", "stop", "hang"):
            raise ValueError(f"FAILPOINTS: {part!r} is not name:kill|stop|hang[:nth] with one of {', '.join(NAMES)}")
        armed[name] = (action, int(nth or 1))
    return armed


_ARMED = parse(os.environ.get("FAILPOINTS", ""))


def failpoint(name: str) -> None:
    """Do nothing, unless this point is armed."""
    if name in _ARMED:
        _act(name)


def _act(name: str) -> None:
    action, nth = _ARMED[name]
    _passed[name] += 1
    if _passed[name] != nth:
        return
    if action == "hang":
        time.sleep(3600)  # a test's hang: the test kills the process long before
    # To this very thread: sent to the process, another thread may take it, and this one goes on for a moment.
    signal.pthread_kill(threading.get_ident(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)
