"""The grammar of a path in a session's workspace. Pure.

Files are rows, so there are no links to follow and no folders to leave; a path is still refused if any reader of it,
now or after an export to a disk, could take it for something outside.
"""

import unicodedata

from agents.tools.errors import InvalidInput

LONGEST = 200
DEEPEST = 8
_RESERVED = frozenset(':*?"<>|')


def clean_path(path: str) -> str:
    """Return the path in its one form (NFC, parts joined by single slashes).

    Raises InvalidInput for an absolute path, "..", a backslash, a control or invisible character, or too long a one.
    """
    text = unicodedata.normalize("NFC", path)
    if not text or len(text) > LONGEST:
        raise InvalidInput(f"A path has 1 to {LONGEST} characters.")
    if text.startswith(("/", "~")):
        raise InvalidInput("The path must be relative to the workspace, such as notes/summary.md.")
    for character in text:
        if character in _RESERVED or character == "\\" or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            raise InvalidInput(f"A path cannot hold the character U+{ord(character):04X}.")
    parts = text.split("/")
    if len(parts) > DEEPEST:
        raise InvalidInput(f"A path has at most {DEEPEST} parts.")
    for part in parts:
        if part in {"", ".", ".."} or part != part.strip() or part.endswith("."):
            raise InvalidInput("Each part of a path needs a plain name; `.`, `..` and empty parts are refused.")
    return text
