"""Template tags for what the server draws: columns side by side, each a stack, and the bars of a risk; all of it said in words too."""

from collections.abc import Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()
HEIGHT, STEP, WIDTH = 40, 4, 3


@register.simple_tag
def columns(words: str, tones: Sequence[str], stacks: Sequence[Sequence[int]]) -> SafeString:
    """Draw one column for each stack, its values from the bottom up in these tones; the highest fills the chart.

    Args:
        words: what it shows, for those who do not see it.
        tones: of each value of a stack.
        stacks: the values of each column.
    """
    most = max((sum(stack) for stack in stacks), default=0) or 1
    bars = format_html_join("", '<rect class="f-{}" x="{}" y="{}" width="{}" height="{}"/>',
                            (bar for place, stack in enumerate(stacks) for bar in _column(place, tones, stack, most)))  # fmt: skip
    return format_html(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">{}</svg>',
        words, len(stacks) * STEP - (STEP - WIDTH), HEIGHT, bars,
    )  # fmt: skip


def _column(place: int, tones: Sequence[str], stack: Sequence[int], most: int) -> list[tuple[str, int, str, int, str]]:
    """The parts of one column; what is there is never too low to be seen."""
    drawn, below = [], 0.0
    for tone, value in zip(tones, stack, strict=True):
        if value:
            height = max(1.0, HEIGHT * value / most)
            below = min(HEIGHT, below + height)
            drawn.append((tone, place * STEP, f"{HEIGHT - below:.1f}", WIDTH, f"{height:.1f}"))
    return drawn


_BARS = ("M1.5 11h1.75v2H1.5z", "M5.25 8H7v5H5.25z", "M9 5h1.75v8H9z", "M12.75 2h1.75v11h-1.75z")
_RISK_BARS = tuple(
    format_html(
        '<svg viewBox="0 0 16 16" aria-hidden="true"><path class="on" d="{}"/>{}</svg>',
        "".join(_BARS[:level]),
        format_html('<path d="{}"/>', "".join(_BARS[level:])) if level < len(_BARS) else "",
    )
    for level in range(len(_BARS) + 1)
)


@register.filter
def risk_bars(level: int) -> str:
    """Draw a risk level (1 to 4) as so many of four bars. A queue shows many: two shapes, made once."""
    return _RISK_BARS[int(level)]
