"""Whoever reads why a session ended is told what to do about it."""

import re

import pytest

from agents.advice import ADVICE, TITLES, advised, title
from agents.config import AgentConfig, Limits
from agents.guardrails.budget import LABELS
from agents.llm.provider import ModelError


def _kinds(of: type[ModelError]) -> list[type[ModelError]]:
    return [kind for below in of.__subclasses__() for kind in (below, *_kinds(below))]


@pytest.mark.parametrize("code", [*(kind.code for kind in _kinds(ModelError)), *(f"limit_{name}" for name in LABELS)])
def test_each_way_to_end_says_what_can_be_done(code: str) -> None:
    """GUARD-1, GUARD-8: an honest message that a user can act on."""
    error = advised({"category": "model", "code": code, "detail": "It happened."})
    assert error["detail"].startswith("It happened. ")
    assert "new session" in error["detail"] or "replay it" in error["detail"]
    assert error["detail"].endswith(".")
    assert title(code) == TITLES[code]


def test_what_an_advice_names_can_be_set() -> None:
    """A limit or field of the agent's document that is renamed takes its advice with it."""
    named = {name for advice in ADVICE.values() for name in re.findall(r"“([a-z_.]+)”", advice)}
    assert {name.removeprefix("limits.") for name in named if name.startswith("limits.")} <= set(Limits.model_fields)
    assert {name for name in named if "." not in name} <= set(AgentConfig.model_fields)


def test_an_error_that_nobody_thought_of_stays_as_it_is() -> None:
    assert advised({"category": "tool", "code": "new_thing", "detail": "It happened."})["detail"] == "It happened."
    assert title("new_thing") == "New thing"
