"""PURE: what a person asks for, read from plain English.

A request is a topic to look up and a list of actions, each of which names a tool. Good enough
for the demo's first impression; a real model takes this module's place in production.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.llm.scripted.actions import Action, read_action
from agents.llm.scripted.phrases import topic_of, without_lead
from agents.llm.scripted.words import keywords

_QUOTATION = re.compile(r"[\"“„][^\"“”]*[\"”“]")
_HIDDEN = re.compile(r"\x02(\d+)\x03")
_CLAUSE = re.compile(
    r"(?:,\s*(?:and\s+|then\s+|and\s+then\s+)?|\s+and\s+(?:then\s+)?|\s+then\s+|[.;!?]\s+|\n+)"
    r"(?=(?:please\s+|also\s+|then\s+|finally\s+)?"
    r"(?:e-?mail|mail|send|forward|delete|remove|publish|post|draft|write|save|store|remember|note\s+that|recall|"
    r"fetch|ask|calculate|compute|work\s+out|search|look|find|summari[sz]e|read|tell|check|what|how|who|when|which)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Request:
    """What a person wants: look something up, do something with it, or both; `greeting` says neither."""

    topic: str = ""
    actions: tuple[Action, ...] = ()
    greeting: bool = False


def read_request(texts: list[str]) -> Request:
    """Return what the unanswered user messages ask for, taken together."""
    topics: list[str] = []
    actions: list[Action] = []
    for clause in (clause for text in texts for clause in _clauses(text)):
        bare = without_lead(clause)
        action, topic = read_action(bare) or (None, topic_of(bare))
        if action is not None:
            actions.append(action)
        if topic and keywords(topic):
            topics.append(topic)
    return Request(" and ".join(topics), tuple(actions), greeting=not actions and not topics)


def _clauses(text: str) -> list[str]:
    """Split where a new verb begins; quoted text is never split."""
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(match.group(0))
        return f"\x02{len(kept) - 1}\x03"

    parts = (part for part in _CLAUSE.split(_QUOTATION.sub(hide, text)) if part and part.strip())
    return [_HIDDEN.sub(lambda match: kept[int(match.group(1))], part).strip(" ,") for part in parts]
