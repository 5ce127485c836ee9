"""Whether a later call is the same as one that a person approved for the rest of its session, within what he stated.

Pure. Everything counts as different that is not shown to be equal: the tool, its definition and tier, the prompt version,
the state of the target, why policy asks, how far it reaches, and every argument that was not let vary. Only texts that
are read may be let vary, and numbers up to one that is stated; what names somebody or something never may.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from approvals.document import Repeat
from approvals.facts import TIERS, Judgement, Origin

Kind = Literal["text", "number"]
Number = int | float
MOST_NUMBER = 10**15
UNSAID = frozenset({"repeat"})
"""Reasons that whoever approves the same again has answered by that: the call was made before."""
_NAMING = re.compile(r"@|://|\w\.\w\w|\d{5}")
_BOUND = {
    "tool": "It is another tool.",
    "definition": "The tool has changed since.",
    "tier": "The tool's tier has changed since.",
    "prompt_version": "The session goes on with another prompt version.",
    "precondition": "What it would act on has changed since.",
}
"""What of the canonical bytes has to be equal, and what is said where it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """What a reviewer says beside an approval: so many more, for so long, and what of their arguments may differ."""

    count: int
    minutes: int
    vary: tuple[str, ...] = ()  # texts that may be others
    up_to: Mapping[str, Number] = field(default_factory=dict)  # numbers that may be others, from nothing to this


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A standing approval, with the request that it was given on and what became of both since."""

    ref: str  # of that request
    by: str
    asked: Mapping[str, Any]  # its canonical bytes, read
    reasons: frozenset[tuple[str, str]]  # why policy asked, as it was shown
    radius: str
    risk: int
    vary: tuple[str, ...]
    up_to: Mapping[str, Number]
    count: int
    minutes: int
    left: int
    fallen: str  # why it does not stand any more; empty while it does


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A call that policy asks about, before it is put before people."""

    asked: Mapping[str, Any]  # what its canonical bytes would say
    judgement: Judgement
    radius: str
    prose: frozenset[str]  # arguments that are texts, which are read
    news: str = ""  # what has come into the session since, in a sentence


def variable(arguments: Mapping[str, Any], origins: Iterable[Origin], *, tainted: bool) -> dict[str, Kind]:
    """Return which arguments may be let vary at all: texts that are read, and numbers; nothing that strangers may have set."""
    known = {origin.path: origin for origin in origins}
    found: dict[str, Kind] = {}
    for name, value in arguments.items():
        origin = known.get(name)
        if origin is None or origin.untrusted or (tainted and origin.own > 0):
            continue
        if isinstance(value, str) and origin.prose:
            found[name] = "text"
        elif _is_number(value) and value >= 0:
            found[name] = "number"
    return found


def prose_of(origins: Iterable[Origin]) -> frozenset[str]:
    """Return the arguments that are texts, which are read."""
    return frozenset(origin.path for origin in origins if origin.prose)


def refusal(same: Same, most: Repeat | None, allowed: Mapping[str, Kind]) -> str:
    """Return why `same` cannot be said of a request; `most` is what policy gives its tier. Empty where it can."""
    if most is None:
        return "Policy does not let one approval cover further calls of this tier."
    if not 1 <= same.count <= most.count:
        return f"Policy lets one approval cover 1 to {most.count} further calls."
    if not 1 <= same.minutes <= most.minutes:
        return f"Policy lets an approval stand for 1 to {most.minutes} minutes."
    for name, kind in (*((name, "text") for name in same.vary), *((name, "number") for name in same.up_to)):
        if allowed.get(name) != kind:
            return f"The argument {name[:60]} has to stay as it is."
    if not all(_is_number(most_) and 0 <= most_ <= MOST_NUMBER for most_ in same.up_to.values()):
        return "A number may vary from 0 up to one that you state."
    return ""


def why_not(given: Given, call: Candidate, most: Repeat | None) -> str:
    """Return why a standing approval does not cover a call, in a sentence; empty where it does.

    `most` is what policy gives the call's tier at this moment.
    """
    return (
        given.fallen
        or ("" if given.left > 0 else "All calls that it covered were made.")
        or _policy(given, call.judgement, most)
        or next((said for name, said in _BOUND.items() if given.asked.get(name) != call.asked.get(name)), "")
        or _session(given, call)
        or call.news
        or _arguments(given, call)
    )


def _policy(given: Given, judgement: Judgement, most: Repeat | None) -> str:
    if most is None or given.count > most.count or given.minutes > most.minutes:
        return "Policy does not give so much any more."
    if judgement.verdict != "ask" or judgement.required != 1 or judgement.reauthenticate:
        return "Policy asks for more than one person's approval."
    further = [one.text for one in judgement.reasons if (one.code, one.text) not in given.reasons and one.code not in UNSAID]
    return f"Policy has a further reason to ask: {further[0]}" if further else ""


def _session(given: Given, call: Candidate) -> str:
    if given.asked.get("session") != call.asked.get("session") or given.asked.get("tier") not in TIERS[:-1]:
        return "It does not reach this session."
    if (call.radius, call.judgement.risk) != (given.radius, given.risk):
        return "It would reach farther, or risk more."
    return ""


def _arguments(given: Given, call: Candidate) -> str:
    before, now = given.asked.get("arguments"), call.asked.get("arguments")
    if not isinstance(before, Mapping) or not isinstance(now, Mapping) or before.keys() != now.keys():
        return "It has other arguments."
    return next(filter(None, (_argument(name, before[name], now[name], given, call) for name in before)), "")


def _argument(name: str, before: Any, now: Any, given: Given, call: Candidate) -> str:
    if _written(before) == _written(now):
        return ""
    if name in given.vary and isinstance(now, str):
        if name not in call.prose:
            return f"The argument {name} is no text that is read."
        new = any(_NAMING.search(word) and word not in before.split() for word in now.split())
        return f"The argument {name} names an address or a long number that it did not." if new else ""
    if name in given.up_to and _is_number(now):
        return "" if 0 <= now <= given.up_to[name] else f"The argument {name} is not within 0 and {given.up_to[name]}."
    return f"The argument {name} is another."


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)  # 1 and true are equal in Python, and not here


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST_NUMBER
