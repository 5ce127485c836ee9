"""Letters that look like others: foreign letters inside a Latin word, and every foreign letter in an address. Pure.

A word of one script is somebody's language and stays as it is. In an address or a host even a whole foreign word is
marked, and its punycode says which host it would really be.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

WORD = re.compile(r"[^\W_]+")
ADDRESS = re.compile(r"[\w.+\-]*[@/][\w.\-@/]*\w|\w[\w\-]*(?:\.[\w\-]+)+")
MIXED = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "GEORGIAN"})
"""Scripts whose letters are taken for one another; others are often written side by side."""
IMITATED = dict(
    zip(
        "абвгеһіјкӏмнопрԛгѕтухѵԝуАВСЕНІЈКМОРЅТХΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορυχɑɡıօոսհ",
        "a6brehijkimhonpqrstyxvwyABCEHIJKMOPSTXABEZHIKMNOPTYXavopuxagionuh",
        strict=False,
    )
)
LATIN_END = "\u024f"
MOST = 5


def spans(text: str) -> Iterator[tuple[int, str]]:
    """Give the place of each letter that is taken for another, with what it is in words."""
    if text.isascii():
        return
    inside = [(found.start(), found.end()) for found in ADDRESS.finditer(text) if not found[0].isascii()]
    for found in WORD.finditer(text):
        word = found[0]
        if word.isascii():
            continue
        addressed = any(start <= found.start() < end for start, end in inside)
        mixed = len({script(letter) for letter in word if letter.isalpha()} & MIXED) > 1
        for place, letter in enumerate(word, found.start()):
            if not letter.isascii() and (_styled(letter) or addressed or (mixed and script(letter) != "LATIN")):
                yield place, described(letter)


def count(text: str) -> int:
    """Count the letters of a text that are taken for others."""
    return sum(1 for _ in spans(text))


def hosts(text: str) -> list[tuple[str, str]]:
    """Return the hosts in a text that are not plain ASCII, each as it stands and in punycode; the first few."""
    found = []
    for match in ADDRESS.finditer("" if text.isascii() else text):
        for part in re.split(r"[@/]", match[0]):
            if "." in part and not part.isascii() and (part, punycode(part)) not in found:
                found.append((part, punycode(part)))
    return found[:MOST]


def punycode(host: str) -> str:
    """Return a host as name servers are asked for it."""
    labels = [unicodedata.normalize("NFKC", label).lower() for label in host.split(".")]
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


@lru_cache(maxsize=4096)
def script(letter: str) -> str:
    """Return the first word of a letter's Unicode name, which is its script."""
    return unicodedata.name(letter, "UNNAMED").partition(" ")[0]


@lru_cache(maxsize=4096)
def described(letter: str) -> str:
    """Return the name of a letter and, where that is known, which one it imitates."""
    name = unicodedata.name(letter, f"U+{ord(letter):04X}")
    plain = IMITATED.get(letter) or (unicodedata.normalize("NFKC", letter) if _styled(letter) else "")
    return f"{name} (U+{ord(letter):04X}){f', looks like {plain}' if plain else ''}"


def _styled(letter: str) -> bool:
    """Say whether it is a plain letter in fancy dress: full-width, mathematical, circled."""
    plain = unicodedata.normalize("NFKC", letter)
    return letter > LATIN_END and len(plain) == 1 and plain.isascii() and plain.isalpha()
