"""Template tags and filters for the leaf partials: icons, times, money, risk, differences and text that cannot be
trusted. Whatever is put into HTML here is escaped by `format_html`; the only file taken as it is, is the vendored
icon sprite.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.template.context import Context
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from console import diff as differences
from console import formats, visible
from console.looks import LOOKS, RISKS, TIER_WORDS, TONES, Look, initials, tint

register = template.Library()
register.filter(initials)
register.filter(tint)

SPRITE = Path(__file__).resolve().parents[2] / "static" / "vendor" / "lucide-1.62.0" / "sprite.svg"
RING = 37.7  # circumference of the expiry ring, radius 6
SOON_S = 300
LONG_TEXT = 4000
SHORT_VALUE = 40
MOST_COUNTED = 1000


@cache
def _sprite() -> SafeString:
    return mark_safe(SPRITE.read_text(encoding="utf-8"))  # noqa: S308 -- a vendored file whose hash is tested


@register.simple_tag
def icon_sprite() -> SafeString:
    """Give the icon symbols, to be put into a page once."""
    return _sprite()


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """Draw an icon of the sprite; `size` is "s" for the small one."""
    return format_html('<svg class="i {}" aria-hidden="true"><use href="#i-{}"/></svg>', size, name)


@register.filter(name="visible")
def visible_text(text: object) -> SafeString:
    """Escape a text and show as marks what could hide in it (bidirectional, zero-width, control, tag characters)."""
    return format_html_join("", "{}", ((_piece(piece),) for piece in visible.pieces(str(text))))


def _piece(piece: visible.Piece) -> str:
    if piece.odd:
        return format_html('<span class="odd" title="{}">{}</span>', piece.odd, piece.text)
    if not piece.name:
        return conditional_escape(piece.text)
    return format_html('<span class="unseen" title="{}">{}</span>', piece.name, piece.text)


@register.filter
def unseen(text: object) -> list[str]:
    """Say what of a text a reader would not see without the marks, in sentences."""
    return visible.told(str(text))


@register.filter
def pretty_json(value: object) -> str:
    """Write a value as indented JSON; a string is taken as JSON text and indented if it can be read."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return str(value)
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def compact_json(value: object) -> str:
    """Write a value as one line of JSON, strings without their quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


@register.filter
def microusd(amount: int | None) -> str:
    """Write micro-dollars as dollars and cents."""
    return "" if amount is None else formats.microusd(int(amount))


@register.filter
def grouped(number: int | None) -> str:
    """Write an integer with thin spaces between groups of three digits."""
    return "" if number is None else formats.grouped(int(number))


@register.filter
def capped(number: int | None) -> str:
    """Write a count; above 999 it says so, because nobody needs the exact number and it is dear."""
    return "" if number is None else "999+" if int(number) >= MOST_COUNTED else str(number)


@register.filter
def duration(milliseconds: float | None) -> str:
    """Write milliseconds as a length of time."""
    return "" if milliseconds is None else formats.duration(int(milliseconds))


@register.filter
def filesize(length: int | None) -> str:
    """Write a number of bytes."""
    return "" if length is None else formats.size(int(length))


@register.filter
def middle(text: str) -> str:
    """Shorten a digest in its middle."""
    return formats.middle(text)


@register.filter
def words(name: str) -> str:
    """Write a code name as words: `waiting_approval` becomes `Waiting approval`."""
    return name.replace("_", " ").replace(".", " ").capitalize()


@register.filter
def tier_word(tier: str) -> str:
    """Write a tier as words."""
    return TIER_WORDS.get(tier, words(tier))


@register.filter
def status_look(status: str) -> Look:
    """Choose word, icon and colour for a status of a session, tool call or approval request."""
    return LOOKS.get(status) or Look(words(status), "circle-dot", "")


@register.filter
def get_tone(level: str) -> str:
    """Choose the colour of a message by its level."""
    return TONES.get(level, "")


@register.filter
def split_long(text: object, limit: int = LONG_TEXT) -> tuple[str, str]:
    """Cut a long text in two: what is shown at once and what is folded away."""
    whole, at = str(text), int(limit)
    return (whole, "") if len(whole) <= at * 5 // 4 else (whole[:at], whole[at:])


@register.filter
def risk_word(level: int) -> str:
    """Write a risk level (1 to 4) as words."""
    return RISKS[int(level)]


@register.filter
def set_count(filters: Mapping[str, object]) -> int:
    """Return how many filters are set."""
    return sum(bool(value) for value in filters.values())


@register.filter
def get(mapping: Mapping[str, Any], key: str) -> object:
    """Look a key up that the template holds in a variable."""
    return mapping.get(key, "")


def _now(context: Context) -> datetime:
    shell = context.get("shell")
    now = context.get("now") or (shell.get("now") if isinstance(shell, Mapping) else None)
    return now if isinstance(now, datetime) else timezone.now()


@register.simple_tag(takes_context=True)
def when(context: Context, at: datetime | None, style: str = "ago") -> SafeString | str:
    """Write a moment as `<time>`: relative with the exact time in its title, or `exact`, or the `clock` time only."""
    if at is None:
        return ""
    if style == "exact":  # it says all; on paper a title is written behind
        return format_html('<time datetime="{}">{}</time>', at.isoformat(), formats.exact(at))
    shown = at.strftime("%H:%M:%S") if style == "clock" else formats.ago(at, _now(context))
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), formats.exact(at), shown)


@register.simple_tag(takes_context=True)
def clock(context: Context, expires_at: datetime | None, since: datetime | None = None, label: str = "") -> str:
    """Draw the ring and the time left until something expires; `clock.js` keeps it going, the server decides."""
    if expires_at is None:
        return ""
    now = _now(context)
    left = expires_at - now
    seconds = max(0.0, left.total_seconds())
    total = max(1.0, (expires_at - since).total_seconds()) if since else max(1.0, seconds)
    return format_html(
        '<live-clock class="clock{}" data-until="{}" data-total="{}">'
        '<svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6"/>'
        '<circle cx="8" cy="8" r="6" stroke-dasharray="{} {}"/></svg>'
        '<span class="{}">{}</span><time datetime="{}" title="{}">{}</time></live-clock>',
        " soon" if seconds < SOON_S else "",
        expires_at.isoformat(),
        int(total),
        f"{RING * min(1.0, seconds / total):.1f}",
        RING,
        "" if label else "sr",
        label or "Expires in",
        expires_at.isoformat(),
        formats.exact(expires_at),
        formats.countdown(left),
    )


@register.simple_tag
def replaced(before: str, after: str) -> SafeString:
    """Show a value beside what it was before: short ones whole, long ones by words."""
    if max(len(before), len(after)) > SHORT_VALUE:
        return word_diff(before, after)
    return format_html("<del>{}</del> <ins>{}</ins>", visible_text(before), visible_text(after))


@register.simple_tag
def ratio(approved: int, edited: int, rejected: int) -> SafeString:
    """Draw how earlier requests were decided, as a bar with a legend."""
    total = max(1, approved + edited + rejected)
    parts = (("ok", approved, "approved"), ("ed", edited, "edited"), ("bad", rejected, "rejected"))
    starts = (0, approved, approved + edited)
    words_of = ", ".join(f"{count} {word}" for _, count, word in parts)
    bars = format_html_join(
        "", '<rect class="f-{}" x="{}%" width="{}%" height="100%"/>',
        ((tone, round(100 * start / total, 1), round(100 * count / total, 1))
         for (tone, count, _), start in zip(parts, starts, strict=True)),
    )  # fmt: skip
    legend = format_html_join(
        "", '<span class="c-{}"><i></i><span class="dim">{} {}</span></span>', ((t, c, w) for t, c, w in parts if c)
    )
    return format_html('<svg class="ratio" role="img" aria-label="{}">{}</svg><p class="legend">{}</p>', words_of, bars, legend)


@register.simple_tag
def spans(half: float, slow: float, most: float) -> SafeString:
    """Draw two times as one bar against the longest of a table; the words beside it say them."""
    widths = [round(100 * min(1.0, part / most), 1) if most else 0 for part in (slow, half)]
    return format_html(
        '<svg class="ratio" aria-hidden="true"><rect class="f-soft" width="{}%" height="100%"/>'
        '<rect class="f-acc" width="{}%" height="100%"/></svg>', *widths,
    )  # fmt: skip


@register.simple_tag
def word_diff(before: str, after: str) -> SafeString:
    """Show two short texts as one, with what was taken out and what was put in."""
    return segments(differences.word_diff(before, after))


@register.filter
def segments(parts: tuple[differences.Segment, ...]) -> SafeString:
    """Show the segments of a difference; marks hidden characters, escapes the rest."""
    return format_html_join("", "{}", ((_segment(part),) for part in parts))


def _segment(part: differences.Segment) -> SafeString:
    text = visible_text(part.text)
    return {"del": format_html("<del>{}</del>", text), "add": format_html("<ins>{}</ins>", text)}.get(part.kind, text)


@register.filter
def line_diff(before: str, after: str) -> differences.Diff:
    """Compare two texts by lines."""
    return differences.line_diff(before, after)


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: object) -> str:
    """Give the present query string with some parameters changed; None takes one out."""
    request = context.get("request")
    params = request.GET.copy() if request is not None else {}
    params.pop("fragment", None)
    for name, value in changes.items():
        params.pop(name, None)
        if value not in (None, ""):
            params[name] = str(value)
    encoded = params.urlencode() if hasattr(params, "urlencode") else "&".join(f"{k}={v}" for k, v in params.items())
    return f"?{encoded}"
