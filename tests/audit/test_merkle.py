"""The tree over the whole log: its roots and proofs are those of an implementation that is not ours (RFC 6962)."""

import hashlib
import random
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from audit import merkle
from audit.merkle import EMPTY, HEIGHT, Read, Run

LARGE = 70_000
ENTRIES = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(LARGE)]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]
SIZES = st.integers(1, LARGE)


def kept(*sizes: int) -> Read:
    """A tree that grew by these steps, of which only the leaves and every eighth level are kept."""
    levels: dict[int, list[bytes]] = {0: LEAVES[: sizes[-1]]}

    def read(level: int, start: int, count: int) -> Sequence[bytes]:
        found = levels.get(level, [])[start : start + count]
        assert len(found) == count, f"nothing is kept of level {level} from {start} on"
        return found

    for old, new in zip((0, *sizes), sizes, strict=False):
        for level, number, found in merkle.completed(read, old, new):
            row = levels.setdefault(level, [])
            assert (level % HEIGHT, number) == (0, len(row))
            row.append(found)
    return read


WHOLE = kept(1, 255, 256, 300, 65_535, 65_536, LARGE)


BEYOND = 6_000


@pytest.fixture(scope="module")
def other() -> InmemoryTree:
    """The same entries in the other implementation."""
    tree = InmemoryTree(algorithm="sha256")
    for entry in ENTRIES[:BEYOND]:
        tree.append_entry(entry)
    return tree


def test_roots_of_all_sizes_to_300_are_those_of_another_implementation(other: InmemoryTree) -> None:
    assert merkle.root(WHOLE, 0) == EMPTY
    assert [merkle.root(WHOLE, size) for size in range(301)] == [other.get_root(size) for size in range(301)]


def test_audit_paths_of_all_leaves_are_those_of_another_implementation(other: InmemoryTree) -> None:
    for size in (1, 2, 3, 7, 8, 9, 255, 256, 257, 300):
        for leaf in range(size):
            theirs = [step for step in other.prove_inclusion(leaf + 1, size).path if step != LEAVES[leaf]]
            assert merkle.inclusion_proof(WHOLE, leaf, size) == theirs


@pytest.mark.parametrize("seed", range(12))
def test_roots_and_audit_paths_of_random_large_trees_are_those_of_another_implementation(
    other: InmemoryTree, seed: int
) -> None:
    dice = random.Random(seed)
    size = dice.randint(301, BEYOND)
    assert merkle.root(WHOLE, size) == other.get_root(size)
    for leaf in (0, size - 1, dice.randrange(size)):
        theirs = [step for step in other.prove_inclusion(leaf + 1, size).path if step != LEAVES[leaf]]
        assert merkle.inclusion_proof(WHOLE, leaf, size) == theirs


def test_the_first_tree_of_the_rfc_has_the_root_that_everybody_gets() -> None:
    # The certificate-transparency project's reference data: the leaves "" and 00.
    first, second = merkle.leaf_hash(b""), merkle.leaf_hash(b"\0")
    assert first.hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.node_hash(first, second).hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"


@given(SIZES, st.data())
def test_every_leaf_is_proved_and_no_other_is(size: int, data: st.DataObject) -> None:
    leaf = data.draw(st.integers(0, size - 1))
    root, proof = merkle.root(WHOLE, size), merkle.inclusion_proof(WHOLE, leaf, size)

    assert merkle.proves_inclusion(proof, leaf, LEAVES[leaf], size, root)
    assert not merkle.proves_inclusion(proof, leaf, merkle.leaf_hash(b"forged"), size, root)
    assert not merkle.proves_inclusion(proof, leaf, LEAVES[leaf], size, merkle.root(WHOLE, size - 1))
    assert not merkle.proves_inclusion([*proof, root], leaf, LEAVES[leaf], size, root)
    if size > 1:
        assert not merkle.proves_inclusion(proof, (leaf + 1) % size, LEAVES[leaf], size, root)
        assert not merkle.proves_inclusion(proof[:-1], leaf, LEAVES[leaf], size, root)


@given(SIZES, SIZES)
def test_every_earlier_tree_is_proved_to_be_the_beginning_and_no_other_is(one: int, two: int) -> None:
    old, new = min(one, two), max(one, two)
    before, after = merkle.root(WHOLE, old), merkle.root(WHOLE, new)
    proof = merkle.consistency_proof(WHOLE, old, new)

    assert merkle.proves_consistency(proof, old, before, new, after)
    forged = merkle.leaf_hash(before)
    assert not merkle.proves_consistency(proof, old, forged, new, after)
    assert not merkle.proves_consistency(proof, old, before, new, forged)
    if old < new:
        assert not merkle.proves_consistency(proof[:-1], old, before, new, after)
        assert not merkle.proves_consistency([*proof, before], old, before, new, after)


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=6))
def test_it_matters_not_in_which_steps_a_tree_grew(steps: list[int]) -> None:
    sizes = [sum(steps[: number + 1]) for number in range(len(steps))]
    assert merkle.root(kept(*sizes), sizes[-1]) == merkle.root(WHOLE, sizes[-1])


RUNS = st.lists(st.tuples(st.sampled_from((0, 8, 16)), st.integers(0, 40), st.integers(1, 20)), max_size=12)


def nodes_of(runs: Iterable[Run]) -> set[tuple[int, int]]:
    return {(level, number) for level, start, count in runs for number in range(start, start + count)}


@given(RUNS)
def test_joined_runs_are_the_same_nodes_in_as_few_as_there_can_be(runs: list[Run]) -> None:
    joined = merkle.joined(runs)
    assert nodes_of(joined) == nodes_of(runs)
    assert all(one[0] != two[0] or one[1] + one[2] < two[1] for one, two in pairwise(joined))


@given(SIZES, SIZES)
def test_what_a_proof_reads_is_known_before(one: int, two: int) -> None:
    """The nodes that are told beforehand are all that is asked for, and no more."""
    old, new = min(one, two), max(one, two)
    asked: set[tuple[int, int]] = set()

    def read(level: int, start: int, count: int) -> Sequence[bytes]:
        asked.update((level, number) for number in range(start, start + count))
        return WHOLE(level, start, count)

    for spans in (merkle.inclusion_spans(old - 1, new), merkle.consistency_spans(old, new), [(0, new)]):
        asked.clear()
        for span in spans:
            merkle.span_root(read, span)
        told = merkle.joined(run for span in spans for run in merkle.runs(span))
        assert asked == nodes_of(told)


@given(SIZES)
def test_a_tree_that_only_grows_has_the_same_root(size: int) -> None:
    tree = merkle.Growing()
    assert tree.root() == EMPTY
    for leaf in LEAVES[: size % 3_000]:
        tree.add(leaf)
    assert (tree.size, tree.root()) == (size % 3_000, merkle.root(WHOLE, size % 3_000))


@pytest.mark.parametrize(("leaf", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_nothing_is_proved_of_a_leaf_that_is_not_there(leaf: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not in a tree"):
        merkle.inclusion_proof(WHOLE, leaf, size)
    assert not merkle.proves_inclusion([], leaf, LEAVES[0], size, LEAVES[0])


@pytest.mark.parametrize(("old", "new"), [(0, 5), (6, 5)])
def test_nothing_is_proved_of_a_beginning_that_is_none(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="is not the beginning"):
        merkle.consistency_proof(WHOLE, old, new)
    assert not merkle.proves_consistency([LEAVES[0]], old, LEAVES[0], new, LEAVES[0])
