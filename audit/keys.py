"""Where the sealer's private key lies: one file that its owner alone reads, in the form of C2SP signed-note.

    PRIVATE+KEY+name+hash+base64(1 ‖ seed)

Whoever has the file signs as the log. It is given to the sealer alone; on one machine under one user that is no wall.
"""

from __future__ import annotations

import base64
import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.errors import KeyExists, NoKey
from audit.note import ED25519, Signer

PREFIX = "PRIVATE+KEY+"
READABLE_BY_OTHERS = 0o077
MADE_BY = "the log's is made by manage.py seal_key, a witness's by python -m audit.witness key NAME"


def make(path: Path, name: str) -> Signer:
    """Make a key and keep it in a new file. Raises KeyExists where there is a file: no key is ever written over."""
    signer = Signer(name, Ed25519PrivateKey.generate())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, written = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # its owner's alone
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(_text(signer) + "\n")
            file.flush()
            os.fsync(descriptor)
        os.link(written, path)  # whole or not at all, and never over another
    except FileExistsError:
        raise KeyExists(path=str(path)) from None
    finally:
        Path(written).unlink()
    return signer


def read(path: Path) -> Signer:
    """Return the key in a file. Raises NoKey where there is none, others could read it, or it is not one."""
    try:
        if path.stat().st_mode & READABLE_BY_OTHERS:
            raise NoKey(path=str(path), reason="others may read it; let its owner alone (chmod 600)")
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoKey(path=str(path), reason=f"it cannot be read ({type(error).__name__}); {MADE_BY}") from error
    try:
        name, _, said = text.removeprefix(PREFIX).split("+", 2)
        raw = base64.b64decode(said, validate=True)
        signer = Signer(name, Ed25519PrivateKey.from_private_bytes(raw[1:]))
    except ValueError as error:
        raise NoKey(path=str(path), reason="it is not a private key of a signed note") from error
    if raw[0] != ED25519 or text != _text(signer):
        raise NoKey(path=str(path), reason="its hash is not that of its name and key")
    return signer


def _text(signer: Signer) -> str:
    said = base64.b64encode(bytes([ED25519]) + signer.key.private_bytes_raw()).decode()
    return f"{PREFIX}{signer.name}+{signer.verifier().id.hex()}+{said}"
