"""Tamper with a copy of one session, and show what the checks find: exit 0 when every tampering was found, 1 when one was not."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.agreement.drill import TAMPERINGS, Drill, hold
from agents.agreement.errors import NothingToDrill, UnknownTampering
from audit.actors import SYSTEM


class Command(BaseCommand):
    """`manage.py audit_drill [NAME]`."""

    help = "Hold a drill: tamper with a copy of a session, never with the log itself, and show what is found."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("name", nargs="?", help=f"one of {', '.join(TAMPERINGS)}; without it each in turn")

    def handle(self, *, name: str | None, **_: Any) -> None:
        """Print what was found; leave with 1 when something was not, with 2 where nothing could be drilled."""
        missed = 0
        for one in [name] if name else TAMPERINGS:
            try:
                held = hold(one, actor=SYSTEM)
            except NothingToDrill as error:
                if name:
                    raise CommandError(str(error), returncode=2) from error
                self.stdout.write(f"{one}: not drilled, no checkpoint covers a decided session yet")
            except UnknownTampering as error:
                raise CommandError(str(error), returncode=2) from error
            else:
                missed += not held.found
                self.stdout.write(f"{one}: {_said(held)}")
        if missed:
            raise SystemExit(1)


def _said(held: Drill) -> str:
    if held.bad is not None:
        return f"found in the copy of {held.stream}, entry {held.bad.seq}: {held.bad.reason}"
    return f"found: {held.finding}" if held.finding else "NOT FOUND"
