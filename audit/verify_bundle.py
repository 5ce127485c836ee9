#!/usr/bin/env python3
"""Verify a bundle of a Countersign audit log, far from where it was made. This one file, Python 3.11 and `cryptography`.

    python verify_bundle.py BUNDLE --key 'countersign/LOG-ID+hash+key' --witness 'witness.example+hash+key'

Which keys are trusted is said here, and never taken from a bundle. It leaves with

    0  good: every entry stands where the log that was signed has it, and nothing is missing of what the bundle promises
    1  tampered: something is not what was signed; the first wrong entry is named
    2  unusable: no bundle, no key of its log, or cut off in the middle of a line
    3  incomplete: nothing is wrong, but no trusted witness saw it, it is too old, a part of a stream, or without its end

Memory does not grow with the bundle. What is checked, and what a bundle looks like: docs/audit-format.md.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import io
import json
import re
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GOOD, TAMPERED, UNUSABLE, INCOMPLETE = range(4)
VERSIONS = (1, 2)
"""Formats of bundles that are read; 2 holds the checkpoints in between."""
CHECKPOINTS = 100_000
"""Checkpoints in between that a bundle holds at most."""
LINE = 4 * 1024 * 1024
"""No line of a bundle is longer, in bytes; no note and no list of cosignatures either."""
ED25519, COSIGNATURE = 1, 4
ROTATED, KEYS = "seal.key_rotated", "seal"
SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
ALLOWED = {"part", "stale", "unwitnessed"}
PRINTED_BY = {ED25519: "manage.py seal_key --show", COSIGNATURE: "python -m audit.witness key"}
_sha256 = hashlib.sha256


class Unusable(Exception):
    """It cannot be verified at all."""


class Wrong(Exception):
    """Something is not what was signed: where, as far as that is known, and what."""

    def __init__(self, reason: str, index: int | None = None, stream: str = "", seq: int | None = None) -> None:
        super().__init__(reason)
        self.where = {"index": index, "stream": stream, "seq": seq, "reason": reason}


# JSON that can be read in one way only


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands in it twice")
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is no number of an entry")


def _integer(text: str) -> int:
    if len(text) > 17 or not -(2**53) < (value := int(text)) < 2**53:
        _refuse(text)
    return value


_line = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse).decode
_body = json.JSONDecoder(parse_int=_integer, parse_float=_refuse, parse_constant=_refuse).decode
_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode
_in_order = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_WIDE_KEY = re.compile(r'[\U00010000-\U0010ffff](?:[^"\\]|\\.)*":')
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
DEEPEST = 65


def _object(text: str) -> dict[str, Any]:
    """Return what a line says. Raises ValueError, TypeError, RecursionError where it is no object."""
    value = _line(text)
    if not isinstance(value, dict):
        raise TypeError("it is no object")
    return value


def _parsed(text: str) -> Any:
    """Return what an entry's bytes say. Raises ValueError where they are not RFC 8785's, or say what no entry says."""
    value = _body(text)
    # The standard encoder sorts keys by code point, RFC 8785 by UTF-16: they agree where no key goes beyond U+FFFF.
    wide = not text.isascii() and _WIDE_KEY.search(text)
    if (_in_order(_sorted(value)) if wide else _canonical(value)) != text:  # also finds a name that stands in it twice
        raise ValueError("its bytes are not canonical")
    if "\\u0000" in text and _NUL.search(text):
        raise ValueError("it holds a NUL character")
    if text.count("{") + text.count("[") > DEEPEST and _depth(value) > DEEPEST:
        raise ValueError("it is nested too deeply")
    return value


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def _depth(value: Any) -> int:
    if isinstance(value, dict | list):
        return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
    return 0


def _is_hex(value: Any, digits: int) -> bool:
    return isinstance(value, str) and len(value) == digits and not value.strip("0123456789abcdef")


# What an entry of format 1 says

_TS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII).fullmatch
_KIND = re.compile(r"[a-z_]+\.[a-z_]+").fullmatch
_STREAM = re.compile(r"[a-z][a-z_]{0,39}(:[A-Za-z0-9][A-Za-z0-9._@+-]{0,119})?").fullmatch
_HEX = re.compile(r"[0-9a-f]+").fullmatch


def _is_principal(value: Any) -> bool:
    if not isinstance(value, dict) or not {"kind", "id", "name"} <= value.keys() <= _PRINCIPAL:
        return False
    said = all(isinstance(text, str) for text in value.values()) and value.get("token") != "" != value.get("on_behalf_of")
    return said and value["kind"] in {"user", "service", "agent", "system"}


def _is_content(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(one, dict) and one.keys() == _COMMITTED and isinstance(one["class"], str) and _is_hex(one["commitment"], 64)
        for one in value.values()
    )


_PRINCIPAL = {"kind", "id", "name", "token", "on_behalf_of"}
_COMMITTED = {"commitment", "class"}
_REQUIRED = {"v", "log", "stream", "ts", "kind", "principal", "facts"}
_MEMBERS: Mapping[str, Callable[[Any], Any]] = {
    "v": lambda value: type(value) is int and value == 1,
    "log": lambda value: True,  # compared with the bundle's, as is the stream
    "stream": lambda value: True,
    "ts": lambda value: isinstance(value, str) and _TS(value),
    "kind": lambda value: isinstance(value, str) and _KIND(value),
    "principal": _is_principal,
    "facts": lambda value: isinstance(value, dict),
    "ids": lambda value: isinstance(value, list) and value and all(isinstance(one, str) for one in value),
    "rev": lambda value: type(value) is int and value != 0,
    "content": lambda value: value and _is_content(value),
    "trace": lambda value: isinstance(value, str) and _HEX(value),
    "span": lambda value: isinstance(value, str) and _HEX(value),
    "closes": lambda value: value is True,
}


# Keys and signed notes (C2SP signed-note, tlog-checkpoint, tlog-cosignature)


@dataclass(frozen=True, slots=True)
class Key:
    """A public key and whose it is: `name+hash+base64(type ‖ key)`."""

    text: str
    name: str
    id: bytes
    type: int
    public: bytes

    @classmethod
    def of(cls, text: str) -> Key:
        """Return what is written so. Raises ValueError."""
        name, _, rest = text.strip().partition("+")
        id_, _, said = rest.partition("+")
        raw = base64.b64decode(said, validate=True)
        key = cls(text.strip(), name, _sha256(name.encode() + b"\n" + raw).digest()[:4], raw[0] if raw else 0, raw[1:])
        if not name or len(raw) != 33 or key.type not in (ED25519, COSIGNATURE) or id_ != key.id.hex():
            raise ValueError("a key is name+hash+base64, of an Ed25519 key")
        return key

    def signed(self, said: bytes, signature: bytes) -> bool:
        """Return whether the signature is this key's over these bytes."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, said)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint with its signatures, none of them checked."""

    text: str
    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def of(cls, said: Any) -> Note:
        """Return a note that was written. Raises ValueError."""
        if not isinstance(said, str) or len(said) > LINE:
            raise ValueError("it is no signed note")
        text, between, lines = said.rpartition("\n\n")
        head = text.split("\n")
        if (
            not between
            or not lines.endswith("\n")
            or len(head) != 3
            or not re.fullmatch(r"[1-9][0-9]{0,18}", head[1], re.ASCII)
        ):
            raise ValueError("it is no signed checkpoint")
        root = base64.b64decode(head[2], validate=True)
        if len(root) != 32 or base64.b64encode(root).decode() != head[2]:
            raise ValueError("its root is no hash")
        return cls(f"{text}\n", head[0], int(head[1]), root, tuple(map(_signature, lines[:-1].split("\n"))))

    def signed_by(self, key: Key) -> bool:
        """Return whether a key signed it. Raises ValueError where a line says so wrongly."""
        lines = [signature for name, id_, signature in self.signatures if (name, id_) == (key.name, key.id)]
        if not all(key.signed(self.text.encode(), signature) for signature in lines):
            raise ValueError(f"the signature of {key.name} is not that of its key")
        return bool(lines)


