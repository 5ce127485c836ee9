"""How a policy rule reads a call's arguments.

Pure. Where a rule names its tool and yet cannot read what it asks for, it holds: a rule that is silent about what
it does not understand would be the way around it.
"""

import operator
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from approvals.document import Condition, Policy
from approvals.facts import Origin

_COMPARE = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}


def holds(
    condition: Condition, arguments: Mapping[str, Any], policy: Policy, *, named: bool,
    origins: Sequence[Origin] = (), tainted: bool = False,
) -> bool:  # fmt: skip
    """Return whether `condition` holds for any value that its path finds in `arguments`.

    `origins` say where the values come from, `tainted` whether the session has read untrusted content.
    `named` is true where the rule names its tool: then an argument that is missing makes it hold. A rule for every
    tool says nothing of tools that have no such argument.
    """
    found = values_at(arguments, condition.path.split("."))
    if found is None:
        return named
    if condition.op == "untrusted":
        return _untrusted(condition.path.split("."), origins, tainted=tainted)
    if condition.op == "ne":
        return any(not _same(value, condition.value) for value in found)
    if condition.op == "not_in":
        return any(not _one_of(value, condition.value) for value in found)
    return any(_holds(condition, value, policy) for value in found)


def values_at(value: Any, path: Sequence[str]) -> list[Any] | None:
    """Return the values that `path` leads to, or None where some part of it does not exist."""
    if not path:
        return [value]
    head, rest = path[0], path[1:]
    if head == "*":
        return _members(value, rest)
    if isinstance(value, Mapping) and head in value:
        return values_at(value[head], rest)
    return None


def outside(value: Any, policy: Policy, known: str) -> bool:
    """Return whether `value` names a recipient or host, or holds one in a list, that the policy's list does not know.

    `known` is the name of that list, "recipients" or "hosts". Nothing at all is not outside.
    """
    if value is None:
        return False
    if isinstance(value, list):
        return any(outside(member, policy, known) for member in value)
    if not isinstance(value, str):
        return True
    if known == "hosts":
        return not _known_host(value, policy.hosts)
    return any(not _known_recipient(part.strip(), policy.recipients) for part in value.replace(";", ",").split(","))


def _members(value: Any, rest: Sequence[str]) -> list[Any] | None:
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, list):
        return None
    found: list[Any] = []
    for member in value:
        below = values_at(member, rest)
        if below is None:
            return None
        found.extend(below)
    return found


def _untrusted(path: Sequence[str], origins: Sequence[Origin], *, tainted: bool) -> bool:
    """Return whether policy takes any value at or below `path` for untrusted; where nothing is known, all after taint."""
    if not origins:
        return tainted
    return any(_below(origin.path.split("."), path) and origin.doubtful(tainted=tainted) for origin in origins)


def _below(place: Sequence[str], path: Sequence[str]) -> bool:
    # "…" stands for the values after the first hundred, wherever they are.
    return place == ["…"] or (
        len(place) >= len(path) and all(want in ("*", have) for want, have in zip(path, place, strict=False))
    )


def _holds(condition: Condition, value: Any, policy: Policy) -> bool:
    match condition.op:
        case "eq":
            return _same(value, condition.value)
        case "in":
            return _one_of(value, condition.value)
        case "contains":
            return _contains(value, condition.value)
        case "outside":
            return outside(value, policy, str(condition.value))
        case _:
            return _compares(condition.op, value, condition.value)


def _same(value: Any, other: Any) -> bool:
    # In Python True equals 1; in JSON it does not.
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _one_of(value: Any, members: Any) -> bool:
    return any(_same(value, member) for member in members)


def _contains(value: Any, part: Any) -> bool:
    if isinstance(value, str):
        return isinstance(part, str) and part.casefold() in value.casefold()
    return isinstance(value, list) and _one_of(part, value)


def _compares(op: str, value: Any, limit: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True  # not a number: the rule cannot be read, so it holds
    return bool(_COMPARE[op](value, limit))


def _known_recipient(address: str, known: Sequence[str]) -> bool:
    if not _plain(address):
        return False
    entries = {entry.lower() for entry in known}
    return address.lower() in entries or "@" + address.lower().rpartition("@")[2] in entries


def _known_host(place: str, known: Sequence[str]) -> bool:
    if not _plain(place):
        return False
    try:
        host = (urlsplit(place if "://" in place else f"//{place}").hostname or "").rstrip(".")
    except ValueError:
        return False
    return any(host == entry.lower() or host.endswith("." + entry.lower()) for entry in known)


def _plain(text: str) -> bool:
    # White space, control characters, backslashes and foreign letters are how one place is made to look like another.
    return text.isascii() and text.isprintable() and not set(text) & {" ", "\\"}
