"""Estimates of tokens. Pure."""

from hypothesis import given
from hypothesis import strategies as st

from agents.llm import tokens


@given(st.text(max_size=200))
def test_an_estimate_never_exceeds_the_upper_bound(text: str) -> None:
    assert 0 <= tokens.estimate(text) <= max(tokens.most(text), 1)


def test_scripts_without_spaces_count_a_token_per_character() -> None:
    assert tokens.estimate("abcdefgh") == 2
    assert tokens.estimate("注文番号") == 4


def test_a_request_counts_its_messages_and_tools() -> None:
    messages = [{"role": "user", "content": "x" * 400}]
    bare = tokens.estimate_request(messages)
    assert 100 < bare < 130
    assert tokens.estimate_request(messages, [{"type": "function", "function": {"name": "y" * 400}}]) > bare + 100
    assert tokens.most_request(messages) > bare
