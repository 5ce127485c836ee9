"""The rule of the chain, held against a second reading of it: AUDIT-3."""

import hashlib
import struct

from hypothesis import given
from hypothesis import strategies as st

from audit.chain import commitment, entry_hash, genesis

stream = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
digest = st.binary(min_size=32, max_size=32)


@given(stream, st.integers(1, 2**62), digest, st.binary(max_size=200))
def test_the_hash_covers_name_length_place_predecessor_and_bytes(name: str, seq: int, prev: bytes, body: bytes) -> None:
    encoded = name.encode()
    said = b"countersign.entry.v1\0" + struct.pack(">I", len(encoded)) + encoded + struct.pack(">q", seq) + prev
    assert entry_hash(name, seq, prev, body) == hashlib.sha256(said + hashlib.sha256(body).digest()).digest()


@given(stream, stream, digest, st.binary(max_size=50))
def test_no_two_streams_share_a_hash(one: str, other: str, prev: bytes, body: bytes) -> None:
    assert (one == other) == (entry_hash(one, 1, prev, body) == entry_hash(other, 1, prev, body))
    assert (one == other) == (genesis(one) == genesis(other))


@given(
    st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.text(st.characters(exclude_categories=["Cs"]))
)
def test_a_commitment_depends_on_its_salt(one: bytes, other: bytes, body: str) -> None:
    assert (one == other) == (commitment(one, body) == commitment(other, body))
    assert len(bytes.fromhex(commitment(one, body))) == 32


def test_the_rule_of_version_1_never_changes() -> None:
    """These are the hashes of the first release; entries that were written with them must verify for ever."""
    assert genesis("session:S-1").hex() == "b2d2de262d63d750a323b19acc5046849bdebd820309cecfd6c0fdf878658588"
    assert (
        entry_hash("session:S-1", 1, genesis("session:S-1"), b"{}").hex()
        == "4ffba2f7fa269cfd3b395a5195e97ff70b12de6dae144a3876e88a8845caa601"
    )
    assert commitment(bytes(16), "häll") == "419f03d3c80fde50e9e4cf3cd93624fd345e9aee68e0a00d17f231de076fc2a8"
