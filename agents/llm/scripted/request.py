"""PURE: what a person asks for, read from plain English.

A request is a topic to look up and a list of actions, each of which names a tool. Good enough
for the demo's first impression; a real model takes this module's place in production.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.llm.scripted import arithmetic
from agents.llm.scripted.words import keywords

ADDRESS = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
URL = re.compile(r"https?://[^\s<>\"“”')\]]+")
_QUOTED = re.compile(r"[\"“„]([^\"“”]{2,})[\"”“]|(?<!\w)'([^']{2,})'(?!\w)")
_CLAUSE = re.compile(
    r"(?:,\s*(?:and\s+|then\s+|and\s+then\s+)?|\s+and\s+(?:then\s+)?|\s+then\s+|[.;!?]\s+|\n+)"
    r"(?=(?:please\s+|also\s+|then\s+|finally\s+)?"
    r"(?:e-?mail|mail|send|forward|delete|remove|publish|post|draft|write|save|store|remember|note\s+that|recall|"
    r"fetch|ask|calculate|compute|work\s+out|search|look|find|summari[sz]e|read|tell|check|what|how|who|when|which)\b)",
    re.I,
)
_LEAD = re.compile(
    r"^(?:(?:please|kindly|also|then|next|finally|now|and|first|ok|okay|hello|hi|hey|thanks|thank you|so|"
    r"(?:can|could|would|will) you(?: please)?|i (?:want|need|would like) you to|i'd like you to|"
    r"let us|let's)\b[\s,:!-]*)+",
    re.I,
)
_ASKING = re.compile(
    r"^(?:find out|find|look up|look for|look into|look at|look|research|tell me|check|explain|"
    r"search (?:the )?(?:library|documents|docs) for|search for|search|give me|show me|get me|read up on|read|"
    r"compare|prepare|gather|collect|describe|list|report on|report|see)\b\s*(?:about\s+|for\s+|in\s+)?",
    re.I,
)
_POINTER = re.compile(
    r"\b(?:this|that|it|them|these|the (?:result|results|answer|findings|summary|quotes?|outcome|text)|"
    r"your (?:findings|answer|result|results|summary)|what you (?:find|found|learn|learnt|learned)|everything|a summary|"
    r"a short summary|the same)\b",
    re.I,
)


@dataclass(frozen=True)
class Action:
    """One thing to do with a tool; `details` are ideas as `agents.llm.scripted.toolbox` knows them."""

    tool: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What a person wants: look something up, do something with it, or both."""

    topic: str = ""
    actions: tuple[Action, ...] = ()
    greeting: bool = False


def read_request(texts: list[str]) -> Request:
    """Return what the unanswered user messages ask for, taken together."""
    topics: list[str] = []
    actions: list[Action] = []
    for text in texts:
        for clause in _clauses(text):
            action, topic = _read_clause(clause)
            if action is not None:
                actions.append(action)
            if topic and keywords(topic):
                topics.append(topic)
    greeting = not actions and not topics
    return Request(" and ".join(topics), tuple(actions), greeting)


def _clauses(text: str) -> list[str]:
    """Split where a new verb begins; quoted text is never split."""
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(match.group(0))
        return f"\x02{len(kept) - 1}\x03"

    hidden = re.sub(r"[\"“„][^\"“”]*[\"”“]", hide, text)
    parts = [part for part in _CLAUSE.split(hidden) if part and part.strip()]
    return [
        re.sub(r"\x02(\d+)\x03", lambda match: kept[int(match.group(1))], part).strip(" ,")
        for part in parts
    ]


def _read_clause(clause: str) -> tuple[Action | None, str]:
    """Return the action of a clause, where it has one, and the topic it leaves."""
    bare = _LEAD.sub("", clause).strip()
    for reader in _READERS:
        found = reader(bare)
        if found is not None:
            return found
    return None, topic_of(bare)


def topic_of(text: str) -> str:
    """Return a clause without what only points or asks: the thing it is about."""
    text = _ASKING.sub("", _LEAD.sub("", text.strip())).strip(" .,:;!?\"“”")
    return text if keywords(_POINTER.sub(" ", text)) else ""


def quoted(text: str) -> str:
    """Return the first text in quotation marks, or nothing."""
    match = _QUOTED.search(text)
    return next((group for group in match.groups() if group), "").strip() if match else ""


