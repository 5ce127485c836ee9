"""How pages count what was kept from models and people."""

from typing import get_args

import pytest

from agents.guardrails.private import Kind
from console.signs import KINDS, counted


@pytest.mark.parametrize("kind", [*get_args(Kind), "prompt"])
def test_one_is_told_as_one_and_more_as_more(kind: str) -> None:
    assert counted({kind: 2}) == f"2 {KINDS[kind]}"
    assert counted({kind: 1}) != f"1 {KINDS[kind]}"
    assert counted({kind: 1}).startswith("1 ")


def test_nothing_is_told_as_nothing() -> None:
    assert counted({}) == ""
