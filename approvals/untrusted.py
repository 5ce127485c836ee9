"""What untrusted content in a session changes of a judgement: which values still count as given, and when three things meet.

Pure. A value is accounted for where a person or the agent's own prompt said all of it, or where it names a place that
policy knows. Only such values may leave a session that has read untrusted content without a person being asked; what
stands in the company's own documents may not, because that is what would be carried out; what a reviewer wrote to the
agent may not either, because it answers what untrusted content had led to (THREATS 57).
"""

from collections.abc import Mapping

from approvals.conditions import outside, values_at
from approvals.document import Policy
from approvals.facts import CallFacts, Origin

GIVERS = frozenset({"operator", "user"})
FLAG_WORDS: Mapping[str, str] = {
    "shift_credentials": "After untrusted content, it looks for passwords or keys, which nobody asked for.",
    "shift_host": "After untrusted content, it turns to a place that nobody in the session named.",
    "shift_exfiltration": "After untrusted content, it would carry out what the session read inside.",
    "secret_inside": "What it would carry out holds a password or a key.",
}
"""Marks of the gate that have a sentence of their own."""


def flag_text(flag: str) -> str:
    """Return the sentence by which a judgement names a mark of the gate."""
    return FLAG_WORDS.get(flag) or f"Marked for review: {flag.replace('_', ' ')}."


def accounted(facts: CallFacts, policy: Policy) -> bool:
    """Return whether every value of the call was given by people or names a known place; of unknown origins none was."""
    return bool(facts.origins) and all(_given(origin) or known_place(origin, facts, policy) for origin in facts.origins)


def names_place(origin: Origin, facts: CallFacts) -> bool:
    """Return whether the value of an origin is an address of some kind; a value that cannot be found may be one."""
    found = values_at(facts.arguments, origin.path.split("."))
    return found is None or any(isinstance(value, str) and ("@" in value or "://" in value) for value in found)


def known_place(origin: Origin, facts: CallFacts, policy: Policy) -> bool:
    """Return whether the value of an origin is an address, and one that policy's lists know."""
    found = values_at(facts.arguments, origin.path.split("."))
    if not found or not all(isinstance(value, str) for value in found):
        return False
    return all(
        not outside(value, policy, "hosts" if "://" in value else "recipients") if "://" in value or "@" in value else False
        for value in found
    )


def all_three(facts: CallFacts, *, slight: bool) -> bool:
    """Return whether untrusted content, private data and a way out or a change meet in this call (the rule of two).

    `slight` says that the call changes little and can be taken back.
    """
    return facts.tainted and facts.private and (facts.egress or not slight)


def _given(origin: Origin) -> bool:
    return origin.kind in GIVERS and not origin.untrusted and origin.own == 0
