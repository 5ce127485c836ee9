"""Whether the log is still what was signed: its tree is made anew, and held against every checkpoint that is kept. Pure.

This finds what the chains alone cannot: a log that was rewritten with fresh hashes. Whoever rewrites the checkpoints too is
found outside alone, by those who kept one, or by the log's public key.
"""

from __future__ import annotations

from collections.abc import Iterable

from audit.merkle import Growing, leaf_hash
from audit.note import BadNote, Checkpoint, Note
from audit.verify_entry import Found

Kept = tuple[int, bytes, str]
"""A checkpoint as it is kept: size, root, note."""


def check_tree(
    entry_hashes: Iterable[bytes], checkpoints: Iterable[Kept], tree: Growing | None = None, *, good: int = 0
) -> Found | None:
    """Check entries, in the order of the log, against checkpoints in the order of their sizes; both may be long.

    What is named is the first place that may be wrong: the one behind the last checkpoint that holds; of those that were checked
    before that is the one of `good` entries. `tree` is what was checked before; it takes all entries where they hold, so that the
    ones after them can be checked another time.
    """
    tree, hashes = tree or Growing(), iter(entry_hashes)
    for size, root, note in checkpoints:
        if not _says(note, size, root):
            return Found("", None, None, f"the checkpoint of {size} entries is not what its note says", good)
        for hash_ in hashes:
            tree.add(leaf_hash(hash_))
            if tree.size == size:
                break
        if tree.size < size:
            return Found("", None, tree.size + 1, f"it is missing: {size} entries were signed", good)
        if tree.root() != root:
            return Found("", None, good + 1, f"from here to entry {size} of the log something is not what was signed", good)
        good = size
    for hash_ in hashes:
        tree.add(leaf_hash(hash_))
    return None


def _says(note: str, size: int, root: bytes) -> bool:
    try:
        said = Checkpoint.of(Note.of(note).text)
    except BadNote:
        return False
    return (said.size, said.root) == (size, root)