def _signature(line: Any) -> tuple[str, bytes, bytes]:
    """Return the name, the key's id and the signature of one line of a note. Raises ValueError."""
    dash, name, said = [*str(line).split(" "), "", ""][:3]
    raw = base64.b64decode(said, validate=True)
    if dash != "\N{EM DASH}" or line != f"{dash} {name} {base64.b64encode(raw).decode()}" or not name or len(raw) < 68:
        raise ValueError("a signature is a dash, a name and base64")
    return name, raw[:4], raw[4:]


class Keys:
    """Who signs the log: its keys in the order in which they took each other's place, and those that are trusted."""

    def __init__(self, trusted: Sequence[Key]) -> None:
        self.trusted = trusted
        self._chain: list[Key] = []
        self._from: list[int] = []

    def rotated(self, facts: Mapping[str, Any], index: int, origin: str) -> None:
        """Take in an entry that says that a key took the place of another. Raises ValueError where it did not."""
        try:
            old, new = Key.of(facts["old"]), Key.of(facts["new"])
            by_old, by_new = (base64.b64decode(facts[name], validate=True) for name in ("by_old", "by_new"))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("it does not say which key took the place of which") from error
        said = f"countersign.key_rotated.v1\n{old.text}\n{new.text}\n".encode()
        if (old.name, new.name, old.type, new.type) != (origin, origin, ED25519, ED25519):
            raise ValueError("its keys are not keys of this log")
        if not (old.signed(said, by_old) and new.signed(said, by_new)):
            raise ValueError("the change of the log's key is not signed by both keys")
        if self._chain and self._chain[-1] != old:
            raise ValueError("the key that it replaces was not in force")
        self._chain = [*(self._chain or [old]), new]
        self._from.append(index)

    @property
    def known(self) -> bool:
        """True once an entry said which key was in force before it."""
        return bool(self._chain)

    def signs(self, note: Note) -> bool:
        """Return whether a checkpoint is signed by the key in force at its size, as far as it is known. Raises ValueError.

        Whether that key leads to a trusted one is asked at the end.
        """
        if not self._chain:
            return any(note.signed_by(key) for key in self.trusted)
        return note.signed_by(self._chain[sum(index <= note.size for index in self._from)])

    def signer(self, note: Note) -> str:
        """Return whose key signed a checkpoint of this log. Raises ValueError where it is none that is trusted for its size."""
        if not self._chain:
            by = [key for key in self.trusted if note.signed_by(key)]
        else:
            in_force = self._chain[sum(index <= note.size for index in self._from)]
            linked = any(key in self._chain for key in self.trusted)
            by = [in_force] if linked and note.signed_by(in_force) else []
        if not by:
            raise ValueError(f"the checkpoint of {note.size} entries is not signed by a key that is trusted for it")
        return by[0].text


