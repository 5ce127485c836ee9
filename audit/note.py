"""Signed notes and the checkpoints in them (C2SP signed-note, tlog-checkpoint, tlog-cosignature; Ed25519). Pure.

A note is a text that ends in a newline, an empty line, and a line for each signature:

    — <name> base64(key id ‖ signature)      key id: the first 4 bytes of SHA-256(name ‖ newline ‖ type ‖ public key)

The text of a checkpoint has three lines: the log's origin, its size in decimal, its root in base64. A witness signs
"cosignature/v1", the time, and that text. See https://c2sp.org/signed-note, /tlog-checkpoint and /tlog-cosignature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519, COSIGNATURE = 1, 4
"""Types of signatures, as they go into a key's id."""
DASH = "\N{EM DASH} "
MOST = 1_000_000
"""No note is longer, in characters; none has more signatures than lines fit."""


class BadNote(ValueError):
    """It is no signed note, no checkpoint or no key."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and whose it is: `name+hash+base64(type ‖ key)` as text."""

    name: str
    key: bytes
    type: int = ED25519

    @classmethod
    def of(cls, text: str) -> Verifier:
        """Return what `str` of it gave. Raises BadNote."""
        name, _, rest = text.strip().partition("+")
        id_, _, said = rest.partition("+")
        raw = _decoded(said)
        if not _is_name(name) or len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise BadNote("a verifier key is name+hash+base64, of an Ed25519 key")
        found = cls(name, raw[1:], raw[0])
        if id_ != found.id.hex():
            raise BadNote("the hash of the verifier key is not that of its name and key")
        return found

    @property
    def id(self) -> bytes:
        """Its four bytes in the lines of signatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.key).digest()[:4]

    def __str__(self) -> str:
        """Return it as text."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.type]) + self.key).decode()}"

    def accepts(self, text: str, signature: bytes) -> bool:
        """Return whether this key signed `text` so. A cosignature begins with its time, 8 bytes big endian, in seconds."""
        said = text.encode()
        if self.type == COSIGNATURE:
            said = _cosigned(int.from_bytes(signature[:8], "big"), text)
            signature = signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, said)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """One line of a note: who says that they signed, by which key, and what."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        """Return the line without its newline."""
        return f"{DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, none of them checked."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def of(cls, said: str) -> Note:
        """Return a note that was written. Raises BadNote."""
        text, between, lines = said.rpartition("\n\n")
        if not between or not lines.endswith("\n") or len(said) > MOST:
            raise BadNote("a signed note has an empty line before its signatures and ends in a newline")
        return cls(text + "\n", tuple(_signature(line) for line in lines[:-1].split("\n")))

    def __str__(self) -> str:
        """Return it as it is written."""
        return "\n".join([self.text, *map(str, self.signatures), ""])

    def signed_by(self, keys: Iterable[Verifier]) -> Iterator[tuple[Verifier, Signature]]:
        """Yield those of the trusted keys that signed it. A wrong signature by a trusted key raises BadNote."""
        known = {(key.name, key.id): key for key in keys}
        for one in self.signatures:
            key = known.get((one.name, one.key_id))
            if key is None:
                continue
            if not key.accepts(self.text, one.signature):
                raise BadNote(f"the signature of {one.name} is not that of its key")
            yield key, one


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How large a log was, and its root then."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def of(cls, text: str) -> Checkpoint:
        """Return what the text of a note says; lines that follow are passed over. Raises BadNote."""
        origin, size, root, *_ = [*text.split("\n"), "", "", ""]
        digest = _decoded(root)
        if not origin or not size.isascii() or not size.isdigit() or (size[0] == "0" and size != "0") or len(digest) != 32:
            raise BadNote("a checkpoint names its origin, the size and the root, each in a line")
        return cls(origin, int(size), digest)

    def __str__(self) -> str:
        """Return the text to be signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and whose it is."""

    name: str
    key: Ed25519PrivateKey

    def verifier(self, type_: int = ED25519) -> Verifier:
        """Return the public half."""
        return Verifier(self.name, self.key.public_key().public_bytes_raw(), type_)

    def sign(self, text: str) -> Signature:
        """Sign a text. The same text always gets the same bytes (RFC 8032)."""
        return Signature(self.name, self.verifier().id, self.key.sign(text.encode()))

    def cosign(self, text: str, at: int) -> Signature:
        """Sign as a witness who saw the text at a time, in seconds since 1970."""
        return Signature(self.name, self.verifier(COSIGNATURE).id, at.to_bytes(8, "big") + self.key.sign(_cosigned(at, text)))


def _cosigned(at: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _signature(line: str) -> Signature:
    name, _, said = line.removeprefix(DASH).partition(" ")
    raw = _decoded(said)
    if not line.startswith(DASH) or not _is_name(name) or len(raw) < 5:
        raise BadNote("a signature is a dash, a name and base64")
    return Signature(name, raw[:4], raw[4:])


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(letter.isspace() for letter in name)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("a part of it is not base64") from None
