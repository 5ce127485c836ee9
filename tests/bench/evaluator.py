"""Plays runs of suites as a process of its own, without the queue around it: `python -m tests.bench.evaluator`."""

import signal
import threading

import django

django.setup()

from agents.evals.work import work_open  # noqa: E402  settings first
from agents.tasks import provider  # noqa: E402
from agents.tools import registry  # noqa: E402

REST_S = 0.1


def main() -> None:
    """Play what is open until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    registry.load()
    while not stop.is_set():
        if not work_open(provider):
            stop.wait(REST_S)


if __name__ == "__main__":
    main()