def _mail(clause: str) -> tuple[Action, str] | None:
    recipients = list(dict.fromkeys(address.rstrip(".") for address in ADDRESS.findall(clause)))
    verb = re.match(r"(?:e-?mail|mail|send|forward|write|reply)\b", clause, re.I)
    if not recipients or not (verb or re.search(r"\b(?:e-?mail|send)\b", clause, re.I)):
        return None
    details: dict[str, Any] = {"to": recipients}
    rest = _take_subject(clause, details)
    saying = re.search(r"\b(?:saying|that says|with the (?:text|message)|telling \w+ that)\b[\s:]*(.+)$", rest, re.I)
    if saying:
        details["body"] = quoted(saying.group(1)) or saying.group(1).strip(" .\"“”")
        return Action("send_email", details), ""
    about = ADDRESS.sub(" ", rest)
    about = re.sub(r"^(?:e-?mail|mail|send|forward|write|reply)\b|\b(?:an? )?(?:e-?mail|message|mail|note)\b", " ", about, flags=re.I)
    about = re.sub(r"\b(?:to|by|via|as|with|of|about|on|a|an|and|,)\b(?=\s*(?:$|\b(?:to|and|,)\b))", " ", about, flags=re.I)
    about = re.sub(r"^\s*(?:to|and|about|with|on|,)+\s+", "", about.strip(" .,"), flags=re.I)
    return Action("send_email", details), topic_of(re.sub(r"\s+", " ", about))


def _take_subject(clause: str, details: dict[str, Any]) -> str:
    """Move an explicit subject from the clause into the details."""
    match = re.search(r",?\s*(?:with |using |under )?(?:the |a )?subject(?: line)?[\s:]+[\"“]([^\"”]+)[\"”]", clause, re.I)
    if not match:
        return clause
    details["subject"] = match.group(1).strip()
    return clause[: match.start()] + clause[match.end() :]


def _delete(clause: str) -> tuple[Action, str] | None:
    match = re.match(r"(?:delete|remove|erase)\s+(?:the\s+|our\s+|that\s+)?(?:old\s+)?(?:document|doc|file|page)?\s*(?:called|named|titled)?\s*(.+)$", clause, re.I)
    if not match:
        return None
    rest = re.sub(r"\s+(?:from (?:the|our) library|document|please)\b.*$", "", match.group(1), flags=re.I)
    target = quoted(rest) or rest.strip(" .\"“”'!")
    return Action("delete_document", {"document": target}), ""


def _publish(clause: str) -> tuple[Action, str] | None:
    match = re.match(r"(?:publish|post)\b\s*(.*)$", clause, re.I)
    if not match:
        return None
    details: dict[str, Any] = {}
    titled = re.search(r"(?:titled|called|with the title|headed)\s+[\"“]([^\"”]+)[\"”]", clause, re.I)
    if titled:
        details["subject"] = titled.group(1)
    body = re.search(r"\b(?:saying|that says|with the text)\b[\s:]*(.+)$", clause, re.I)
    if body:
        details["body"] = quoted(body.group(1)) or body.group(1).strip(" .\"“”")
        return Action("publish_note", details), ""
    rest = re.sub(r"(?:titled|called|with the title|headed)\s+[\"“][^\"”]+[\"”]", "", match.group(1), flags=re.I)
    rest = re.sub(r"^(?:it|this|that|an?|the)?\s*(?:short |brief |public )?(?:note|announcement|post|summary)?\s*(?:about|on|of|as a note|for)?\s*", "", rest, flags=re.I)
    return Action("publish_note", details), topic_of(rest)


def _draft(clause: str) -> tuple[Action, str] | None:
    match = re.match(
        r"(?:draft|prepare|compose|write)\s+(?:me\s+)?(?:an?|the)\s+(?:short |polite |friendly |brief )*(?:message|reply|letter|answer|e-?mail|note)\b\s*(.*)$",
        clause,
        re.I,
    )
    if not match:
        return None
    rest = match.group(1)
    details: dict[str, Any] = {}
    to = re.match(r"(?:to|for)\s+(.+?)(?=\s+(?:about|on|saying|explaining|telling|that|with)\b|[.,]|$)", rest, re.I)
    address = ADDRESS.search(rest)
    if address:
        details["to"] = [address.group(0).rstrip(".")]
    elif to:
        details["to"] = [to.group(1).strip()]
    if to:
        rest = rest[to.end() :]
    rest = re.sub(r"^\s*(?:about|on|saying|explaining|telling \w+|that|with)\s+", "", rest, flags=re.I)
    return Action("draft_message", details), topic_of(rest)


