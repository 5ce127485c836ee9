"""A signed log, and exports of it that are made at once."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connections

from audit.actors import Actor
from audit.exports import exports, serving, work
from audit.exports.making import PACE, Pace
from audit.exports.models import Export
from audit.note import Signer
from audit.queries import EntryFilter
from audit.seal import origin, seal
from audit.sealer import Sealer

ALL = EntryFilter()
AUDREY = Actor("user", "6", "Audrey")


@pytest.fixture
def signer(fresh_database: Any) -> Signer:
    """The log's key."""
    return Signer(origin(), Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def ask(where: EntryFilter = ALL, *, kind: str = "bundle", texts: bool = False, actor: Actor = AUDREY) -> Export:
    """Ask for an export."""
    return exports.ask_export(kind=kind, where=where, actor=actor, texts=texts)


def made(signer: Signer, row: Export, *, pace: Pace = PACE) -> tuple[Export, bytes]:
    """Sign what is committed, make the export that was asked for, and return it with its file."""
    seal(signer)
    claimed = work.claim(row.number)
    assert claimed is not None
    work.make(claimed, until=time.monotonic() + 6000, pace=pace)
    row = exports.export_numbered(exports.ref_of(row))
    assert row.status == "ready", row.error
    return row, file_of(row)


def file_of(row: Export) -> bytes:
    """The file of an export."""
    return b"".join(serving.parts(row, 0, row.bytes - 1))


@contextlib.contextmanager
def sealing(signer: Signer) -> Iterator[None]:
    """A sealer at work, as in life."""
    sealer = Sealer(signer, every_s=0.05)

    def work_on() -> None:
        try:
            sealer.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=work_on)
    thread.start()
    try:
        yield
    finally:
        sealer.stopping.set()
        thread.join(180)
