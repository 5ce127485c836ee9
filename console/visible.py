"""Text from agents, customers and tools, made safe to look at. Every character that could hide, reorder or
imitate is turned into a mark such as ⟦U+200B⟧, runs of blank lines and padding are counted instead of shown,
and the rest is left as it is. Pure: it splits text into pieces; escaping is done by the template filter.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180e\u2800\u3164\uffa0\u2028\u2029")
KEPT = frozenset("\n\t")
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
SUSPECT = re.compile("[^\t\n -~\u00a0-\u00ac\u00ae-\u024f]")  # all else needs a look; most text has none of it
PADDING = re.compile(r"(?P<blank>\n(?:[ \t]*\n){4,})|(?P<spaces>[ \t]{40,})")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text. With `name` set, `text` is a mark that stands for `count` characters that cannot be seen."""

    text: str
    name: str = ""
    count: int = 0


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
    position = 0
    for found in PADDING.finditer(text):
        yield from _marked(text[position : found.start()])
        yield _padding(found)
        position = found.end()
    yield from _marked(text[position:])


def _padding(found: re.Match[str]) -> Piece:
    if found["blank"]:
        lines = found["blank"].count("\n") - 1
        return Piece(f"\n⟦{lines} blank lines⟧\n", "blank lines", lines)
    length = len(found["spaces"])
    return Piece(f"⟦{length} spaces⟧", "spaces", length)


def _marked(text: str) -> Iterator[Piece]:
    start = 0
    for found in SUSPECT.finditer(text):
        character, index = found[0], found.start()
        if is_hidden(character):
            if start < index:
                yield Piece(text[start:index])
            yield Piece(f"⟦U+{ord(character):04X}⟧", unicodedata.name(character, "CONTROL CHARACTER"), 1)
            start = index + 1
    if start < len(text):
        yield Piece(text[start:])


def hidden_count(text: str) -> int:
    """Count the characters of a text that a reader would not see without the marks."""
    return sum(is_hidden(found[0]) for found in SUSPECT.finditer(text))
