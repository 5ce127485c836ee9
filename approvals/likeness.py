"""What makes two requests alike, as three values that an index can hold: shape, target and band of the arguments. Pure."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Likeness:
    """`shape` are the names that hold something, `target` the first recipient or host, `band` the size of the largest number."""

    shape: str = ""
    target: str = ""
    band: int = 0


def likeness(arguments: Mapping[str, Any]) -> Likeness:
    """Return what is compared of a call's arguments."""
    shape = ",".join(sorted(name for name, value in arguments.items() if value not in (None, "", [], {})))
    if len(shape) > LONGEST:
        shape = hashlib.sha256(shape.encode()).hexdigest()
    values = list(_values(arguments))
    target = next(filter(None, (_target(value) for value in values if isinstance(value, str))), "")
    numbers = [abs(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return Likeness(shape, target[:LONGEST], band(max(numbers, default=0)))


def band(amount: float) -> int:
    """Return the band of an amount: 0 below one, then two to each power of ten (1 to 3, to 10, to 32, to 100, …)."""
    return 0 if amount < 1 else 1 + math.floor(2 * math.log10(amount))


def _target(text: str) -> str:
    if _ADDRESS.fullmatch(text):
        return text.lower()
    if not _URL.fullmatch(text):
        return ""
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return ""


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        # "to" before "cc": the names that a tool gives are few, so the longest way round is short.
        for name in sorted(value, key=lambda name: (name != "to", name)):
            yield from _values(value[name])
    elif isinstance(value, list):
        for part in value:
            yield from _values(part)
    else:
        yield value