# The Merkle tree (RFC 6962)


class Tree:
    """A tree that grows from left to right, and holds no more than the roots of its complete subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, hash_: bytes, level: int = 0) -> None:
        """Add a complete subtree of 2^level leaves; the size is a multiple of that."""
        peaks, number = self._peaks, self.size >> level
        self.size += 1 << level
        while number & 1:
            hash_ = _sha256(b"\1" + peaks.pop() + hash_).digest()
            number >>= 1
        peaks.append(hash_)

    def root(self) -> bytes:
        """Return the root of what was added so far."""
        found, *rest = reversed(self._peaks)
        for left in rest:
            found = _sha256(b"\1" + left + found).digest()
        return found

    def levels(self, end: int) -> list[int]:
        """Return the levels of the largest complete subtrees that lead from this size to another one, from left to right."""
        found, start = [], self.size
        while start < end:
            most = (end - start).bit_length() - 1
            level = min(most, (start & -start).bit_length() - 1) if start else most
            found.append(level)
            start += 1 << level
        return found


def _continues(path: Sequence[bytes], old: Note, new: Note) -> bool:
    """Return whether the first tree is the beginning of the second (RFC 9162, section 2.1.4.2)."""
    if old.size >= new.size or not path:
        return old.size == new.size and old.root == new.root and not path
    steps = list(path) if old.size & (old.size - 1) else [old.root, *path]
    number, last = old.size - 1, new.size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            before, after = _sha256(b"\1" + step + before).digest(), _sha256(b"\1" + step + after).digest()
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            after = _sha256(b"\1" + after + step).digest()
        number, last = number >> 1, last >> 1
    return last == 0 and before == old.root and after == new.root


# The chains


State = tuple[int, str, bool, bool, int]
"""Where a chain stands: seq and hash of its last entry, whether that ended it, whether all from the first on are there, index."""


class Streams:
    """Where each chain stands. Those that were not seen for long lie in a temporary file, so that memory stays small."""

    MOST = 20_000

    def __init__(self) -> None:
        self._near: dict[str, State] = {}
        self._far: sqlite3.Connection | None = None

    def take(self, name: str) -> State | None:
        """Return where a chain stands; what is taken is put back by `put`."""
        state = self._near.pop(name, None)
        if state is None and self._far is not None:
            row = self._far.execute("SELECT seq, hash, closed, whole, at FROM far WHERE name = ?", [name]).fetchone()
            return None if row is None else (row[0], row[1], bool(row[2]), bool(row[3]), row[4])
        return state

    def put(self, name: str, state: State) -> None:
        """Remember where a chain stands."""
        self._near[name] = state
        if len(self._near) > self.MOST:
            self._lay_away()

    def finish(self, name: str) -> State | None:
        """Return where a chain stands, and forget it."""
        state = self.take(name)
        if self._far is not None:
            self._far.execute("DELETE FROM far WHERE name = ?", [name])
        return state

    def left(self) -> tuple[str, State] | None:
        """Return a chain that is not finished."""
        name = next(iter(self._near), None)
        if name is None and self._far is not None:
            (name,) = self._far.execute("SELECT min(name) FROM far").fetchone()
        return None if name is None or (state := self.take(name)) is None else (name, state)

    def _lay_away(self) -> None:
        if self._far is None:
            self._far = sqlite3.connect("", isolation_level=None)  # a file without a name, gone with this process
            self._far.execute("PRAGMA journal_mode = OFF")
            columns = "name TEXT PRIMARY KEY, seq INTEGER, hash TEXT, closed INTEGER, whole INTEGER, at INTEGER"
            self._far.execute(f"CREATE TABLE far ({columns}) WITHOUT ROWID")
            self._far.execute("BEGIN")
        oldest = [(name, *self._near[name]) for name, _ in zip(self._near, range(self.MOST // 2), strict=False)]
        self._far.executemany("INSERT OR REPLACE INTO far VALUES (?, ?, ?, ?, ?, ?)", oldest)
        for name, *_ in oldest:
            del self._near[name]


# Checkpoints between the first entry and the last


class Between:
    """How far the log is what was signed: the checkpoints in a bundle, held against the one fold of its tree.

    Where one does not fit, the entry behind the last that did is named, and nothing behind it is asked any more. A signature by a
    key that a later entry leads to waits until that entry is read.
    """

    def __init__(self) -> None:
        self.at = 0
        self.good = 0
        self.wrong: Wrong | None = None
        self.entry: tuple[int, str, int] = (0, "", 0)
        self._upto = 0
        self._count = 0
        self._waiting: list[Note] = []

    def holds(self, size: int) -> None:
        """Take in that so many entries are those that were signed."""
        if self.wrong is None:
            self.good = size

    def before(self, size: int) -> int:
        """Return how many entries are good of those that a checkpoint of this size covers, which does not fit."""
        return self.good if self.good < size else 0

    def first(self, later: Wrong) -> Wrong:
        """Return what is to be named where something else was found later: that, where it says more of the same place."""
        index = later.where["index"]
        closer = index <= self._upto if isinstance(index, int) else bool(later.where["stream"])
        return later if self.wrong is None or closer else self.wrong

    def take(self, note: Note, root: bytes, keys: Keys) -> None:
        """Take a checkpoint, and the root of what was read so far. Raises Wrong, ValueError for a bad signature."""
        self._count, self.at = self._count + 1, note.size
        if self._count > CHECKPOINTS:
            raise Wrong("more checkpoints stand in it than in any bundle", note.size)
        if not keys.signs(note):
            self._waiting.append(note)
            self.settle(keys)
        if self.wrong is None and root != note.root:
            self.wrong, self._upto = self.differs(note.size), note.size
        self.holds(note.size)

    def differs(self, size: int) -> Wrong:
        """Return that something up to here is not what was signed: the very entry where there is but one."""
        if self.wrong is not None:
            return self.wrong
        if self.good + 1 == size == self.entry[0]:
            return Wrong("it is not what was signed", *self.entry)
        return Wrong(f"from here to entry {size} something is not what was signed", self.good + 1)

    def settle(self, keys: Keys, *, ended: bool = False) -> None:
        """Check the signatures that waited for a key. Raises Wrong where the log has `ended` and none came, or it is not theirs."""
        left = [note for note in self._waiting if not keys.signs(note)]
        if left and (ended or keys.known):
            size = left[0].size
            raise Wrong(f"the checkpoint of {size} entries is not signed by a key that is trusted for it", size)
        self._waiting = left


# The bundle


@dataclass(slots=True)
class Asked:
    """What is demanded of a bundle."""

    keys: Sequence[Key]
    witnesses: Sequence[Key] = ()
    quorum: int = 1
    max_age_s: int | None = None
    since: Note | None = None
    allow: frozenset[str] = frozenset()
    now: float = 0


@dataclass(slots=True)
class Result:
    """What was found."""

    exit: int = UNUSABLE
    reason: str = ""
    first_wrong: dict[str, Any] | None = None
    incomplete: list[dict[str, str]] = field(default_factory=list)
    log: str = ""
    size: int = 0
    whole: bool = False
    entries: int = 0
    streams: int = 0
    texts: int = 0
    texts_missing: int = 0
    with_texts: bool = False
    signed_by: str = ""
    witnesses: dict[str, str] = field(default_factory=dict)


class Bundle:
    """One pass over the lines of a bundle."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.result = Result()
        self._keys = Keys(asked.keys)
        self._tree = Tree()
        self._streams = Streams()
        self._texts: dict[str, Any] = {}
        self._since = asked.since
        self._since_at = asked.since.size if asked.since else 0
        self._since_root, self._since_good = b"", 0
        self._origin, self._heads, self._ended = "", False, False
        self._between = Between()
        self._kinds = {"i": self._entry, "skip": self._skip, "text": self._text, "stream": self._head, "signed": self._signed,
                       "checkpoint": self._end}  # fmt: skip

    def read(self, lines: Iterator[bytes]) -> Result:
        """Verify all lines. Raises Wrong and Unusable."""
        self._first(next(lines, b""))
        try:
            for line in lines:
                self._next(line)
        except Wrong as wrong:
            raise self._between.first(wrong) from None
        if self._between.wrong is not None:
            raise self._between.wrong
        if not self._ended:
            self._lacks("end", "the bundle stops before its end: nothing of it is proved to be signed")
        result = self.result
        result.exit = INCOMPLETE if any(one["what"] not in self._asked.allow for one in result.incomplete) else GOOD
        return result

    def _first(self, line: bytes) -> None:
        try:
            said = _object(line.decode())
            log, size = said["log"], said["size"]
            version, origin, whole, texts = said["bundle"], said["origin"], said["whole"], said["texts"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Unusable("it is not a bundle of an audit log") from error
        if type(version) is not int or version not in VERSIONS:
            raise Unusable("it is a bundle of a format that this program does not know")
        if origin != f"countersign/{log}" or type(size) is not int or not 1 <= size < 2**63:
            raise Unusable("its first line is not one of a bundle")
        if not isinstance(whole, bool) or not isinstance(texts, bool) or (whole and said.get("filter")):
            raise Unusable("its first line does not say what it holds")
        if all(key.name != origin for key in self._asked.keys):
            raise Unusable(f"it is a bundle of {origin}, and no key that was given is one of that log's")
        self._kinds.pop("signed" if version == 1 else "", None)
        self._origin, self.result.log, self.result.size = origin, log, size
        self.result.whole, self.result.with_texts = whole, texts

    def _next(self, line: bytes) -> None:
        here = self._tree.size + 1
        try:
            said = _object(line.decode())
            take = next(self._kinds[name] for name in self._kinds if name in said) if "i" not in said else self._entry
        except (ValueError, RecursionError, StopIteration, TypeError) as error:
            raise Wrong("what stands here is no line of a bundle", here) from error
        if self._ended:
            raise Wrong("something stands after the bundle's end")
        try:
            take(said)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            told = str(error) if type(error) is ValueError else "what stands here is no line of a bundle"
            where = said.get("i") if take == self._entry else None
            raise Wrong(told, where, str(said.get("stream", "")), said.get("seq")) from error

    # Entries, and what was left out between them

    def _entry(self, line: dict[str, Any]) -> None:
        index, stream, seq, prev, text = line["i"], line["stream"], line["seq"], line["prev"], line["body"]
        tree = self._tree
        if len(line) != 5 or type(index) is not int or type(seq) is not int or not 1 <= seq < 2**63:
            raise ValueError("what stands here is no entry")
        if index != tree.size + 1:
            missing = index > tree.size
            raise Wrong("it is missing" if missing else "it stands here again", tree.size + 1 if missing else index)
        if self._heads:
            raise ValueError("an entry stands behind the heads of streams")
        body = text.encode()
        name = stream.encode()
        place = len(name).to_bytes(4, "big") + name + seq.to_bytes(8, "big")
        chained = b"countersign.entry.v1\0" + place + bytes.fromhex(prev) + _sha256(body).digest()
        hashed = _sha256(chained)
        before = self._streams.take(stream)
        if before is None:
            self.result.streams += 1
            started = self._starts(stream, seq, prev)
        else:
            started = self._follows(stream, seq, prev, before)
        said = _parsed(text)
        self._says(said, stream)
        if said["kind"] == ROTATED and stream == KEYS:
            self._keys.rotated(said["facts"], index, self._origin)
            self._between.settle(self._keys)
        self._streams.put(stream, (seq, hashed.hexdigest(), "closes" in said, started, index))
        tree.add(_sha256(b"\0" + hashed.digest()).digest())
        self._texts = said.get("content", {})
        self.result.texts_missing += len(self._texts)  # until they come
        self.result.entries += 1
        self._between.entry = index, stream, seq
        if index == self._since_at:
            self._was_since()

    def _starts(self, stream: str, seq: int, prev: str) -> bool:
        """Return whether an entry that is the first of its stream here is the first there is."""
        if not _STREAM(stream) or not _is_hex(prev, 64):
            raise ValueError("it names no stream, or no predecessor")
        if seq == 1 and prev != _sha256(b"countersign.genesis.v1\0" + stream.encode()).hexdigest():
            raise ValueError("it is the first of its stream, and names another beginning")
        if seq > 1 and self.result.whole:
            raise Wrong("it is missing: a later entry of its stream is there", None, stream, 1)
        return seq == 1

    def _follows(self, stream: str, seq: int, prev: str, before: State) -> bool:
        """Return whether all entries of a stream from its first to this one are there."""
        last, hash_, closed, whole, at = before
        if closed:
            raise ValueError("an entry stands after the end of its stream")
        if seq <= last:
            raise ValueError("two entries have the same place, or theirs are in the wrong order")
        if seq == last + 1:
            if prev != hash_:
                raise Wrong(
                    "it is not the entry that the one after it follows: its bytes or its place were changed", at, stream, last
                )
            return whole
        if self.result.whole or not _is_hex(prev, 64):
            raise Wrong("it is missing: a later entry of its stream is there", None, stream, last + 1)
        return False

    def _says(self, said: Any, stream: str) -> None:
        if not isinstance(said, dict) or not said.keys() >= _REQUIRED or said["log"] != self.result.log:
            raise ValueError("its bytes are not an entry of this log")
        if said["stream"] != stream:
            raise ValueError("its bytes belong to another stream")
        for name, value in said.items():
            if name not in _MEMBERS or not _MEMBERS[name](value):
                raise ValueError(f"its {name[:40]} is not what an entry of this format says")

    def _skip(self, line: dict[str, Any]) -> None:
        last, nodes, tree = line["skip"], line["nodes"], self._tree
        if len(line) != 2 or self._heads or type(last) is not int or not tree.size < last <= self.result.size:
            raise Wrong("what stands here leaves out what is not there", tree.size + 1)
        if self.result.whole:
            raise Wrong("it is left out of a bundle that leaves nothing out", tree.size + 1)
        levels = tree.levels(last)
        if len(levels) != len(nodes) or not all(_is_hex(node, 64) for node in nodes):
            raise Wrong("the hashes in the place of what was left out do not fit", tree.size + 1)
        for level, node in zip(levels, nodes, strict=True):
            tree.add(bytes.fromhex(node), level)
            if tree.size == self._since_at:
                self._was_since()
        self._texts = {}

    # Checkpoints in between

    def _was_since(self) -> None:
        """The fold is where the checkpoint that somebody kept was signed."""
        self._since_root, self._since_good = self._tree.root(), self._between.good
        if self._since is not None and self._since_root == self._since.root and self._since.origin == self._origin:
            self._between.holds(self._tree.size)

    def _signed(self, line: dict[str, Any]) -> None:
        note, tree = Note.of(line["checkpoint"]), self._tree
        if len(line) != 2 or self._heads or (note.origin, note.size) != (self._origin, line["signed"]):
            raise Wrong("a checkpoint stands behind it that is none of this log, or of another size", tree.size)
        if not self._between.at < note.size < self.result.size:
            raise Wrong("a checkpoint stands behind it that belongs elsewhere", tree.size)
        self._texts = {}
        self._between.take(note, tree.root() if tree.size == note.size else b"", self._keys)

    def _text(self, line: dict[str, Any]) -> None:
        name, at = line["text"], self._tree.size
        committed = self._texts.pop(name, None) if self.result.with_texts else None
        if len(line) != 4 or committed is None or not _is_hex(line["salt"], 32):
            raise Wrong("a text stands behind it that it does not commit to", at)
        self.result.texts_missing -= 1
        if "left_out" in line and "class" in line:
            self._lacks("part", "texts that are too long are left out")
            return
        made = _sha256(b"countersign.content.v1\0" + bytes.fromhex(line["salt"]) + line["body"].encode()).hexdigest()
        if committed != {"commitment": made, "class": line["class"]}:
            raise Wrong(f"its text {name!r} is not the one that it commits to", at)
        self.result.texts += 1

    # The end: heads, checkpoint, signatures

    def _head(self, line: dict[str, Any]) -> None:
        name, head, hash_, closed = line["stream"], line["head"], line["hash"], line["closed"]
        self._heads, self._texts = True, {}
        state = self._streams.finish(name)
        if len(line) != 4 or type(head) is not int or not isinstance(closed, bool) or not _is_hex(hash_, 64) or state is None:
            raise Wrong("the head of a stream is told that has no entry here, or twice", None, str(name))
        last, found, ended, whole, at = state
        if head > last and self.result.whole:
            raise Wrong("it is missing: the stream's head is after it", None, name, last + 1)
        if head < last or (head == last and hash_ != found) or (ended and (head > last or not closed)):
            raise Wrong("the stream's head is not its last entry", at, name, last)
        if head == last and closed != ended:
            raise Wrong("the stream is told to have ended, or not to, and its last entry says otherwise", at, name, last)
        if not self.result.whole and name != KEYS and not (whole and ended):
            self._lacks("part", "of some streams a part is here; what is missing of them is not proved to be nothing")

    def _end(self, line: dict[str, Any]) -> None:
        result, tree = self.result, self._tree
        if line.keys() != {"checkpoint", "cosigned", "older", "entries", "end"} or line["end"] is not True:
            raise ValueError("its last line is not one of a bundle")
        note = Note.of(line["checkpoint"])
        if (note.origin, note.size) != (self._origin, result.size):
            raise Wrong("its checkpoint is one of another log, or of another size")
        if tree.size < note.size:
            raise Wrong(f"it is missing: {note.size} entries were signed", tree.size + 1)
        if left := self._streams.left():
            raise Wrong("the head of its stream is not told", left[1][4], left[0], left[1][0])
        if line["entries"] != result.entries:
            raise Wrong(f"{line['entries']} entries are told, and {result.entries} are there")
        self._between.settle(self._keys, ended=True)
        older = None if line["older"] is None else self._older(line["older"], note)
        self._continued(note, older)
        if tree.size > note.size or tree.root() != note.root:
            raise self._between.differs(note.size)
        result.signed_by = self._keys.signer(note)
        self._witnessed(note, line["cosigned"])
        self._ended = True

    def _older(self, said: dict[str, Any], note: Note) -> Note:
        """Return the checkpoint that the bundle says it continues, once it is proved to."""
        older, path = Note.of(said["checkpoint"]), said["path"]
        if len(said) != 3 or not all(_is_hex(step, 64) for step in path):
            raise ValueError("its proof is not one of a bundle")
        if (older.origin, older.size) != (self._origin, said["size"]) or older.size > note.size:
            raise Wrong("the older checkpoint is one of another log, or of another size")
        if not _continues([bytes.fromhex(step) for step in path], older, note):
            raise Wrong(f"the first {older.size} entries are not what was signed before", self._between.before(older.size) + 1)
        self._keys.signer(older)
        return older

    def _continued(self, note: Note, older: Note | None) -> None:
        """Check against the checkpoint that was kept elsewhere."""
        since = self._since
        if since is None:
            return
        if since.origin != self._origin:
            raise Unusable("the checkpoint that it shall continue is one of another log")
        try:
            self._keys.signer(since)
        except ValueError as error:
            raise Unusable("the checkpoint that it shall continue is not signed by a trusted key") from error
        if since.size > note.size:
            told = f"it holds {note.size} entries, and {since.size} were signed: it was cut off or put back, or made before"
            raise Wrong(told, note.size + 1)
        shown = self._since_root or (older.root if older is not None and older.size == since.size else b"")
        if not shown:
            self._lacks("since", f"nothing in it proves that it continues the checkpoint of {since.size} entries")
        elif shown != since.root:
            raise Wrong(f"the first {since.size} entries are not what was signed before", self._since_good + 1)

    def _witnessed(self, note: Note, lines: Any) -> None:
        asked, fresh = self._asked, set()
        for name, id_, signature in (*note.signatures, *map(_signature, lines)):
            key = next((key for key in asked.witnesses if (key.name, key.id) == (name, id_)), None)
            if key is None:
                continue
            at = int.from_bytes(signature[:8], "big")
            if not key.signed(f"cosignature/v1\ntime {at}\n{note.text}".encode(), signature[8:]):
                raise ValueError(f"the cosignature of {name} is not that of its key")
            told = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(at, 253402300799)))
            self.result.witnesses[name] = max(told, self.result.witnesses.get(name, ""))
            if asked.max_age_s is None or at >= asked.now - asked.max_age_s:
                fresh.add(name)
        if len(self.result.witnesses) < asked.quorum:
            told = f"{len(self.result.witnesses)} of {asked.quorum} trusted witnesses saw what was signed"
            self._lacks("unwitnessed", told if asked.witnesses else "no witness to trust was named, see --witness")
        elif len(fresh) < asked.quorum:
            self._lacks("stale", "no trusted witness saw it recently enough: a newer log may exist")

    def _lacks(self, what: str, told: str) -> None:
        found = {"what": what, "told": told}
        if found not in self.result.incomplete:
            self.result.incomplete.append(found)


