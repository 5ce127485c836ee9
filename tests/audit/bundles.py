"""A log on paper, and bundles of it written word by word from docs/audit-format.md: what the verifier is tested with."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import merkle, verify_bundle
from audit.actors import Actor
from audit.chain import commitment, entry_hash, genesis
from audit.entry import Entry, Text, entry_bytes
from audit.events import EventKind
from audit.ids import uuid7
from audit.key_chain import rotation_facts
from audit.note import COSIGNATURE, Checkpoint, Note, Signer
from audit.verify_bundle import Asked, Key, Result, verify
from audit.verify_bundle import Note as Kept

LOG = "00000000-0000-4000-8000-000000000001"
ORIGIN = f"countersign/{LOG}"
NOW = 1_800_000_000
Lines = list[dict[str, Any]]


def signer(number: int, name: str = ORIGIN) -> Signer:
    """A key that is the same in every run."""
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))


KEY, WITNESS = signer(1), signer(9, "witness.example")


def trusted(one: Signer, type_: int = 1) -> Key:
    """The public half as the verifier reads it."""
    return Key.of(str(one.verifier(type_)))


class PaperLog:
    """Entries in the order of the log, as they were written; `lines` says them as a bundle does."""

    def __init__(self) -> None:
        self.lines: Lines = []
        self.texts: dict[int, Lines] = {}
        self.leaves: list[bytes] = []
        self._heads: dict[str, tuple[int, bytes, bool]] = {}

    def add(self, stream: str, *, texts: Sequence[str] = (), **more: Any) -> None:
        """Write an entry."""
        actor = more.pop("actor", Actor("user", "7", "Zoë 😀"))
        facts = more.pop("facts", {"cost": 12, "note": 'a "word"\n', "n": len(self.lines)})
        entry = Entry(**{"stream": stream, "kind": EventKind.TURN_STARTED, "actor": actor, "facts": facts, **more})
        entry = Entry(**{**_fields(entry), "texts": tuple(Text(uuid7(), f"text{at}", said) for at, said in enumerate(texts))})
        salts = {text.name: bytes([at]) * 16 for at, text in enumerate(entry.texts)}
        committed = {text.name: commitment(salts[text.name], text.body) for text in entry.texts}
        self.put(stream, entry_bytes(entry, log=LOG, ts="2026-01-01T00:00:00.000000Z", commitments=committed))
        self.texts[len(self.lines)] = [
            {"text": text.name, "salt": salts[text.name].hex(), "class": text.name, "body": text.body} for text in entry.texts
        ]

    def put(self, stream: str, body: bytes) -> None:
        """Write these bytes as an entry."""
        seq, prev, _ = self._heads.get(stream, (0, genesis(stream), False))
        hashed = entry_hash(stream, seq + 1, prev, body)
        self._heads[stream] = (seq + 1, hashed, b'"closes":true' in body)
        index = len(self.lines) + 1
        self.lines.append({"i": index, "stream": stream, "seq": seq + 1, "prev": prev.hex(), "body": body.decode()})
        self.leaves.append(merkle.leaf_hash(hashed))

    def rotate(self, old: Signer, new: Signer) -> None:
        """Write that a key took another's place."""
        self.add("seal", kind=EventKind.SEAL_KEY_ROTATED, facts=rotation_facts(old, new))

    def read(self, level: int, start: int, count: int) -> Sequence[bytes]:
        """The leaves, as `audit.merkle` asks for them."""
        assert level == 0
        return self.leaves[start : start + count]

    def note(self, by: Signer = KEY, size: int | None = None) -> str:
        """A checkpoint, signed."""
        size = size or len(self.lines)
        text = str(Checkpoint(ORIGIN, size, _root(self.leaves[:size])))
        return str(Note(text, (by.sign(text),)))

    def bundle(
        self,
        chosen: Collection[int] | None = None,
        *,
        texts: bool = False,
        by: Signer = KEY,
        witness: Signer | None = WITNESS,
        older: int | None = None,
        between: Collection[int] | None = None,
    ) -> Lines:
        """The lines of a bundle of the entries that are chosen, or of all; with checkpoints `between` in version 2."""
        size, note = len(self.lines), self.note(by)
        first = {"bundle": 1 if between is None else 2, "log": LOG, "origin": ORIGIN, "size": size, "filter": {},
                 "whole": chosen is None, "texts": texts, "made": "2026-01-01T00:00:00.000000Z",
                 "by": {"kind": "user", "id": "7", "name": "Remy"}, "schema": {}}  # fmt: skip
        picked = range(1, size + 1) if chosen is None else sorted(chosen)
        lines: Lines = [first]
        for before, index in zip([0, *picked], [*picked, size + 1], strict=True):
            lines += self._skipped(before, index, by, between or ())
            if index <= size:
                lines += [self.lines[index - 1], *(self.texts.get(index, []) if texts else [])]
        lines += [self._head(name) for name in sorted({self.lines[index - 1]["stream"] for index in picked})]
        cosigned = [str(witness.cosign(Note.of(note).text, NOW))] if witness else []
        before = None if older is None else self._older(older, by)
        return [*lines, {"checkpoint": note, "cosigned": cosigned, "older": before, "entries": len(picked), "end": True}]

    def _skipped(self, before: int, index: int, by: Signer, between: Collection[int]) -> Lines:
        """What stands between two entries: hashes of those that were not chosen, and checkpoints."""
        lines: Lines = []
        for end in sorted({*(one for one in between if before <= one < index), index - 1}):
            if end > before:
                lines.append({"skip": end, "nodes": self._nodes(before, end)})
            if end in between and end < len(self.lines):
                lines.append({"signed": end, "checkpoint": self.note(by, end)})
            before = end
        return lines

    def _head(self, name: str) -> dict[str, Any]:
        seq, hashed, closed = self._heads[name]
        return {"stream": name, "head": seq, "hash": hashed.hex(), "closed": closed}

    def _older(self, size: int, by: Signer) -> dict[str, Any]:
        path = merkle.consistency_proof(self.read, size, len(self.lines))
        return {"size": size, "checkpoint": self.note(by, size), "path": [step.hex() for step in path]}

    def _nodes(self, start: int, end: int) -> list[str]:
        found = []
        while start < end:
            width = max(1 << level for level in range(40) if start % (1 << level) == 0 and start + (1 << level) <= end)
            found.append(_root(self.leaves[start : start + width]).hex())
            start += width
        return found


