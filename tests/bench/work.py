"""One drain loop as a process of its own, without the queue around it: the worker whose CPU is counted."""

import asyncio
import signal
import threading

import django

django.setup()

from agents.tasks import provider  # noqa: E402  settings first
from agents.tools import registry  # noqa: E402
from agents.worker import Worker, capacity  # noqa: E402


def main() -> None:
    """Work until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    registry.load()
    asyncio.run(Worker(provider(), capacity=capacity()).run(lifetime_s=3600, told_to_stop=stop.is_set))


if __name__ == "__main__":
    main()
