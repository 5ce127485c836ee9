"""A witness of the log, for a machine that is not the database's: it remembers what it saw, and signs that it still is so.

    python -m audit.witness key NAME                     make the witness's key and print its public half
    python -m audit.witness key --show                   print the public half of the key that there is
    python -m audit.witness look ADDRESS LOG-KEY         look once: check the newest checkpoint against the last one seen, cosign it;
                                                         with --submit hand the signature to the console, to keep and to show

Needs no database and no settings; it asks the API with a token that reads the audit trail (WITNESS_TOKEN). What it saw stands in a
SQLite file of its own. Leaves with 0 when all is well, with 1 when the log is not the one that it was, with 2 when it could not look.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from audit import keys
from audit.errors import CountersignError
from audit.key_chain import KeyChain
from audit.merkle import proves_consistency
from audit.note import COSIGNATURE, BadNote, Checkpoint, Note, Signer, Verifier

TIMEOUT_S = 30
LONGEST_REFUSAL = 10_000  # bytes of it that are read
GOOD, BROKEN, UNUSABLE = 0, 1, 2
ROTATIONS = "/audit/entries?kind=seal.key_rotated&limit=100"
Fetch = Callable[[str], Mapping[str, Any]]
"""Returns what the API says at a path below /api/v1."""
_TABLE = """
CREATE TABLE IF NOT EXISTS seen (origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL,
                                 PRIMARY KEY (origin, size)) STRICT
"""


class LogBroken(Exception):
    """The log is not the one that it was."""


class NotReached(Exception):
    """The log could not be asked."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Who looks: its key, the log's key that it trusts, where it remembers, and how it asks."""

    signer: Signer
    trusted: Verifier
    store: Path
    fetch: Fetch

    def look(self, now: int) -> Note:
        """Check the newest checkpoint against the last one seen, remember it, and return it cosigned at `now`, in seconds.

        Raises LogBroken where it is not signed by the log's key, smaller than what was seen, or no continuation of it.
        """
        note, checkpoint = self._shown()
        with closing(sqlite3.connect(self.store, timeout=TIMEOUT_S, isolation_level=None)) as seen:
            seen.execute(_TABLE)
            seen.execute("BEGIN IMMEDIATE")  # two looks at once would both go on from the same
            row = seen.execute(
                "SELECT size, root FROM seen WHERE origin = ? ORDER BY size DESC LIMIT 1", [checkpoint.origin]
            ).fetchone()
            if row is not None:
                self._continues(Checkpoint(checkpoint.origin, row[0], bytes(row[1])), checkpoint)
            cosigned = Note(note.text, (*note.signatures, self.signer.cosign(note.text, now)))
            told = [checkpoint.origin, checkpoint.size, checkpoint.root, str(cosigned)]
            seen.execute("INSERT OR REPLACE INTO seen (origin, size, root, note) VALUES (?, ?, ?, ?)", told)
            seen.execute("COMMIT")
        return cosigned

    def _shown(self) -> tuple[Note, Checkpoint]:
        try:
            note = Note.of(str(self.fetch("/audit/checkpoint").get("note")))
            checkpoint = Checkpoint.of(note.text)
            signed = any(note.signed_by([self.trusted])) or self._led_to(note, checkpoint.size)
        except BadNote as error:
            raise LogBroken(f"what it shows is no checkpoint: {error}") from error
        if not signed or checkpoint.origin != self.trusted.name:
            raise LogBroken(f"its checkpoint is not signed by {self.trusted.name}")
        return note, checkpoint

    def _led_to(self, note: Note, size: int) -> bool:
        """Return whether the trusted key was replaced by the one that signed this, step by step. Raises BadNote."""
        entries = self.fetch(ROTATIONS).get("items") or ()
        found = [(one["log_index"], one["facts"]) for one in reversed(entries) if one["log_index"]]
        return bool(found) and self.trusted.key != KeyChain(found, [self.trusted]).signer(note, size).key

    def _continues(self, last: Checkpoint, new: Checkpoint) -> None:
        if new.size < last.size:
            raise LogBroken(f"it shows {new.size} entries, and had {last.size}: it was cut off or put back")
        path: Sequence[bytes] = ()
        if new.size > last.size:
            try:
                said = self.fetch(f"/audit/consistency?older={last.size}&newer={new.size}").get("path") or ()
                path = [bytes.fromhex(step) for step in said]
            except (ValueError, TypeError) as error:
                raise LogBroken(f"it has no proof that its first {last.size} entries are what they were") from error
        if not proves_consistency(path, last.size, last.root, new.size, new.root):
            raise LogBroken(f"its first {last.size} entries are not what they were")