def _fields(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in Entry.__slots__}


def _root(leaves: Sequence[bytes]) -> bytes:
    """The definition of RFC 6962, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return merkle.node_hash(_root(leaves[:half]), _root(leaves[half:]))


def a_log(count: int = 40) -> PaperLog:
    """Some streams beside each other, of which one ends: entries 1, 5, 9, … are of session:S-1, and so on."""
    log = PaperLog()
    for number in range(count):
        ends = number == count - 4
        log.add(f"session:S-{number % 4 + 1}", texts=["hello", "wörld"] if number % 5 == 0 else [], closes=ends)
    return log


def packed(lines: Lines) -> bytes:
    """A bundle's lines as text."""
    return b"".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for line in lines)


def judged(folder: Path, lines: Lines | bytes, **more: Any) -> Result:
    """What the verifier says of a bundle, with the keys of these tests trusted unless told otherwise."""
    path = folder / "test.countersign.jsonl.gz"
    path.write_bytes(gzip.compress(lines if isinstance(lines, bytes) else packed(lines), 1))
    given = {"keys": [trusted(KEY)], "witnesses": [trusted(WITNESS, COSIGNATURE)], "now": NOW + 60, **more}
    return verify(path, Asked(**given))


def measured(path: Path, *words: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Run the verifier as a process of its own; returns its result, and what it used: `memory_kib` at most, `cpu_s`."""
    watched = (
        "import json, resource, runpy, sys\n"
        "sys.argv = sys.argv[1:]\n"
        "try:\n"
        "    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit:\n"
        "    used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "    peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "    print(json.dumps({'memory_kib': int(peak), 'cpu_s': used.ru_utime + used.ru_stime}))\n"
    )
    command = [sys.executable, "-c", watched, str(Path(verify_bundle.__file__)), str(path), "--json", *words]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout.splitlines()
    return json.loads(told[0]), json.loads(told[1])


def since(note: str) -> Kept:
    """A checkpoint that somebody kept."""
    return Kept.of(note)


Crime = Callable[[Lines], None]
