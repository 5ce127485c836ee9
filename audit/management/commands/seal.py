"""Sign the log again and again: `manage.py seal`, until SIGTERM or Ctrl-C; `--once` signs what is there and leaves."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit import keys
from audit.errors import CountersignError
from audit.note import Signer
from audit.publish import checked, publish
from audit.rotation import current
from audit.seal import seal
from audit.sealer import Sealer


class Command(BaseCommand):
    """`manage.py seal [--once] [--key PATH] [--publish TARGET …]`."""

    help = "Sign checkpoints of the audit log and show them outside of the database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--key", type=Path, default=settings.SEAL_KEY, help="the private key (SEAL_KEY)")
        parser.add_argument("--publish", action="append", default=[*settings.SEAL_PUBLISH], metavar="TARGET",
                            help="file:PATH, exec:COMMAND or an address; may be repeated (SEAL_PUBLISH)")  # fmt: skip
        parser.add_argument(
            "--every", type=float, default=settings.SEAL_EVERY_S, help="seconds between two looks (SEAL_EVERY_S)"
        )
        parser.add_argument("--once", action="store_true", help="sign what is committed now, print the note, and leave")

    def handle(self, *, key: Path, publish: list[str], every: float, once: bool, **_: Any) -> None:
        """Seal."""
        try:
            signer, targets = current(key) if once else keys.read(key), [checked(target) for target in publish]
            if once:
                self._once(signer, targets)
                return
        except CountersignError as error:
            raise CommandError(error.detail) from error
        sealer = Sealer(signer, targets=targets, every_s=every, renew=partial(current, key))

        def stop(number: int, frame: FrameType | None) -> None:
            sealer.stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        sealer.run()

    def _once(self, signer: Signer, targets: list[str]) -> None:
        checkpoint = seal(signer)
        if checkpoint is None:
            raise CommandError("The log is empty.")
        for target in targets:
            publish(target, checkpoint.note)
        self.stdout.write(checkpoint.note, ending="")
