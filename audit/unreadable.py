"""What is wrong with a text that is not JSON, in words for whoever wrote it: where, near which name, and what to do. Pure."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence

WORDS: Mapping[str, str] = {
    "Expecting value": "a value is missing here. Write a text in double quotes, a number, true, false or null",
    "Expecting property name enclosed in double quotes": (
        "a name in double quotes has to stand here. Add it, or take out the comma before"
    ),
    "Illegal trailing comma before end of object": "no comma may stand before the closing brace. Take it out",
    "Illegal trailing comma before end of array": "no comma may stand before the closing bracket. Take it out",
    "Expecting ':' delimiter": "a colon is missing between a name and its value",
    "Expecting ',' delimiter": "a comma is missing before this, or the quote that ends a text stands too early",
    "Unterminated string starting at": "the text that begins here does not end. Close it with a double quote",
    "Invalid control character at": "a line break or tab stands inside a text. Write \\n or \\t for it",
    "Invalid \\escape": "a backslash stands alone. Write two for one",
    "Invalid \\uXXXX escape": "after \\u four hexadecimal digits have to follow",
    "Extra data": "something stands after the end. Take it out: there can be one value only",
}
"""What the standard parser says, and what that means."""
LOOKED_AT = 2000  # characters before the place, in which its name is looked for
_NAMED = re.compile(r'"((?:[^"\\\n]|\\.){1,60})"\s*:')


def reason_of(error: ValueError, text: str) -> str:
    """Return what is wrong with a text that the standard parser could not read."""
    if not text.strip():
        return "it is empty"
    if not isinstance(error, json.JSONDecodeError):
        return "a number in it has too many digits. Write it as a text"
    words = WORDS.get(error.msg.rstrip(": "), error.msg)
    return f"line {error.lineno}, column {error.colno}{_near(text, error.pos)}: {words}"


def twice(names: Sequence[str]) -> str:
    """Return what is wrong with an object whose names these are, one of them more than once."""
    name = next(name for name, times in Counter(names).items() if times > 1)
    return f"the name “{name[:60]}” stands twice in one object. Keep one of them"


def _near(text: str, place: int) -> str:
    """Return the last name before a place, for people do not count lines; empty where there is none."""
    found = list(_NAMED.finditer(text[max(0, place - LOOKED_AT) : place]))
    return f", near “{found[-1][1]}”" if found else ""
