"""Intervals for what sessions came to: those to read once, and those that hold however often somebody looks. Pure.

Read once: Wilson's interval for a share (Wilson 1927), and the mean with 1.96 standard errors, cut at zero, below which
nothing that is measured lies. Always: confidence
sequences, which hold at all times together with the probability that is asked for. For a share that of the beta mixture
(Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon: Time-uniform, nonparametric, nonasymptotic confidence sequences, Annals of
Statistics 2021), which is exact; for a mean the asymptotic one of Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (Time-uniform
central limit theory and asymptotic confidence sequences, Annals of Statistics 2024), which needs some values to begin with.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, lgamma, log, sqrt

Z = 1.959963984540054  # of 95 %
PRIOR = 0.5  # of the mixture over shares: Jeffreys'
TIGHT_AT = 100  # values at which the sequence for a mean is about as narrow as it can be
HALVINGS = 36


@dataclass(frozen=True, slots=True)
class Between:
    """An interval."""

    low: float
    high: float


def wilson(events: int, n: int) -> Between:
    """Return Wilson's interval of 95 % for a share, to be read once; from 0 to 1 where nothing was counted."""
    if n == 0:
        return Between(0.0, 1.0)
    share, part = events / n, Z * Z / n
    middle = (share + part / 2) / (1 + part)
    half = Z * sqrt(share * (1 - share) / n + part / (4 * n)) / (1 + part)
    return Between(max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)))


def around_mean(n: int, mean: float, variance: float) -> Between:
    """Return the mean of what is never below zero with 1.96 standard errors to either side, to be read once.

    Without end below two values.
    """
    if n < 2:
        return Between(-inf, inf)
    half = Z * sqrt(variance / n)
    return Between(max(0.0, mean - half), mean + half)


def always_share(events: int, n: int, alpha: float) -> Between:
    """Return where a share lies: over all times together it lies elsewhere with probability alpha at most, exactly."""
    if n == 0:
        return Between(0.0, 1.0)
    mixed = _beta(PRIOR + events, PRIOR + n - events) - _beta(PRIOR, PRIOR)
    most, seen = -log(alpha), events / n

    def told_apart(share: float) -> bool:
        return mixed - _likelihood(events, n, share) >= most

    return Between(_edge(told_apart, 0.0, seen), _edge(told_apart, 1.0, seen))


def always_mean(n: int, mean: float, variance: float, alpha: float) -> Between:
    """Return where a mean lies: over all times together it lies elsewhere with about probability alpha at most."""
    if n < 2:
        return Between(-inf, inf)
    tuned = _tuning(alpha)
    grown = n * tuned + 1
    half = sqrt(variance) * sqrt(2 * grown * log(sqrt(grown) / alpha) / (n * n * tuned))
    return Between(mean - half, mean + half)


def _tuning(alpha: float) -> float:
    """Return the square of rho that makes the sequence narrow at TIGHT_AT values (ibid., appendix on tuning)."""
    return (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / TIGHT_AT


def _edge(told_apart: Callable[[float], bool], outer: float, inner: float) -> float:
    """Return the end of an interval between a share that is told apart, if any is, and the one that was seen."""
    if outer == inner or not told_apart(outer):
        return outer
    for _ in range(HALVINGS):
        middle = (outer + inner) / 2
        outer, inner = (middle, inner) if told_apart(middle) else (outer, middle)
    return outer


def _likelihood(events: int, n: int, share: float) -> float:
    """Return the logarithm of a share's likelihood; 0 to the power of 0 is 1."""
    others = n - events
    if (events and share <= 0) or (others and share >= 1):
        return -inf
    return (events * log(share) if events else 0.0) + (others * log(1 - share) if others else 0.0)


def _beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
