"""The bytes that a decision binds to."""

import hashlib
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from approvals.digest import canonical_body, digest, other_body

PLAIN: dict[str, Any] = {
    "request": "AP-20001",
    "revision": 1,
    "session": "S-88001",
    "call": "S-88001/1.0",
    "tool": "send_email",
    "definition": "d" * 64,
    "tier": "irreversible_write",
    "prompt_version": "1.0.0",
    "precondition": "",
}
SCALAR = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.sampled_from(["", "ä", '"', "\u2028", "😀"])
)
ARGUMENTS = st.dictionaries(st.sampled_from(["a", "z", "ö", "A"]), SCALAR, max_size=4)


@given(ARGUMENTS)
def test_body_is_canonical_as_a_whole(arguments: dict[str, Any]) -> None:
    """APPR-4: the arguments' own bytes go in as they are, and the whole is RFC 8785."""
    body = canonical_body(**PLAIN, arguments=rfc8785.dumps(arguments))
    assert body == rfc8785.dumps({**PLAIN, "arguments": arguments})
    assert digest(body) == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_every_part_is_bound(name: str) -> None:
    """APPR-4; THREATS 1, 3, 5, 61: whatever changes, the digest does."""
    before = digest(canonical_body(**PLAIN, arguments=b"{}"))
    other = 2 if name == "revision" else PLAIN[name] + "x"
    assert digest(canonical_body(**{**PLAIN, name: other}, arguments=b"{}")) != before


@given(ARGUMENTS, ARGUMENTS)
def test_different_arguments_have_different_digests(one: dict[str, Any], other: dict[str, Any]) -> None:
    """APPR-4; THREATS 1, 7: a digest binds the arguments as bytes."""
    bodies = [canonical_body(**PLAIN, arguments=rfc8785.dumps(arguments)) for arguments in (one, other)]
    assert (digest(bodies[0]) == digest(bodies[1])) == (rfc8785.dumps(one) == rfc8785.dumps(other))


@pytest.mark.parametrize("arguments", [b"", b"[]", b"null", b"{", b'"{}"'])
def test_what_is_no_object_is_refused(arguments: bytes) -> None:
    """Arguments are a JSON object, whatever the model wrote."""
    with pytest.raises(ValueError, match="canonical bytes"):
        canonical_body(**PLAIN, arguments=arguments)


def test_other_kinds_bind_their_facts() -> None:
    """A question, a budget, a lost outcome: the digest is over what is asked."""
    facts = {"question": "Which one?"}
    body = other_body(request="AP-1", revision=1, kind="question", session="S-1", facts=facts)
    assert digest(body) != digest(other_body(request="AP-1", revision=1, kind="question", session="S-1", facts={}))
    assert b'"question":"Which one?"' in body
