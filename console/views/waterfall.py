"""Places of bars on the waterfall of a session. Pure: spans of time in, percentages out.

Long rests, mostly people thinking, are compressed, so that a wait of two hours does not flatten everything else;
the times that are written beside the bars are the real ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from console.formats import duration

REST_S = 2.0
"""A stretch in which nothing works counts as a rest from this length on."""
REST_SHARE = 0.12
"""How much of the busy time a rest is drawn as, at most."""
NARROWEST = 0.4
TICKS = 4


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps seconds since the start to percent of the width, piece by piece."""

    pieces: tuple[tuple[float, float, float, float], ...]  # (start_s, end_s, start_percent, end_percent)
    shortened: tuple[tuple[float, float], ...] = ()  # (start_s, end_s) of the rests that are drawn shorter than they were

    def at(self, seconds: float) -> float:
        """Return the percentage for a moment."""
        for start, end, low, high in self.pieces:
            if seconds <= end:
                return low + (high - low) * max(0.0, seconds - start) / (end - start)
        return 100.0

    def seconds(self, percent: float) -> float:
        """Return the moment that a percentage stands for."""
        for start, end, low, high in self.pieces:
            if percent <= high:
                return start + (end - start) * max(0.0, percent - low) / (high - low)
        return self.pieces[-1][1]

    def bar(self, start: float, end: float) -> tuple[str, str]:
        """Return x and width of a bar as texts, never too narrow to be seen, never beyond the edge."""
        x = min(self.at(start), 100.0 - NARROWEST)
        width = max(NARROWEST, self.at(end) - x)
        return f"{x:.2f}", f"{min(width, 100.0 - x):.2f}"


def scale(busy: Sequence[tuple[float, float]], total: float) -> Scale:
    """Make the scale of a session that lasted `total` seconds and worked in these stretches."""
    stretches = _stretches(busy, max(total, 0.001))
    worked = sum(end - start for start, end, rests in stretches if not rests)
    longest_rest = max(worked * REST_SHARE, 0.001)
    drawn = [
        (start, end, min(end - start, longest_rest) if rests and worked else end - start) for start, end, rests in stretches
    ]
    whole = sum(width for _, _, width in drawn)
    pieces, at = [], 0.0
    for start, end, width in drawn:
        share = 100.0 * width / whole
        pieces.append((start, end, at, at + share))
        at += share
    shortened = tuple((start, end) for start, end, width in drawn if width < end - start)
    return Scale(tuple(pieces), shortened)


def ticks(of: Scale) -> list[dict[str, str]]:
    """Return the lines of the axis, each with the real time that it stands for."""
    moments = [of.seconds(100 * place / TICKS) for place in range(TICKS)]
    write = _fine if moments[-1] < 1 else label
    return [{"x": f"{100 * place / TICKS:.0f}", "label": write(moment)} for place, moment in enumerate(moments)]


def gaps(of: Scale) -> list[dict[str, str]]:
    """Return the bands that stand for shortened rests, each with its real length."""
    return [
        {"x": f"{of.at(start):.2f}", "width": f"{of.at(end) - of.at(start):.2f}", "label": label(end - start)}
        for start, end in of.shortened
    ]


def shortened(of: Scale) -> str:
    """Return the sentence that says how much of the time is drawn shortened; empty where the axis is even."""
    if not of.shortened:
        return ""
    rested = label(sum(end - start for start, end in of.shortened))
    return f"The axis is not even: the striped parts stand for {rested} of waiting and are drawn short."


def label(seconds: float) -> str:
    """Write a moment of the axis."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return duration(1000 * int(seconds))


def _fine(seconds: float) -> str:
    return f"{round(1000 * seconds)} ms"


def _stretches(busy: Sequence[tuple[float, float]], total: float) -> list[tuple[float, float, bool]]:
    """Cut the time into stretches of work and of rest, short rests counted as work."""
    found: list[tuple[float, float, bool]] = []
    at = 0.0
    for start, end in sorted((max(0.0, start), min(end, total)) for start, end in busy):
        if start - at > REST_S:
            found.append((at, start, True))
            at = start
        if end > at:
            found.append((at, end, False))
            at = end
    if total > at:
        found.append((at, total, total - at > REST_S))
    return found
