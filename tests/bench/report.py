"""One figure is one line of JSON: what it is, its value, what it must reach, and whether it does."""

import json
import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    `must` and `aim` are bounds such as "<= 1.5" or ">= 0.6"; `detail` is what else a reader wants to see beside it.
    """

    name: str
    value: float
    unit: str = ""
    must: str = ""
    aim: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool | None:
        """Whether the bound that counts is kept; None where there is none."""
        bound = self.must or self.aim
        return within(self.value, bound) if bound else None

    def line(self, benchmark: str) -> str:
        """The figure as JSON."""
        told: dict[str, Any] = {"benchmark": benchmark, "figure": self.name, "value": _rounded(self.value)}
        told |= {name: text for name, text in (("unit", self.unit), ("must_reach", self.must), ("aim", self.aim)) if text}
        if self.reached is not None:
            told["reached"] = self.reached
        told |= {name: _rounded(value) for name, value in self.detail.items()}
        return json.dumps(told)


def within(value: float, bound: str) -> bool:
    """Whether a value keeps a bound: "<= 8", "< 1" or ">= 0.6"."""
    sign, number = bound.split()
    limit = float(number)
    return {"<=": value <= limit, "<": value < limit, ">=": value >= limit}[sign]


def percentile(values: list[float], share: float) -> float:
    """The smallest of the values that so large a share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(round(len(values) * share, 6)) - 1)]


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
