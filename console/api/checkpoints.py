"""The signed log over the API: its newest checkpoint, and proofs that an entry, or an earlier log, is under it (RFC 6962)."""

from datetime import datetime
from typing import Annotated

from django.db import transaction
from ninja import Path, Query, Router, Schema
from pydantic import Field

from agents.queue import export_soon
from audit.cosignatures import accept, lines_for, signed
from audit.errors import NotSealed
from audit.exports.work import wake
from audit.models import Checkpoint
from audit.queries import entry
from audit.tree import Tree
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import Body, Exact
from console.rights import Right

router = Router(tags=["audit"])
Size = Annotated[int, Field(ge=1, le=2**62)]


class CheckpointOut(Schema):
    """How large the log was, its root then in hex, and the note that says so, signed by the log's key (C2SP checkpoint).

    `cosignatures` are the lines of witnesses that signed the same text, to be put behind those of the note.
    """

    size: int
    root: str
    at: datetime
    note: str
    cosignatures: list[str]


class CosignatureBody(Body):
    """A checkpoint as a note with the signature of a witness, as `python -m audit.witness look` prints it."""

    note: Annotated[str, Field(min_length=1, max_length=20_000)]


class InclusionProof(Schema):
    """The audit path of an entry, in hex: leaf number `log_index` - 1, of SHA-256(0x00 entry hash), under the checkpoint's root."""

    log_index: int
    entry_hash: str
    path: list[str]
    checkpoint: CheckpointOut


class ConsistencyProof(Schema):
    """The proof, in hex, that the log of the older checkpoint is the beginning of that of the newer one."""

    older: CheckpointOut
    newer: CheckpointOut
    path: list[str]


class SizeQuery(Exact):
    """Under which checkpoint: the one of this size, or without it the newest."""

    size: Size | None = None


class SizesQuery(Exact):
    """Between which checkpoints: from the one of this size to that one, or without it to the newest."""

    older: Size
    newer: Size | None = None


@endpoint(
    router, "GET", "/audit/checkpoint", right=Right.READ_AUDIT, scope="audit:read", answer=CheckpointOut, refuses=(404, 422)
)
def get_checkpoint(request: ApiRequest, page: Query[SizeQuery]) -> CheckpointOut:
    """Return the newest checkpoint, or the one of a size."""
    return _shape(*_of(page.size))


@endpoint(
    router,
    "GET",
    "/audit/entries/{index}/proof",
    right=Right.READ_AUDIT,
    scope="audit:read",
    answer=InclusionProof,
    refuses=(404, 422),
)
def prove_entry(request: ApiRequest, index: Annotated[int, Path(ge=1, le=2**62)], page: Query[SizeQuery]) -> InclusionProof:
    """Prove that an entry is in the log that was signed."""
    checkpoint, lines = _of(page.size)
    if index > checkpoint.size:
        entry(log_index=index)  # or there is none
        raise NotSealed(size=index)
    hash_, path = Tree().proved(index, checkpoint.size)
    return InclusionProof(
        log_index=index, entry_hash=hash_.hex(), path=[step.hex() for step in path], checkpoint=_shape(checkpoint, lines)
    )


@endpoint(
    router, "GET", "/audit/consistency", right=Right.READ_AUDIT, scope="audit:read", answer=ConsistencyProof, refuses=(404, 422)
)
def prove_consistency(request: ApiRequest, page: Query[SizesQuery]) -> ConsistencyProof:
    """Prove that a signed log is the beginning of a later one."""
    older, newer = _of(page.older), _of(page.newer)
    path = Tree().consistency_proof(older[0].size, newer[0].size)
    return ConsistencyProof(older=_shape(*older), newer=_shape(*newer), path=[step.hex() for step in path])


@endpoint(
    router,
    "POST",
    "/audit/cosignatures",
    right=Right.READ_AUDIT,
    scope="audit:read",
    answer=CheckpointOut,
    refuses=(404, 413, 415, 422),
)
def add_cosignature(request: ApiRequest, body: CosignatureBody) -> CheckpointOut:
    """Keep what a witness signed, beside its checkpoint: the newest line of each witness that SEAL_WITNESSES names.

    Bundles that wait for a witness are made then.
    """
    checkpoint = accept(body.note)
    if wake():
        transaction.on_commit(export_soon)
    return _shape(checkpoint, lines_for(checkpoint.size))


def _of(size: int | None) -> tuple[Checkpoint, list[str]]:
    found = signed(size)
    if found is None:
        raise NotSealed(size=size or 1)
    return found


def _shape(checkpoint: Checkpoint, cosignatures: list[str]) -> CheckpointOut:
    return CheckpointOut(
        size=checkpoint.size,
        root=bytes(checkpoint.root).hex(),
        at=checkpoint.at,
        note=checkpoint.note,
        cosignatures=cosignatures,
    )
