"""One number that monitoring reads, as a value; each floor tells its own, and `console.metrics` writes them down. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

MOST_MS = 5_000
"""How long one statement behind a metric may take; a machine that cannot answer in time says so, and is asked again."""
RECENT = timedelta(minutes=5)
"""How far back metrics look whose name begins with `recent_`."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A gauge as of now, with a value for each combination of its labels.

    `name` has no prefix; its unit is its last word. `samples` maps the labels' values, in their order, to the value.
    """

    name: str
    says: str
    labels: tuple[str, ...] = ()
    samples: Mapping[tuple[str, ...], float] = field(default_factory=dict)


def single(name: str, says: str, value: float) -> Metric:
    """Return a metric without labels."""
    return Metric(name, says, (), {(): value})


def by(name: str, says: str, label: str, known: Sequence[str], found: Mapping[str, float]) -> Metric:
    """Return a metric with one label, nought for each known value that was not found; what is not known is `other`.

    However much there is, and whatever somebody wrote: no more lines than known values, and one.
    """
    values = dict.fromkeys([*known, *(["other"] if found.keys() - set(known) else [])], 0.0)
    for name_of, value in found.items():
        values[name_of if name_of in values else "other"] += value
    return Metric(name, says, (label,), {(value,): number for value, number in values.items()})
