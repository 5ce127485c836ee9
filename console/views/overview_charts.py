"""The charts of the overview: the last hour in parts of two minutes, each with its sum and the same in words."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from agents.lately import PART_S, Lately, Part
from console.formats import duration, grouped, microusd

Charts = dict[str, Any]


def charts(hour: Lately) -> Charts:
    """Return what the charts draw, and the parts in which something happened as rows of a table, the newest first."""
    return {"each": _each(hour.whole, hour.parts), "rows": _rows(hour.parts, timezone.now())}


def _each(whole: Part, parts: Any) -> list[dict[str, Any]]:
    took = f"for nineteen of twenty, {duration(whole.half_ms)} for half"
    answers = f"{grouped(whole.answers)} answer{'' if whole.answers == 1 else 's'}"
    share = f"{round(100 * whole.failed / whole.calls)} % of {grouped(whole.calls)} failed" if whole.calls else "no call"
    return [
        _chart("How long models took", duration(whole.slow_ms) if whole.answers else "none",
               took if whole.answers else "no answer", ("acc", "soft"),
               [(part.half_ms, part.slow_ms - part.half_ms) for part in parts]),
        _chart("Spent on models", microusd(whole.cost_microusd), f"for {answers}", ("acc",),
               [(part.cost_microusd,) for part in parts]),
        _chart("Calls of tools", grouped(whole.calls), share, ("bad", "acc"),
               [(part.failed, part.calls - part.failed) for part in parts]),
        _chart("New requests", grouped(whole.requests), "put before people", ("acc",), [(part.requests,) for part in parts]),
    ]  # fmt: skip


def _chart(name: str, total: str, note: str, tones: tuple[str, ...], stacks: list[tuple[int, ...]]) -> dict[str, Any]:
    words = f"{name} within the last hour, by two minutes: {total}, {note}"
    return {"name": name, "total": total, "note": note, "words": words, "tones": tones, "stacks": stacks}


def _rows(parts: Any, now: datetime) -> list[dict[str, Any]]:
    begun = now - timedelta(seconds=PART_S * len(parts))
    rows = [
        {"at": begun + timedelta(seconds=PART_S * place), "part": part} for place, part in enumerate(parts) if part != Part()
    ]
    return rows[::-1]
