"""Which number the next version of a prompt gets: by what changed for those who use it. Pure.

Major: a session that could start before may not be able to any more (a variable came that it must have, or one was
taken away). Minor: the instructions change (lines come or go, parameters change). Patch: lines are only worded anew.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

_NUMBER = r"(0|[1-9][0-9]{0,8})"
_WORD = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
FORM = re.compile(rf"(?=.{{1,80}}\Z){_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_WORD}(?:\.{_WORD})*)?")
FIRST = "1.0.0"
Change = Literal["major", "minor", "patch", "none"]


@dataclass(frozen=True, slots=True)
class Fixed:
    """All that a version fixes."""

    text: str
    variables: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Any]


def change(before: Fixed, after: Fixed) -> tuple[Change, str]:
    """Return the kind of change between two versions, and the sentence that says why it is one."""
    if before == after:
        return "none", "Nothing changed."
    gone = sorted(set(before.variables) - set(after.variables))
    needed = sorted(name for name in after.variables if _needed(after, name) and not _needed(before, name))
    if gone or needed:
        names = ", ".join([*needed, *gone])
        return "major", f"What a session must bring changed: {names}."
    if dict(before.parameters) != dict(after.parameters):
        return "minor", "The model's parameters changed."
    if before.variables != after.variables:
        return "minor", "The declared variables changed."
    if before.text.count("\n") != after.text.count("\n"):
        return "minor", "Lines came or went."
    return "patch", "Lines are only worded anew."


def proposed(kind: Change, before: str, taken: Collection[str]) -> str:
    """Return the next free number after `before` for that kind of change; of a first version, with `before` empty, FIRST."""
    found = FORM.fullmatch(before)
    if found is None and FIRST not in taken:
        return FIRST
    major, minor, patch = (int(part) for part in found.groups()[:3]) if found else (1, 0, 0)
    while True:
        match kind:
            case "major":
                major, minor, patch = major + 1, 0, 0
            case "minor":
                minor, patch = minor + 1, 0
            case _:
                patch += 1
        number = f"{major}.{minor}.{patch}"
        if number not in taken:
            return number


def _needed(fixed: Fixed, name: str) -> bool:
    return name in fixed.variables and "default" not in fixed.variables[name]
