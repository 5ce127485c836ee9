"""`manage.py worker`: runs agents. Two queue clusters as children, kept alive until SIGTERM or Ctrl-C.

Beside them, in threads, what waits in the outbox is sent to people, and the demo's people answer what they have to.
"""

import signal
from argparse import ArgumentParser
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, connections

from agents.clusters import Clusters, leave_with_parent
from agents.demo import past
from agents.queue import run_cluster
from agents.tools import registry
from agents.tools.definitions import note_definitions
from console.reach import sender

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Run the worker of this host."""

    help = "Run agents: the drain loops, schedules and background jobs of this host; send messages to people."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name of one cluster; used by the command itself for its children."""
        parser.add_argument("--cluster", choices=["drain", "background"], help="run one cluster in this process (internal)")

    def handle(self, *args: Any, cluster: str | None = None, **options: Any) -> None:
        """Keep both clusters, or be one."""
        registry.load()
        if cluster is not None:
            leave_with_parent()
            connections.close_all()  # what is open now must not be shared over the fork
            run_cluster()
            return
        _note_tools()
        clusters = Clusters(drains=settings.WORKERS)

        def stop(number: int, frame: FrameType | None) -> None:
            clusters.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        sending = sender.start(clusters.stopping)
        if settings.DEMO:
            past.start(clusters.stopping)  # what is cut off is said after the next start
        clusters.run()
        sending.join(clusters.left_s())  # a message that is cut off is sent again


def _note_tools() -> None:
    """Note what changed of the tools that this host runs; where the database is away, the next start does."""
    try:
        note_definitions()
    except (DatabaseError, InterfaceError) as error:
        log.warning("tools.not_noted", error=type(error).__name__)
    connections.close_all()  # what is open now must not be shared over a fork
