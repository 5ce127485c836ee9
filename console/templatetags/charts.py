"""Template tags for charts that the server draws: columns side by side, each a stack, with the same said in words."""

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
