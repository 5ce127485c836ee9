"""How far two graders agree, beyond what chance alone would give. Pure.

Cohen's kappa (J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, 1960),
weighted for scales with an order (J. Cohen, "Weighted kappa", Psychological Bulletin 70, 1968): a disagreement over two
steps weighs more than one over a single step. The interval is the large-sample one of J. L. Fleiss, J. Cohen and
B. S. Everitt, "Large sample standard errors of kappa and weighted kappa", Psychological Bulletin 72, 1969. It is not
computed for few items, where it would say more than is known: then counts are told.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Weights = Literal["none", "linear", "quadratic"]
Pair = tuple[int, int]
SMALL = 30  # items; below, counts are told instead of a coefficient
Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Kappa:
    """The coefficient, its standard error, and the interval in which it lies with 95 % confidence."""

    value: float
    error: float

    @property
    def low(self) -> float:
        """The lower end; nobody agrees less than never."""
        return max(-1.0, self.value - Z_95 * self.error)

    @property
    def high(self) -> float:
        """The upper end."""
        return min(1.0, self.value + Z_95 * self.error)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two graders agree on one criterion: on so many items, so often exactly, so often by one step at most."""

    n: int
    same: int
    near: int
    kappa: Kappa | None  # None for few items, and where one of the two gave all the same step as the other

    @property
    def small(self) -> bool:
        """Whether there are too few items for a coefficient."""
        return self.n < SMALL


def agreement(pairs: Sequence[Pair], steps: int) -> Agreement:
    """Return how two graders agree; `pairs` are what each gave to the same item, from 1 to `steps`."""
    same = sum(one == other for one, other in pairs)
    near = sum(abs(one - other) <= 1 for one, other in pairs)
    measured = kappa(pairs, steps) if len(pairs) >= SMALL else None
    return Agreement(len(pairs), same, near, measured)


def kappa(pairs: Sequence[Pair], steps: int, weights: Weights = "quadratic") -> Kappa | None:
    """Return kappa with its standard error; None where chance alone would give full agreement, or nothing was given.

    Args:
        pairs: what each of two graders gave to the same item, from 1 to `steps`.
        steps: of the scale.
        weights: what a disagreement over several steps weighs: each the same, by the steps, or by their square.
    """
    if not pairs:
        return None
    n, places = len(pairs), range(steps)
    cells = [[0.0] * steps for _ in places]
    for one, other in pairs:
        cells[one - 1][other - 1] += 1 / n
    rows = [sum(cells[i]) for i in places]
    columns = [sum(cells[i][j] for i in places) for j in places]
    weight = [[_agreed(i, j, steps, weights) for j in places] for i in places]
    expected = sum(weight[i][j] * rows[i] * columns[j] for i in places for j in places)
    if expected > 1 - 1e-12:
        return None
    observed = sum(weight[i][j] * cells[i][j] for i in places for j in places)
    value = (observed - expected) / (1 - expected)
    # The mean weight of each row and column, by what the other grader gave.
    by_row = [sum(columns[j] * weight[i][j] for j in places) for i in places]
    by_column = [sum(rows[i] * weight[i][j] for i in places) for j in places]
    total = sum(cells[i][j] * (weight[i][j] - (by_row[i] + by_column[j]) * (1 - value)) ** 2 for i in places for j in places)
    variance = (total - (value - expected * (1 - value)) ** 2) / (n * (1 - expected) ** 2)
    return Kappa(value, math.sqrt(max(0.0, variance)))


def _agreed(i: int, j: int, steps: int, weights: Weights) -> float:
    """What a pair of steps counts as agreement, from 0 to 1."""
    if weights == "none":
        return float(i == j)
    away = abs(i - j) / (steps - 1)
    return 1 - (away if weights == "linear" else away**2)
