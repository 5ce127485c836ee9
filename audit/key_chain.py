"""The keys that signed the log, in the order in which each took the place of the one before. Pure.

A key takes another's place by an entry that both of them signed, over this text with a newline after each line:

    countersign.key_rotated.v1
    the old key as name+hash+base64
    the new key as name+hash+base64

Checkpoints that cover that entry are signed by the new key, all before by the old one. Whoever trusts one key of the chain can
follow it to the others.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from audit.note import ED25519, BadNote, Note, Signer, Verifier

Rotation = tuple[int, Mapping[str, Any]]
"""An entry that says so: its log index, its facts."""


def rotation_facts(old: Signer, new: Signer) -> dict[str, str]:
    """Return what the entry says, signed by both keys."""
    text = _text(old.verifier(), new.verifier())
    by_old, by_new = (base64.b64encode(one.key.sign(text.encode())).decode() for one in (old, new))
    return {"old": str(old.verifier()), "new": str(new.verifier()), "by_old": by_old, "by_new": by_new}


class KeyChain:
    """Which key signs the log at which size, and whether one that is trusted leads to it."""

    def __init__(self, rotations: Iterable[Rotation], trusted: Sequence[Verifier] = ()) -> None:
        """Take the entries in the order of the log. Raises BadNote where one is not signed by both keys, or skips a key."""
        self._trusted = trusted
        self._keys: list[Verifier] = []
        self._from: list[int] = []
        for log_index, facts in rotations:
            old, new = _replaced(facts)
            if self._keys and self._keys[-1] != old:
                raise BadNote(f"entry {log_index} of the log replaces a key that was not in force")
            self._keys = [*(self._keys or [old]), new]
            self._from.append(log_index)

    def in_force(self, size: int) -> Verifier | None:
        """Return the key that signs the log of a size; None where no key was ever replaced, so that any may be it."""
        return self._keys[sum(log_index <= size for log_index in self._from)] if self._keys else None

    def signer(self, note: Note, size: int) -> Verifier:
        """Return who signed the checkpoint of a size. Raises BadNote where it is nobody whom a trusted key leads to."""
        for found, _ in note.signed_by(self._trusted_for(size)):
            return found
        raise BadNote(f"the checkpoint of {size} entries is not signed by the log's key")

    def signs(self, note: Note, size: int) -> bool:
        """Return whether the checkpoint of a size is signed by a key that a trusted one leads to. A wrong line raises BadNote."""
        return any(note.signed_by(self._trusted_for(size)))

    def _trusted_for(self, size: int) -> Sequence[Verifier]:
        key = self.in_force(size)
        if key is None:
            return self._trusted
        return [key] if any(one in self._keys for one in self._trusted) else []


def _text(old: Verifier, new: Verifier) -> str:
    return f"countersign.key_rotated.v1\n{old}\n{new}\n"


def _replaced(facts: Mapping[str, Any]) -> tuple[Verifier, Verifier]:
    """Return the old and the new key of an entry. Raises BadNote where not both signed it."""
    try:
        old, new = Verifier.of(facts["old"]), Verifier.of(facts["new"])
        signed = [(old, base64.b64decode(facts["by_old"])), (new, base64.b64decode(facts["by_new"]))]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadNote("an entry does not say which key took the place of which") from error
    if old.name != new.name or {old.type, new.type} != {ED25519}:
        raise BadNote("a key of this log was replaced by one of another")
    if not all(key.accepts(_text(old, new), signature) for key, signature in signed):
        raise BadNote("a change of the log's key is not signed by both keys")
    return old, new
