"""Deterministic checks of one argument: what can be said of its value without trusting anybody. Pure."""

import re
from collections.abc import Iterator
from typing import Any

from approvals.conditions import outside
from approvals.policy import Policy
from console import lookalikes, visible

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
URL = re.compile(r"https?://\S+", re.IGNORECASE)
Check = dict[str, Any]


def checks(value: object, policy: Policy) -> list[Check]:
    """Return what was looked at, each with its outcome in words; the schema always holds by now."""
    texts = list(_texts(value))
    found = [_check(True, "Fits the schema")]
    if policy.recipients and any(map(ADDRESS.fullmatch, texts)):
        strange = any(ADDRESS.fullmatch(text) and outside(text, policy, "recipients") for text in texts)
        found.append(_check(not strange, "Not a known recipient" if strange else "Known recipient"))
    if policy.hosts and any(map(URL.fullmatch, texts)):
        strange = any(URL.fullmatch(text) and outside(text, policy, "hosts") for text in texts)
        found.append(_check(not strange, "Not a known host" if strange else "Known host"))
    if hidden := sum(map(visible.hidden_count, texts)):
        found.append(_check(False, f"{hidden} hidden character{'s' if hidden > 1 else ''}"))
    if odd := sum(map(lookalikes.count, texts)):
        found.append(_check(False, f"{odd} look-alike letter{'s' if odd > 1 else ''}"))
    if padded := sum(len(visible.PADDING.findall(text)) for text in texts):
        found.append(_check(False, f"Padding in {padded} place{'s' if padded > 1 else ''}"))
    return found


def _check(good: bool, text: str) -> Check:
    return {"ok": good, "text": text}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield str(name)
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
