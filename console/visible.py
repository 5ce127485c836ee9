"""Text from agents, customers and tools, made safe to look at. Every character that could hide, reorder or
imitate is turned into a mark such as ⟦U+200B⟧, letters that are taken for others are named, runs of blank lines and
padding are counted instead of shown, and the rest is left as it is. Pure: it splits text into pieces; escaping is done
by the template filter.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from console import lookalikes

INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180e\u2800\u3164\uffa0\u2028\u2029")
KEPT = frozenset("\n\t")
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
SUSPECT = re.compile("[^\t\n -~\u00a0-\u00ac\u00ae-\u024f]")  # all else needs a look; most text has none of it
PADDING = re.compile(r"(?P<blank>\n(?:[ \t]*\n){4,})|(?P<spaces>[ \t]{40,})")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text. With `name` set, `text` is a mark that stands for `count` characters that cannot be seen.

    With `odd` set it is one letter, shown as it stands, that is taken for the one that `odd` tells.
    """

    text: str
    name: str = ""
    count: int = 0
    odd: str = ""


def is_hidden(character: str) -> bool:
    """Say whether a character shows nothing of itself or changes how its neighbours are shown."""
    if character in KEPT:
        return False
    code = ord(character)
    if 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or character in INVISIBLE:
        return True
    return unicodedata.category(character) in HIDDEN_CATEGORIES


def pieces(text: str) -> Iterator[Piece]:
    """Split text into what is shown as it stands and what is shown as a mark."""
    odd = dict(lookalikes.spans(text))
    position = 0
    for found in PADDING.finditer(text):
        yield from _marked(text, position, found.start(), odd)
        yield _padding(found)
        position = found.end()
    yield from _marked(text, position, len(text), odd)


def _padding(found: re.Match[str]) -> Piece:
    if found["blank"]:
        lines = found["blank"].count("\n") - 1
        return Piece(f"\n⟦{lines} blank lines⟧\n", "blank lines", lines)
    length = len(found["spaces"])
    return Piece(f"⟦{length} spaces⟧", "spaces", length)


def _marked(text: str, start: int, end: int, odd: Mapping[int, str]) -> Iterator[Piece]:
    hidden = {found.start() for found in SUSPECT.finditer(text, start, end) if is_hidden(found[0])}
    for index in sorted(hidden.union(place for place in odd if start <= place < end)):
        character = text[index]
        if start < index:
            yield Piece(text[start:index])
        if index in hidden:
            yield Piece(f"⟦U+{ord(character):04X}⟧", unicodedata.name(character, "CONTROL CHARACTER"), 1)
        else:
            yield Piece(character, odd=odd[index])
        start = index + 1
    if start < end:
        yield Piece(text[start:end])


def hidden_count(text: str) -> int:
    """Count the characters of a text that a reader would not see without the marks."""
    return sum(is_hidden(found[0]) for found in SUSPECT.finditer(text))


def told(text: str) -> list[str]:
    """Say in words what is odd about a text and could not be seen without the marks; nothing for most texts."""
    lines = []
    if hidden := hidden_count(text):
        lines.append(f"{hidden} hidden character{'s' if hidden > 1 else ''} marked.")
    if odd := lookalikes.count(text):
        lines.append(f"{odd} letter{'s' if odd > 1 else ''} of another alphabet marked, taken for Latin ones.")
    padded = [found for found in PADDING.finditer(text) if found["blank"]]
    if blank := sum(found["blank"].count("\n") - 1 for found in padded):
        lines.append(f"{blank} blank lines taken out; text goes on behind them.")
    lines += [f"{shown} is {real}." for shown, real in lookalikes.hosts(text)]
    return lines
