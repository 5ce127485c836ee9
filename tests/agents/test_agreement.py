"""How far two graders agree: against published figures, and for any grades at all."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.grading.agreement import SMALL, Pair, Weights, agreement, kappa
from agents.grading.document import RubricDocument, wrong_grades


def of(table: Sequence[Sequence[int]]) -> list[Pair]:
    """The pairs that a table counts: rows are one grader, columns the other."""
    return [(i, j) for i, row in enumerate(table, 1) for j, count in enumerate(row, 1) for _ in range(count)]


@pytest.mark.parametrize(
    ("table", "weights", "value", "error", "low", "high"),
    [
        # The example of SAS PROC FREQ that statsmodels tests itself with, simple and weighted by Cicchetti and Allison.
        ([[0, 4, 1], [0, 8, 0], [0, 1, 5]], "none", 0.4842, 0.1380, 0.2137, 0.7547),
        ([[0, 4, 1], [0, 8, 0], [0, 1, 5]], "linear", 0.4701, 0.1457, 0.1845, 0.7558),
        # SAS/STAT User's Guide, "Agreement Study": two dermatologists and a skin condition.
        ([[10, 4, 1, 0], [5, 10, 12, 2], [2, 4, 12, 5], [0, 2, 6, 13]], "none", 0.3449, 0.0724, 0.2030, 0.4868),
        # Fleiss, "Statistical Methods for Rates and Proportions", 1981, p. 213.
        ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], "none", 0.6765, 0.0877, 0.5046, 0.8484),
    ],
)
def test_published_examples_come_out(
    table: list[list[int]], weights: Weights, value: float, error: float, low: float, high: float
) -> None:
    """The coefficient, its standard error, and the interval of 95 %."""
    found = kappa(of(table), len(table), weights)
    assert found is not None
    assert (found.value, found.error, found.low, found.high) == pytest.approx((value, error, low, high), abs=1e-4)


def test_the_squared_weights_are_those_of_others() -> None:
    """R, package irr, `kappa2(anxiety[,2:3], "squared")`: 20 people, and nobody gave the fifth of the steps, which R leaves out."""
    second = [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4]
    third = [2, 1, 4, 4, 3, 2, 1, 6, 1, 1, 1, 2, 3, 3, 1, 1, 3, 3, 2, 2]
    pairs = [(min(one, 5), min(other, 5)) for one, other in zip(second, third, strict=True)]
    published: dict[Weights, float] = {"quadratic": 0.2520325, "linear": 0.1459075, "none": -0.006289308}
    for weights, value in published.items():
        found = kappa(pairs, 5, weights)
        assert found is not None
        assert found.value == pytest.approx(value, abs=1e-7)


GRADES = st.integers(2, 7).flatmap(
    lambda steps: st.tuples(st.just(steps), st.lists(st.tuples(st.integers(1, steps), st.integers(1, steps)), max_size=60))
)


@given(GRADES)
def test_agreement_is_told_of_any_grades(drawn: tuple[int, list[Pair]]) -> None:
    """Counts add up, a coefficient lies where one can, and there is none for few items."""
    steps, pairs = drawn
    found = agreement(pairs, steps)
    assert found.same <= found.near <= found.n == len(pairs)
    assert found.small is (found.n < SMALL)
    if found.small:
        assert found.kappa is None
    for weights in ("none", "linear", "quadratic"):
        told = kappa(pairs, steps, weights)
        if told is not None:
            assert -1 - 1e-9 <= told.value <= 1 + 1e-9
            assert math.isfinite(told.error)
            assert told.low <= told.value + 1e-9
            assert told.value <= told.high + 1e-9


@given(GRADES)
def test_who_stands_first_does_not_matter(drawn: tuple[int, list[Pair]]) -> None:
    """Neither the order of the two graders nor that of the items changes anything."""
    steps, pairs = drawn
    one, other = kappa(pairs, steps), kappa([(b, a) for a, b in reversed(pairs)], steps)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (one.value, one.error) == pytest.approx((other.value, other.error), abs=1e-7)


@given(st.integers(2, 7), st.lists(st.integers(1, 7), min_size=2, max_size=60))
def test_full_agreement_is_one_and_chance_alone_is_none(steps: int, grades: list[int]) -> None:
    """Where both always gave the same: 1, or nothing where that was one step alone, which chance would give too."""
    same = [(min(one, steps), min(one, steps)) for one in grades]
    found = kappa(same, steps)
    if len(set(same)) == 1:
        assert found is None
    else:
        assert found is not None
        assert found.value == pytest.approx(1)
        assert found.error == pytest.approx(0, abs=1e-6)


RUBRIC = RubricDocument.model_validate(
    {"title": "Help", "criteria": [{"name": "right", "title": "Right", "scale": ["no", "yes"]},
                                   {"name": "kind", "title": "Kind", "scale": ["no", "half", "yes"]}]}
)  # fmt: skip


def test_a_grade_has_a_step_for_each_criterion_and_for_nothing_else() -> None:
    """All that is wrong is named by its place."""
    assert wrong_grades(RUBRIC, {"right": 2, "kind": 3}, {"kind": "Polite."}) == []
    wrong = wrong_grades(RUBRIC, {"right": 3, "other": 1}, {"kind": "x" * 1001, "what": "?"})
    assert {one["loc"] for one in wrong} == {"scores.right", "scores.kind", "scores.other", "notes.kind", "notes.what"}
    assert wrong_grades(RUBRIC, {"right": True, "kind": 1}, {})