def over_http(address: str, token: str) -> Fetch:
    """Return how to ask an installation at an address; what is not found is an empty answer, all else raises NotReached."""

    def fetch(path: str) -> Mapping[str, Any]:
        return _asked(address, token, path)

    return fetch


def submit(address: str, token: str, note: Note) -> None:
    """Hand a cosigned checkpoint to the installation, which keeps and shows it. Raises NotReached."""
    if not _asked(address, token, "/audit/cosignatures", json.dumps({"note": str(note)}).encode()):
        raise NotReached(f"{address} has no checkpoint of that size any more")


def _asked(address: str, token: str, path: str, body: bytes | None = None) -> Mapping[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = Request(f"{address.rstrip('/')}/api/v1{path}", body, headers)  # noqa: S310 given by hand
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 as above
            said = json.load(answer)
    except HTTPError as refused:
        if refused.code == 404:
            return {}
        raise NotReached(f"{address} refused with {refused.code}{_why(refused)}") from refused
    except URLError as error:
        raise NotReached(f"{address} could not be asked: {error}") from error
    except (OSError, ValueError, HTTPException, RecursionError) as error:
        raise NotReached(f"{address} did not answer as the API does: {type(error).__name__}") from error
    return said if isinstance(said, dict) else {}


def _why(refused: HTTPError) -> str:
    """Return the reason that a refusal gives; nothing where it is not one of the API's."""
    try:
        detail = json.loads(refused.read(LONGEST_REFUSAL)).get("detail")
    except (OSError, ValueError, HTTPException, RecursionError, AttributeError):
        return ""
    if not isinstance(detail, str):
        return ""
    return ": " + "".join(one if one.isprintable() else ascii(one)[1:-1] for one in detail)


def main(words: Sequence[str] | None = None) -> int:
    """Do what was asked for; returns the exit code."""
    given = _parser().parse_args(words)
    try:
        if given.what == "key":
            made = keys.read(given.key) if given.show else keys.make(given.key, given.name)
            sys.stdout.write(f"{made.verifier(COSIGNATURE)}\n")
            return GOOD
        token = os.environ.get("WITNESS_TOKEN", "")
        witness = Witness(keys.read(given.key), Verifier.of(given.log_key), given.store, over_http(given.address, token))
        note = witness.look(int(time.time()))
        if given.submit:
            submit(given.address, token, note)
    except LogBroken as broken:
        sys.stderr.write(f"The log is not the one that it was: {broken}.\n")
        return BROKEN
    except (NotReached, BadNote, CountersignError, sqlite3.Error, OSError) as error:
        sys.stderr.write(f"Could not look: {error}\n")
        return UNUSABLE
    sys.stdout.write(str(note))
    return GOOD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m audit.witness", description="Witness an audit log from outside.")
    what = parser.add_subparsers(dest="what", required=True)
    key, look = what.add_parser("key", help="make the witness's key"), what.add_parser("look", help="look once, and cosign")
    named = key.add_mutually_exclusive_group(required=True)
    named.add_argument("name", nargs="?", help="the witness's name, for example witness.example.org")
    named.add_argument("--show", action="store_true", help="print the public half of the key that there is")
    look.add_argument("address", help="where the console is, for example https://countersign.example.org")
    look.add_argument("log_key", help="the log's public key, as manage.py seal_key --show prints it")
    look.add_argument("--store", type=Path, default=Path("witness.sqlite3"), help="where it remembers what it saw")
    look.add_argument(
        "--submit", action="store_true", help="hand the signature to the console (its SEAL_WITNESSES name this witness)"
    )
    for one in (key, look):
        one.add_argument("--key", type=Path, default=Path("witness.key"), help="the witness's private key")
    return parser


if __name__ == "__main__":
    sys.exit(main())
