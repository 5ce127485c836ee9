"""Template tags for budgets: amounts to the last digit, and how much of a cap is used."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console import formats

register = template.Library()


@register.filter
def exact_microusd(amount: int) -> str:
    """Write micro-dollars as dollars with all that they have after the point."""
    return formats.exact_microusd(int(amount))


@register.simple_tag
def gauge(spent: int, reserved: int, cap: int) -> SafeString:
    """Draw what is spent and reserved of a cap, with marks at half and four fifths; the words beside it say the same."""
    first = min(100.0, round(100 * spent / cap, 1))
    second = min(100 - first, round(100 * reserved / cap, 1))
    tone = "bad" if first >= 100 else "ed" if first >= 80 else "acc"
    return format_html(
        '<svg class="ratio gauge" aria-hidden="true"><rect class="f-{}" width="{}%" height="100%"/><rect class="f-soft" x="{}%" '
        'width="{}%" height="100%"/><rect class="mark" x="50%" width="1.5" height="100%"/><rect class="mark" x="80%" width="1.5" '
        'height="100%"/></svg>', tone, first, first, second,
    )  # fmt: skip