def verify(path: Path, asked: Asked) -> Result:
    """Verify the bundle in a file; raises nothing that the bundle is to blame for."""
    bundle = Bundle(asked)
    try:
        with gzip.open(path) as packed:
            return bundle.read(_lines(packed))
    except Wrong as wrong:
        bundle.result.exit, bundle.result.reason, bundle.result.first_wrong = TAMPERED, str(wrong), wrong.where
    except Unusable as unusable:
        bundle.result.reason = str(unusable)
    except FileNotFoundError:
        bundle.result.reason = "there is no such file"
    except (EOFError, OSError, zlib.error, sqlite3.Error) as error:
        bundle.result.reason = f"it cannot be read to its end ({type(error).__name__}: {error})"
    return bundle.result


def _lines(packed: Any) -> Iterator[bytes]:
    reader = io.BufferedReader(packed, 1 << 18)
    while line := reader.readline(LINE + 1):
        if not line.endswith(b"\n"):
            long = len(line) > LINE
            raise Unusable("a line is longer than any of a bundle" if long else "it is cut off in the middle of a line")
        yield line


def main(words: Sequence[str] | None = None) -> int:
    """Verify what the command line names, say what was found, and return the exit code."""
    given = _parser().parse_args(words)
    if given.witness and len({key.name for key in given.witness}) < given.quorum:
        sys.stderr.write(f"A quorum of {given.quorum} needs as many trusted witnesses.\n")
        return UNUSABLE
    try:
        since = None if given.since is None else Note.of(given.since.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"No checkpoint could be taken from {given.since}: {error}\n")
        return UNUSABLE
    asked = Asked(given.key, given.witness, given.quorum, given.max_age, since, frozenset(given.allow), time.time())
    found = verify(given.bundle, asked)
    sys.stdout.write(json.dumps(asdict(found)) + "\n" if given.json else _told(found))
    return found.exit


