"""Reads a bundle as a stranger would: from docs/audit-format.md alone, with nothing of the product."""

import base64
import gzip
import hashlib
import io
import json
from dataclasses import dataclass, field
from typing import Any


def leaf(entry_hash: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry_hash).digest()


def entry_hash(line: dict[str, Any]) -> bytes:
    name, body = line["stream"].encode(), line["body"].encode()
    place = len(name).to_bytes(4, "big") + name + line["seq"].to_bytes(8, "big")
    chained = place + bytes.fromhex(line["prev"]) + hashlib.sha256(body).digest()
    return hashlib.sha256(b"countersign.entry.v1\0" + chained).digest()


@dataclass
class Frontier:
    """A tree that grows by leaves and by whole subtrees: its complete subtrees, the largest first."""

    size: int = 0
    peaks: list[tuple[int, bytes]] = field(default_factory=list)

    def add(self, level: int, hash_: bytes) -> None:
        assert self.size % (1 << level) == 0, "a subtree begins at a multiple of its size"
        self.size += 1 << level
        self.peaks.append((level, hash_))
        while len(self.peaks) > 1 and self.peaks[-1][0] == self.peaks[-2][0]:
            (level, right), (_, left) = self.peaks.pop(), self.peaks.pop()
            self.peaks.append((level + 1, hashlib.sha256(b"\1" + left + right).digest()))

    def skip(self, last: int, nodes: list[str]) -> None:
        for node in nodes:
            level = (last - self.size).bit_length() - 1
            while self.size % (1 << level):
                level -= 1
            self.add(level, bytes.fromhex(node))
        assert self.size == last, "the nodes cover what is skipped, no more and no less"

    def root(self) -> bytes:
        found = self.peaks[-1][1]
        for _, left in self.peaks[-2::-1]:
            found = hashlib.sha256(b"\1" + left + found).digest()
        return found


@dataclass
class Read:
    """What a bundle holds, and the root that it adds up to."""

    first: dict[str, Any]
    entries: list[dict[str, Any]]
    texts: list[tuple[int, dict[str, Any]]]
    heads: dict[str, dict[str, Any]]
    last: dict[str, Any]
    skips: int
    root: bytes
    signed: list[int]

    @property
    def places(self) -> list[int]:
        return [entry["i"] for entry in self.entries]


def read(data: bytes) -> Read:
    """Read a bundle, and check all that holds without a key."""
    with gzip.open(io.BytesIO(data), "rt", encoding="ascii") as file:
        lines = [json.loads(line) for line in file]
    tree, skips = Frontier(), 0
    signed: list[int] = []
    entries: list[dict[str, Any]] = []
    texts: list[tuple[int, dict[str, Any]]] = []
    heads: dict[str, dict[str, Any]] = {}
    for line in lines[1:-1]:
        if "i" in line:
            assert not heads
            assert line["i"] == tree.size + 1
            tree.add(0, leaf(entry_hash(line)))
            entries.append(line)
        elif "skip" in line:
            assert not heads
            tree.skip(line["skip"], line["nodes"])
            skips += 1
        elif "signed" in line:
            assert not heads
            assert line["signed"] == tree.size == int(line["checkpoint"].split("\n")[1])
            assert base64.b64decode(line["checkpoint"].split("\n")[2]) == tree.root()
            signed.append(line["signed"])
        elif "text" in line:
            texts.append((entries[-1]["i"], line))
        else:
            assert not heads or line["stream"].encode() > max(name.encode() for name in heads)
            heads[line["stream"]] = line
    assert tree.size == lines[0]["size"]
    assert lines[-1]["end"] is True
    assert lines[-1]["entries"] == len(entries)
    return Read(lines[0], entries, texts, heads, lines[-1], skips, tree.root(), signed)
