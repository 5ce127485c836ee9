"""What comes in before the loop sees it: length, encoding, control characters, markup (GUARD-10). Pure."""

import re
from dataclasses import dataclass

MAX_GOAL = 20_000  # characters
MAX_MESSAGE = 20_000

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_HIDDEN = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
_INSTRUCTION = re.compile(
    r"\b(ignore|disregard|forget)\b.{0,30}\b(previous|prior|above|all|your)\b.{0,30}\b(instruction|rule|prompt)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Input:
    """Text that may be stored, and what was unusual about it."""

    text: str
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BadInput:
    """Text that is refused, with the reason and the fix."""

    reason: str


def accept(text: str, *, limit: int = MAX_GOAL) -> Input | BadInput:
    """Bound and clean what a person or program sent.

    Control characters are taken out and flagged; an unpaired surrogate, which no UTF-8 can carry, is refused.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        return BadInput("must not be empty")
    if len(text) > limit:
        return BadInput(
            f"is {len(text):,} characters long; at most {limit:,} are taken. Shorten it, or put the rest into a document."
        )
    if _SURROGATE.search(text):
        return BadInput("holds an unpaired surrogate; send valid Unicode")
    flags = [name for name, pattern in _FLAGS if pattern.search(text)]
    return Input(_CONTROL.sub("", text), tuple(flags))


_FLAGS = (("control_characters", _CONTROL), ("hidden_characters", _HIDDEN), ("instruction_like", _INSTRUCTION))
