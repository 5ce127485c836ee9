"""What calls are judged by, kept in a worker for a second."""

import pytest

from agents import rules
from agents.rules import Cache, Rules
from approvals.policy import DEFAULT_POLICY


def test_rules_that_are_forgotten_while_they_are_looked_at_are_read_again_by_the_next_judgement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever hears of a change says so from another thread than the one that asks the database."""
    cache = Cache()
    known = cache.keep(Rules(policy=DEFAULT_POLICY, tiers={}, disabled=frozenset(), stamp="1"))

    def stamp() -> str:
        cache.forget()
        return "1"

    monkeypatch.setattr(rules, "stamp", stamp)
    assert cache.look() is known.stops
    assert cache.fresh is None
