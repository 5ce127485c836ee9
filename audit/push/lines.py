"""How pushed entries are written: one object for each, with its place in the log and its link in the chain. Pure.

`{"i", "stream", "seq", "prev", "hash", "body"}`: log index, stream, number in it, hash of the entry before, its own, and the
exact bytes as text. Who has all entries of a stream sees by `prev` that none is missing; each can be hashed anew by itself.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

TYPE = "audit.entries"


@dataclass(frozen=True, slots=True)
class Link:
    """One entry to send."""

    i: int
    stream: str
    seq: int
    prev: bytes
    hash: bytes
    body: bytes


def line(link: Link) -> str:
    """Return an entry as one line of JSON, without the line's end."""
    # Bytes that somebody made unreadable are sent as far as they can be: their hash tells the receiver.
    text = link.body.decode("utf-8", "replace")
    said = {"i": link.i, "stream": link.stream, "seq": link.seq, "prev": link.prev.hex(), "hash": link.hash.hex(), "body": text}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def message(lines: Sequence[str], *, log: str, at: datetime) -> str:
    """Return the body of the webhook that carries these lines."""
    when = json.dumps(at.astimezone(UTC).isoformat().replace("+00:00", "Z"))
    return f'{{"type":"{TYPE}","timestamp":{when},"data":{{"log":"{log}","entries":[{",".join(lines)}]}}}}'


def secret(key: str, target: UUID, generation: int) -> str:
    """Return what messages to a target are signed with: made of the installation's key, never stored."""
    made = hmac.new(key.encode(), f"countersign.push {target.hex} {generation}".encode(), hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(made).decode()
