"""The chain of one stream: how commitments and hashes are made. Pure.

    commitment  = SHA-256("countersign.content.v1" NUL salt body)              salt: 16 random bytes
    genesis     = SHA-256("countersign.genesis.v1" NUL stream)                 the predecessor of the first entry
    entry hash  = SHA-256("countersign.entry.v1" NUL length stream seq predecessor SHA-256(bytes))
                  length: of the stream's name in bytes, 4 bytes big endian; seq: from 1, 8 bytes big endian

The database computes the same in `audit_append`; a test holds the two against each other.
"""

from __future__ import annotations

import hashlib

CONTENT = b"countersign.content.v1\0"
GENESIS = b"countersign.genesis.v1\0"
ENTRY = b"countersign.entry.v1\0"
SALT_BYTES = 16


def commitment(salt: bytes, body: str) -> str:
    """Return the salted commitment to a text, as 64 hex digits."""
    return hashlib.sha256(CONTENT + salt + body.encode()).hexdigest()


def genesis(stream: str) -> bytes:
    """Return the hash that the first entry of `stream` names as its predecessor."""
    return hashlib.sha256(GENESIS + stream.encode()).digest()


def entry_hash(stream: str, seq: int, prev_hash: bytes, body: bytes) -> bytes:
    """Return the hash of an entry: of its place in the chain and its exact bytes."""
    name = stream.encode()
    place = len(name).to_bytes(4, "big") + name + seq.to_bytes(8, "big")
    return hashlib.sha256(ENTRY + place + prev_hash + hashlib.sha256(body).digest()).digest()
