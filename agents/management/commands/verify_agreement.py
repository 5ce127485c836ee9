"""Hold every row against the log and say what disagrees: exit 0 when nothing does, 1 when something does."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from agents.agreement.check import check


class Command(BaseCommand):
    """`manage.py verify_agreement [--json]`."""

    help = "Hold sessions, calls, requests, decisions, prompts and the registry of streams against what the log says of them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *, json: bool, **_: Any) -> None:
        """Print the result; leave with 1 when something disagrees."""
        found = check()
        if json:
            self.stdout.write(_as_json({"ok": found.ok, **asdict(found)}))
        elif found.ok:
            looked = ", ".join(f"{number} {name}" for name, number in sorted(found.counts.items()))
            self.stdout.write(f"Rows and log agree: {looked or 'there is nothing yet'}.")
        else:
            rows = "1 row is" if found.wrong == 1 else f"{found.wrong} rows are"
            self.stderr.write(f"{rows} not what the log says. The first {len(found.findings)}:")
            for one in found.findings:
                self.stderr.write(f"- {one}")
        if not found.ok:
            raise SystemExit(1)


def _as_json(result: dict[str, Any]) -> str:
    return json.dumps(result)
