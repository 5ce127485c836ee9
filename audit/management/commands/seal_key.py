"""Make, show or replace the key that signs this log's checkpoints; prints its public half: `manage.py seal_key`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit import keys, rotation
from audit.errors import CountersignError
from audit.seal import origin


class Command(BaseCommand):
    """`manage.py seal_key [--show | --rotate] [--file PATH]`."""

    help = "Make the sealer's key and print its public half, by which checkpoints are verified elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--file", type=Path, default=settings.SEAL_KEY, help="where the key lies (SEAL_KEY)")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--show", action="store_true", help="print the public half of the key that is there")
        what.add_argument("--rotate", action="store_true", help="put a new key in its place, with an entry that both keys sign")

    def handle(self, *, file: Path, show: bool, rotate: bool, **_: Any) -> None:
        """Print one line."""
        try:
            signer = rotation.rotate(file) if rotate else keys.read(file) if show else keys.make(file, origin())
        except CountersignError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(str(signer.verifier()))
