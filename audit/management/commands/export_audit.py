"""Export entries into a file on this machine: a bundle that is verified elsewhere, or CSV. It is an entry of the log, as all exports."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.actors import SYSTEM
from audit.errors import CountersignError
from audit.events import EventKind
from audit.exports import exports, serving, work
from audit.exports.lifecycle import OPEN
from audit.exports.making import NAMES, TIMES
from audit.exports.models import Export
from audit.index import index_soon
from audit.queries import EntryFilter
from audit.services import record

LOOK_S = 0.5
LONGEST_S = 24 * 3600.0


class Command(BaseCommand):
    """`manage.py export_audit --out FILE [--stream NAME …] [--csv] [--texts]`."""

    help = "Export entries of the audit log, with the proof of their place in the signed log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a new file")
        parser.add_argument("--csv", action="store_true", help="a table for a spreadsheet, which proves nothing")
        parser.add_argument("--texts", action="store_true", help="with raw content: whoever gets the file reads it")
        for name in NAMES:
            told = "a time such as 2026-01-31T12:00:00Z" if name in TIMES else "as on the page of the trail"
            parser.add_argument(f"--{name}", default="", help=told)

    def handle(self, *, out: Path, csv: bool, texts: bool, **asked: Any) -> None:
        """Make the file, print its hash, and forget the parts that it was made of."""
        if out.exists():
            raise CommandError(f"There is {out} already; nothing is written over.")
        if not out.parent.is_dir():
            raise CommandError(f"There is no folder {out.parent} to write to.")
        try:
            values: dict[str, Any] = {name: _time(asked[name]) if name in TIMES else asked[name] for name in NAMES}
            where = EntryFilter(**values)
            row = exports.ask_export(kind="csv" if csv else "bundle", where=where, texts=texts, actor=SYSTEM)
            row = _made(row, self.stderr.write)
            if row.status != "ready":
                raise CommandError(f"{exports.ref_of(row)} is {row.status}: {row.error or 'somebody cancelled it'}.")
            _write(row, out)
            exports.cancel_export(ref=exports.ref_of(row), actor=SYSTEM)
        except CountersignError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{row.sha256}  {out}")
        self.stdout.write(f"{row.entries} entries of the first {row.size} of the log, {row.bytes} bytes.")


def _time(said: str) -> datetime | None:
    if not said:
        return None
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise CommandError(f"{said} is no time; write one such as 2026-01-31T12:00:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _made(row: Export, tell: Callable[[str], Any]) -> Export:
    """Make it here, or wait for the worker that was faster, or for a witness; that it waits is told once."""
    told = False
    while row.status in OPEN:
        mine = work.claim(row.number)
        if mine is not None:
            work.make(mine, until=time.monotonic() + LONGEST_S)
        else:
            if not told:
                tell("Waiting for the worker that makes it, or for a witness to sign; Ctrl-C leaves it on the page of exports.")
            told = True
            time.sleep(LOOK_S)
        row = exports.export_numbered(exports.ref_of(row))
    return row


def _write(row: Export, out: Path) -> None:
    """Put the file in its place when all of it is there, after noting that it is handed out."""
    facts: exports.Facts = {
        "kind": row.kind,
        "texts": row.texts,
        "sha256": row.sha256,
        "bytes": row.bytes,
        "first": 0,
        "last": row.bytes - 1,
    }
    record([exports.entry_of(exports.ref_of(row), EventKind.AUDIT_EXPORT_DOWNLOADED, SYSTEM, facts)])
    index_soon()
    new = out.with_name(f".{out.name}.new")
    with new.open("wb") as file:
        for data in serving.parts(row, 0, row.bytes - 1):
            file.write(data)
    new.replace(out)
