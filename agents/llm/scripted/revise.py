"""PURE: how a reviewer's instruction changes what was proposed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agents.llm.scripted.phrases import ADDRESS, quoted
from agents.llm.scripted.words import keywords, sentence_case

_STOP = re.compile(
    r"\b(?:do not|don't|never|stop|no need to|must not)\s+(?:\w+\s+)?(?:send|e-?mail|publish|delete|write|do|contact|try)\b",
    re.IGNORECASE,
)
_ALSO = re.compile(r"\b(?:also|as well|too|in copy|cc|additionally|both)\b", re.IGNORECASE)
_SHORT = re.compile(
    r"\b(?:short(?:er|en)?|brief(?:er|ly)?|concise|trim|cut (?:it )?down|too long|fewer words)\b", re.IGNORECASE
)
_SUBJECT = re.compile(r"\bsubject\b(?:\s+line)?(?:\s+(?:to|should (?:be|say|read)|is|as))?[\s:]*(?P<text>.+)$", re.IGNORECASE)
_ADD = re.compile(
    r"\b(?:add|include|mention|say|tell (?:them|him|her)|write|state)\s+(?:that\s+|the (?:sentence|words)\s+)?(?P<text>.{4,})$",
    re.IGNORECASE | re.DOTALL,
)
_DROP = re.compile(
    r"\b(?:remove|leave out|omit|drop|without|delete|do not mention|don't mention|not mention)\s+(?:the\s+)?(?P<text>.{3,})$",
    re.IGNORECASE | re.DOTALL,
)
_LOOK_UP = re.compile(
    r"\b(?:look up|check|read|consult|search for|look at|use)\s+(?:the\s+|our\s+)?"
    r"(?P<text>[^.;]{4,}?)(?:\s+(?:first|before\b.*|instead))?[.!]?$",
    re.IGNORECASE,
)
_PATH = re.compile(r"\b(?:[\w-]+/)*[\w-]+\.(?:txt|md|csv|json|html)\b")


def revised(details: Mapping[str, Any], instruction: str) -> dict[str, Any] | None:
    """Return the details as the instruction wants them, or None where it asks for nothing that can be done."""
    if _STOP.search(instruction) and not ADDRESS.search(instruction):
        return None
    changed = dict(details)
    _address(changed, instruction)
    if _SHORT.search(instruction):
        changed["short"] = True
    subject = _SUBJECT.search(instruction)
    if subject:
        changed["subject"] = quoted(instruction) or subject.group("text").strip(" .\"“”'")
    elif not ADDRESS.search(instruction):
        _wording(changed, instruction)
    path = _PATH.search(instruction)
    if path and "path" in changed:
        changed["path"] = path.group(0)
    return changed if changed != dict(details) else None


def topic_in(instruction: str) -> str:
    """Return what a reviewer wants looked up first, or nothing."""
    match = None if ADDRESS.search(instruction) else _LOOK_UP.search(instruction)
    return match.group("text").strip() if match and len(keywords(match.group("text"))) >= 1 else ""


def _address(details: dict[str, Any], instruction: str) -> None:
    """Send it elsewhere, or to more people where it says so."""
    given = [address.rstrip(".") for address in ADDRESS.findall(instruction)]
    unwanted = [
        address.rstrip(".")
        for address in re.findall(rf"\b(?:not|instead of|rather than)\s+(?:to\s+)?({ADDRESS.pattern})", instruction)
    ]
    wanted = [address for address in given if address not in unwanted]
    if wanted and "to" in details:
        before = list(details["to"]) if _ALSO.search(instruction) else []
        details["to"] = list(dict.fromkeys([*before, *wanted]))


def _wording(details: dict[str, Any], instruction: str) -> None:
    """Leave something out, or add a sentence."""
    drop = _DROP.search(instruction)
    if drop:
        details["without"] = (*details.get("without", ()), drop.group("text").strip(' ."“”'))
        return
    add = _ADD.search(instruction)
    if add:
        text = quoted(instruction) or add.group("text").strip(' "“”')
        details["extra"] = (*details.get("extra", ()), sentence_case(text.rstrip(".")) + ".")
    topic = topic_in(instruction)
    if topic:
        details["after_reading"] = topic