def _told(found: Result) -> str:
    verdict = ("Good", "Tampered", "Unusable", "Incomplete")[found.exit]
    lines = [f"{verdict}: {found.reason}." if found.reason else f"{verdict}."]
    if wrong := found.first_wrong:
        place = [f"{name} {wrong[name]}" for name in ("index", "stream", "seq") if wrong[name]]
        lines.append(f"First wrong entry: {', '.join(place)}." if place else "No single entry is to blame.")
    lines += [f"{one['what']}: {one['told']}." for one in found.incomplete]
    if found.exit in (GOOD, INCOMPLETE):
        of = "the whole log" if found.whole else "a selection of the log"
        lines.append(f"{found.entries} entries of {found.streams} streams, {found.texts} texts: {of} of {found.size} entries.")
        lines.append(f"{found.texts_missing} texts {'deleted' if found.with_texts else 'not asked for, or left out by right'}.")
        lines += [f"Signed by {found.signed_by}."] if found.signed_by else []
        lines += [f"Witnessed by {name} at {at}." for name, at in found.witnesses.items()]
    return "".join(f"{_printable(line)}\n" for line in lines)


def _printable(line: str) -> str:
    """Return a line in which nothing that stands in a bundle gives orders to a terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="verify_bundle.py", description="Verify a bundle of a Countersign audit log.")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument(
        "--key", action="append", required=True, type=_key(ED25519), help="a trusted key of the log; may be repeated"
    )
    parser.add_argument(
        "--witness", action="append", default=[], type=_key(COSIGNATURE), help="a trusted witness's key; may be repeated"
    )
    parser.add_argument("--quorum", type=_quorum, default=1, help="how many trusted witnesses must have seen it (1)")
    parser.add_argument("--max-age", type=_seconds, help="how long ago they may have seen it at most, for example 24h or 30d")
    parser.add_argument(
        "--since", type=Path, metavar="FILE", help="a checkpoint kept from before, which the bundle has to continue"
    )
    told = "of part, stale, unwitnessed, comma separated: good all the same"
    parser.add_argument("--allow", type=_allowed, default=[], metavar="WHAT", help=told)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _key(type_: int) -> Callable[[str], Key]:
    def key(text: str) -> Key:
        with suppress(ValueError):
            found = Key.of(text)
            if found.type == type_:
                return found
        raise argparse.ArgumentTypeError(f"{text!r} is no name+hash+base64 as {PRINTED_BY[type_]} printed it")

    return key


def _quorum(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on; to do without witnesses say --allow unwitnessed")
    return int(text)


def _seconds(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}[smhd]?", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no age; write it in seconds, or as 24h or 30d")
    return int(text[:-1]) * SPANS[text[-1]] if text[-1] in SPANS else int(text)


def _allowed(text: str) -> list[str]:
    found = [one.strip() for one in text.split(",")]
    if not set(found) <= ALLOWED:
        raise argparse.ArgumentTypeError(f"{text!r} is not part, stale or unwitnessed, or some of them with commas between")
    return found


if __name__ == "__main__":
    sys.exit(main())
