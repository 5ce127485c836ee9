"""Verify the audit log and say what is wrong first: exit 0 when all is well, 1 when it is not, 2 for no such stream."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.findings import answer_to, answered
from audit.seal import newest
from audit.verify import FirstBad, is_unknown, verify
from audit.verify_keys import trusted_keys


class Command(BaseCommand):
    """`manage.py verify_audit [--stream NAME] [--json]`."""

    help = "Verify the hash chains of the audit log, its index and the texts behind its commitments."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--stream", help='one stream only, for example "session:S-88123"')
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *, stream: str | None, json: bool, **_: Any) -> None:
        """Print the result; leave with 1 when something is wrong."""
        result = verify(stream, answered=answered())
        if is_unknown(result):
            raise CommandError(f"There is no stream {stream}. Whether one is missing says the whole log.", returncode=2)
        if json:
            self.stdout.write(_as_json(asdict(result)))
        elif result.first_bad is None:
            self.stdout.write(f"The log verifies: {result.checked} entries.")
            if not stream and newest() is not None and not trusted_keys():
                self.stdout.write("Signatures were not checked: SEAL_PUBLIC_KEY names no key.")
        else:
            bad = result.first_bad
            self.stderr.write(f"The log does not verify. First wrong entry: {_where(bad)}: {bad.reason}.")
            if (known := answer_to(bad)) is not None:
                self.stderr.write(
                    f"It was answered by {known.acknowledged_by} (verification {known.pk}); nothing else was found."
                )
        if not result.ok:
            raise SystemExit(1)


def _where(bad: FirstBad) -> str:
    places = (("entry", bad.seq), ("log index", bad.log_index))
    return ", ".join([bad.stream or "the log", *(f"{word} {place}" for word, place in places if place is not None)])


def _as_json(result: dict[str, Any]) -> str:
    return json.dumps(result)
