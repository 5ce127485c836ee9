"""Stored state of older versions is brought up step by step; there is a step from each version (LOOP-12)."""

from agents.versions import STEPS, VERSION, Shapes, upgraded

OLD = Shapes(
    notes={"warned": ["turns"]},
    taint=[{"source": "document", "title": "A letter", "ref": "letter-1"}],
    judgements={"S-1/1.1": {"risk": 3, "verdict": "ask", "reasons": []}, "S-1/1.2": {}},
)


def test_there_is_a_step_from_every_version() -> None:
    """None is left out, and none leads from the present one."""
    assert set(STEPS) == set(range(1, VERSION))


def test_the_first_version_gets_what_it_lacks_and_keeps_what_it_has() -> None:
    """Judgements name origins, marks of taint quote; a call that was never judged stays so."""
    new = upgraded(1, OLD)
    assert new.notes == OLD.notes
    assert new.taint == [{"source": "document", "title": "A letter", "ref": "letter-1", "quote": ""}]
    assert new.judgements == {"S-1/1.1": {"risk": 3, "verdict": "ask", "reasons": [], "origins": []}, "S-1/1.2": {}}
    assert upgraded(1, new) == new, "what was brought up already is not changed again"


def test_the_present_and_newer_versions_are_left_as_they_are() -> None:
    """A process never guesses what a newer one wrote."""
    assert upgraded(VERSION, OLD) is OLD
    assert upgraded(VERSION + 1, OLD) is OLD
