"""What makes two requests alike, and two calls after the same thing. Pure.

Requests are compared by three values that an index can hold: shape, target and band of the arguments. Calls of one session
are compared by what their arguments name and say, whatever tool they are of (THREATS 18).
"""

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_TELLING = re.compile(r"[\d@./:_#-]")
LONGEST = 200
SHORTEST_NAME, SHORTEST_TEXT = 4, 24
"""Shorter words and sentences are shared by calls that have nothing to do with each other."""
LARGE = 5
"""The band from which on an amount alone makes two calls alike: a hundred and more."""


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


@dataclass(frozen=True, slots=True)
class Aim:
    """What a call is after: recipients, hosts, paths and ids that it names, longer texts, the band of its largest number."""

    names: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    band: int = 0

    def shares(self, other: "Aim") -> bool:
        """Say whether both name the same thing, or one says what stands in the other."""
        return bool(self.names & other.names) or any(one in two or two in one for one in self.texts for two in other.texts)

    def as_large(self, other: "Aim") -> bool:
        """Say whether both are about an amount of the same, considerable size."""
        return self.band == other.band >= LARGE


def aim(arguments: Mapping[str, Any]) -> Aim:
    """Return what a call with these arguments is after."""
    values = list(_values(arguments))
    words = [" ".join(unicodedata.normalize("NFKC", value).casefold().split()) for value in values if isinstance(value, str)]
    names = {word for word in words if " " not in word and len(word) >= SHORTEST_NAME and _TELLING.search(word)}
    names |= {target for word in words if (target := _target(word))}
    texts = tuple(word for word in words if " " in word and len(word) >= SHORTEST_TEXT)
    numbers = [abs(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return Aim(frozenset(names), texts, band(max(numbers, default=0)))