def _file(clause: str) -> tuple[Action, str] | None:
    path = re.search(r"(?:[\w-]+/)*[\w-]+\.(?:txt|md|csv|json|html)\b", clause, re.I)
    named = re.search(r"\bfile\s+(?:called|named)?\s*[\"“]?([\w./-]+)", clause, re.I)
    target = path.group(0) if path else named.group(1).rstrip(".") if named else ""
    if re.match(r"(?:write|save|store|put|record)\b", clause, re.I) and (target or re.search(r"\bfile\b", clause, re.I)):
        details: dict[str, Any] = {"path": target or "notes.md"}
        text = quoted(clause.replace(target, ""))
        if text:
            details["body"] = text
            return Action("write_file", details), ""
        rest = re.sub(r"^(?:write|save|store|put|record)\b|\b(?:in|to|into|as)\s+(?:a|the)?\s*(?:new )?(?:text )?file\b.*$|\b(?:to|in|into|as)\s+[\"“]?[\w/-]+\.\w+.*$", " ", clause, flags=re.I)
        return Action("write_file", details), topic_of(re.sub(r"\s+", " ", rest))
    if re.match(r"(?:read|open|show)\b", clause, re.I) and path:
        return Action("read_file", {"path": target}), ""
    return None


def _memory(clause: str) -> tuple[Action, str] | None:
    recall = re.match(r"(?:recall|what do you (?:remember|know) about|do you remember)\s*(.*)$", clause, re.I)
    if recall:
        about = recall.group(1).strip(" .?!") or "everything"
        return Action("recall", {"query": about, "key": key_for(about)}), ""
    match = re.match(r"(?:remember|note|keep in mind|memori[sz]e)\s+(?:that\s+|for (?:later|next time)[\s:,]*(?:that\s+)?)?(.+)$", clause, re.I)
    if not match or re.match(r"(?:remember|note)\s+(?:to|this|it)\b", clause, re.I):
        return None
    fact = match.group(1).strip(" .")
    return Action("remember", {"key": key_for(fact), "value": fact[:1].upper() + fact[1:]}), ""


def _web(clause: str) -> tuple[Action, str] | None:
    url = URL.search(clause)
    if url:
        return Action("fetch_url", {"url": url.group(0).rstrip(".,;:!?")}), ""
    match = re.match(r"(?:search|look|check)\s+(?:on |in )?(?:the )?(?:web|internet|online)\s*(?:for|about|whether)?\s*(.+)$", clause, re.I)
    return (Action("web_search", {"query": match.group(1).strip(" .?!")}), "") if match else None


def _ask(clause: str) -> tuple[Action, str] | None:
    match = re.match(
        r"ask\s+(?:(?:a|the|our|my|some|any)\s+)?(?:(?:person|human|reviewer|colleague|operator|team|manager|someone|somebody|me|him|her|them|us|[A-Z][a-z]+)\b\s*)?(.*)$",
        clause,
    )
    if match is None and not clause.lower().startswith("ask "):
        return None
    rest = (match.group(1) if match else clause[4:]).strip(" .")
    rest = quoted(rest) or rest
    question = re.sub(r"^(?:about|for)\s+", "What should I know about ", rest, flags=re.I)
    if re.match(r"(?:whether|if)\b", question, re.I):
        question = re.sub(r"^(?:whether|if)\s+", "Please tell me whether ", question, flags=re.I)
    question = (question[:1].upper() + question[1:]).rstrip("?.")
    return Action("ask_person", {"question": (question or "How should I go on") + "?"}), ""


def _calculate(clause: str) -> tuple[Action, str] | None:
    expression = arithmetic.find_expression(clause)
    return (Action("calculate", {"expression": expression}), "") if expression else None


def _summarise(clause: str) -> tuple[Action, str] | None:
    match = re.match(r"summari[sz]e\s+(?:the\s+|our\s+)?(?:document\s+|doc\s+)?(.+)$", clause, re.I)
    if not match:
        return None
    target = quoted(match.group(1)) or match.group(1).strip(" .\"“”")
    if not keywords(_POINTER.sub(" ", target)):
        return None
    return Action("summarise_document", {"document": target}), ""


def key_for(text: str) -> str:
    """Return a short key for a fact: its first telling words."""
    return "-".join(keywords(text)[:4]) or "note"


_READERS: tuple[Callable[[str], tuple[Action, str] | None], ...] = (
    _draft, _file, _memory, _web, _ask, _mail, _delete, _publish, _calculate, _summarise,
)
