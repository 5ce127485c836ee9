"""How numbers, money and times are written for people. Pure functions of values; the template filters in
`console.templatetags.ui` are thin wrappers around them. Nothing here reads a clock.
"""

from datetime import UTC, datetime, timedelta

THIN_SPACE = "\u202f"
CENT = 10_000
MINUTE, HOUR, DAY = 60, 3600, 86_400


def microusd(amount: int) -> str:
    """Write micro-dollars as dollars and cents; what is above zero is never shown as zero."""
    if 0 < amount < CENT:
        return "<$0.01"
    sign = "−" if amount < 0 else ""
    cents = (abs(amount) + CENT // 2) // CENT
    return f"{sign}${cents // 100:,}.{cents % 100:02}"


def exact_microusd(amount: int) -> str:
    """Write micro-dollars as dollars with all that they have after the point, two digits at least."""
    whole, rest = divmod(abs(amount), 1_000_000)
    digits = f"{rest:06}".rstrip("0").ljust(2, "0")
    return f"{'−' if amount < 0 else ''}${whole:,}.{digits}"


def grouped(number: int) -> str:
    """Write an integer with thin spaces between groups of three digits."""
    return f"{number:,}".replace(",", THIN_SPACE)


def duration(milliseconds: int) -> str:
    """Write a length of time in the two largest units that matter; a second one of none is left out."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    return _long_duration(int(seconds))


def _long_duration(seconds: int) -> str:
    large, word, small, less = (
        (MINUTE, "min", 1, "s") if seconds < HOUR else (HOUR, "h", MINUTE, "min") if seconds < DAY else (DAY, "d", HOUR, "h")
    )
    rest = seconds % large // small
    return f"{seconds // large} {word} {rest} {less}" if rest else f"{seconds // large} {word}"


def ago(at: datetime, now: datetime) -> str:
    """Write how long before `now` something was, or in how long it will be."""
    seconds = int((now - at).total_seconds())
    if seconds < 0:
        return f"in {short_span(-seconds)}"
    if seconds < 5:
        return "just now"
    return f"{short_span(seconds)} ago"


def short_span(seconds: int) -> str:
    """Write a span in one unit: 40 s, 7 min, 3 h, 12 d."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def countdown(left: timedelta) -> str:
    """Write what is left until something expires: 4:12, 22 min, 1 h 10, 3 h, 2 d."""
    seconds = max(0, int(left.total_seconds()))
    if seconds < 10 * MINUTE:
        return f"{seconds // MINUTE}:{seconds % MINUTE:02}"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < 3 * HOUR:
        minutes = seconds % HOUR // MINUTE
        return f"{seconds // HOUR} h {minutes:02}" if minutes else f"{seconds // HOUR} h"
    if seconds < 2 * DAY:
        return f"{seconds // HOUR} h"
    return f"{seconds // DAY} d"


def exact(at: datetime) -> str:
    """Write the exact time in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def size(length: int) -> str:
    """Write a number of bytes as B, KB or MB."""
    if length < 1000:
        return f"{length} B"
    if length < 1_000_000:
        return f"{length / 1000:.1f} KB"
    return f"{length / 1_000_000:.1f} MB"


def middle(text: str, head: int = 4, tail: int = 4) -> str:
    """Shorten a digest or id in its middle, so that both ends can be compared."""
    return text if len(text) <= head + tail + 1 else f"{text[:head]}…{text[-tail:]}"


def principal(name: str, kind: str, number: str) -> str:
    """Return a principal in words: its name, its kind, and its id where that says more than the kind does."""
    return f"{name} ({kind})" if number == kind else f"{name} ({kind} {number})"
