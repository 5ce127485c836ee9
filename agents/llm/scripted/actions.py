"""PURE: the actions that a clause of a request may name, each read by a function of its own.

A reader gets one clause and returns the action with the topic that the clause leaves over, or
None where the clause is not about its tool.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.llm.scripted import arithmetic
from agents.llm.scripted.phrases import ADDRESS, URL, quoted, topic_of, without_pointers
from agents.llm.scripted.words import keywords

Found = tuple["Action", str] | None

_SAYING = re.compile(r"\b(?:saying|that says|with the (?:text|message)|telling \w+ that)\b[\s:]*(.+)$", re.IGNORECASE)
_TITLED = re.compile(r"(?:titled|called|with the title|headed)\s+[\"“]([^\"”]+)[\"”]", re.IGNORECASE)
_SUBJECT = re.compile(r",?\s*(?:with |using |under )?(?:the |a )?subject(?: line)?[\s:]+[\"“]([^\"”]+)[\"”]", re.IGNORECASE)
_MAIL_VERB = re.compile(r"^(?:e-?mail|mail|send|forward|write|reply)\b", re.IGNORECASE)
_MAIL_NOUN = re.compile(r"\b(?:an? )?(?:e-?mail|message|mail|note)\b", re.IGNORECASE)
_LOOSE_END = re.compile(r"\b(?:to|by|via|as|with|of|about|on|a|an|and|,)\b(?=\s*(?:$|\b(?:to|and|,)\b))", re.IGNORECASE)
_LOOSE_START = re.compile(r"^\s*(?:to|and|about|with|on|,)+\s+", re.IGNORECASE)
_DELETE = re.compile(
    r"^(?:delete|remove|erase)\s+(?:the\s+|our\s+|that\s+)?(?:old\s+(?=document|doc|file|page))?(?:document|doc|file|page)?\s*"
    r"(?:called|named|titled)?\s*(.+)$",
    re.IGNORECASE,
)
_NOTE_HEAD = re.compile(
    r"^(?:it|this|that|an?|the)?\s*(?:short |brief |public )?(?:note|announcement|post|summary)?\s*"
    r"(?:about|on|of|as a note|for)?\s*",
    re.IGNORECASE,
)
_DRAFT = re.compile(
    r"^(?:draft|prepare|compose|write)\s+(?:me\s+)?(?:an?|the)\s+(?:short |polite |friendly |brief )*"
    r"(?:message|reply|letter|answer|e-?mail|note)\b\s*(.*)$",
    re.IGNORECASE,
)
_DRAFT_TO = re.compile(r"^(?:to|for)\s+(.+?)(?=\s+(?:about|on|saying|explaining|telling|that|with)\b|,|\.?\s*$)", re.IGNORECASE)
_DRAFT_ABOUT = re.compile(r"^\s*(?:about|on|saying|explaining|telling \w+|that|with)\s+", re.IGNORECASE)
_FILE_VERB = re.compile(r"^(?:write|save|store|put|record)\b", re.IGNORECASE)
_FILE_NAME = re.compile(r"(?:[\w-]+/)*[\w-]+\.(?:txt|md|csv|json|html)\b", re.IGNORECASE)
_FILE_WORD = re.compile(r"\bfile\s+(?:called|named)?\s*[\"“]?([\w./-]+)", re.IGNORECASE)
_FILE_PLACE = re.compile(
    r"\b(?:in|to|into|as)\s+(?:a|the)?\s*(?:new )?(?:text )?file\b.*$|\b(?:to|in|into|as)\s+[\"“]?[\w/-]+\.\w+.*$",
    re.IGNORECASE,
)
_RECALL = re.compile(r"^(?:recall|what do you (?:remember|know) about|do you remember)\s*(.*)$", re.IGNORECASE)
_REMEMBER = re.compile(
    r"^(?:remember|note|keep in mind|memori[sz]e)\s+"
    r"(?:that\s+|for (?:later|next time|(?P<all>everybody|everyone|all (?:runs|sessions)))[\s:,]*(?:that\s+)?)?(?P<fact>.+)$",
    re.IGNORECASE,
)
_WEB = re.compile(
    r"^(?:search|look|check)\s+(?:on |in )?(?:the )?(?:web|internet|online)\s*(?:for|about|whether)?\s*(.+)$", re.IGNORECASE
)
_ASK = re.compile(
    r"^(?i:ask)\s+(?:(?i:(?:an?|the|our|my|some|any)\s+)?(?i:person|human|reviewer|colleague|operator|team|manager|someone|"
    r"somebody|me|him|her|them|us)\b\s*|[A-Z][a-z]+\b\s*)?(.*)$"
)
_SUMMARISE = re.compile(r"^summari[sz]e\s+(?:the\s+|our\s+)?(?:document\s+|doc\s+)?(.+)$", re.IGNORECASE)


@dataclass(frozen=True)
class Action:
    """One thing to do with a tool; `details` are ideas as `agents.llm.scripted.toolbox` knows them."""

    tool: str
    details: Mapping[str, Any] = field(default_factory=dict)


def read_action(clause: str) -> Found:
    """Return the first action that a clause names, with the topic it leaves; None where it names none."""
    return next((found for found in (reader(clause) for reader in _READERS) if found is not None), None)


def key_for(text: str) -> str:
    """Return a short key for a fact: its first telling words."""
    return "-".join(keywords(text)[:4]) or "note"


def _mail(clause: str) -> Found:
    recipients = list(dict.fromkeys(address.rstrip(".") for address in ADDRESS.findall(clause)))
    if not recipients or not (_MAIL_VERB.match(clause) or re.search(r"\b(?:e-?mail|send)\b", clause, re.IGNORECASE)):
        return None
    details: dict[str, Any] = {"to": recipients}
    rest = _take_subject(clause, details)
    saying = _SAYING.search(rest)
    if saying:
        details["body"] = quoted(saying.group(1)) or saying.group(1).strip(' ."“”')
        return Action("send_email", details), ""
    about = _MAIL_NOUN.sub(" ", _MAIL_VERB.sub(" ", ADDRESS.sub(" ", rest)))
    about = _LOOSE_START.sub("", _LOOSE_END.sub(" ", about).strip(" .,"))
    return Action("send_email", details), topic_of(re.sub(r"\s+", " ", about))


def _take_subject(clause: str, details: dict[str, Any]) -> str:
    """Move an explicit subject from the clause into the details."""
    match = _SUBJECT.search(clause)
    if not match:
        return clause
    details["subject"] = match.group(1).strip()
    return clause[: match.start()] + clause[match.end() :]


def _delete(clause: str) -> Found:
    match = _DELETE.match(clause)
    if not match:
        return None
    rest = re.sub(r"\s+(?:from (?:the|our) library|document|please)\b.*$", "", match.group(1), flags=re.IGNORECASE)
    return Action("delete_document", {"document": quoted(rest) or rest.strip(" .\"“”'!")}), ""


def _publish(clause: str) -> Found:
    match = re.match(r"(?:publish|post)\b\s*(.*)$", clause, re.IGNORECASE)
    if not match:
        return None
    details: dict[str, Any] = {}
    titled = _TITLED.search(clause)
    if titled:
        details["subject"] = titled.group(1)
    saying = _SAYING.search(clause)
    if saying:
        details["body"] = quoted(saying.group(1)) or saying.group(1).strip(' ."“”')
        return Action("publish_note", details), ""
    return Action("publish_note", details), topic_of(_NOTE_HEAD.sub("", _TITLED.sub("", match.group(1))))


def _draft(clause: str) -> Found:
    match = _DRAFT.match(clause)
    if not match:
        return None
    rest = match.group(1)
    details: dict[str, Any] = {}
    to, address = _DRAFT_TO.match(rest), ADDRESS.search(rest)
    if address or to:
        details["to"] = [address.group(0).rstrip(".") if address else to.group(1).strip() if to else ""]
    rest = rest[to.end() :] if to else rest
    return Action("draft_message", details), topic_of(_DRAFT_ABOUT.sub("", rest))


def _file(clause: str) -> Found:
    name, word = _FILE_NAME.search(clause), _FILE_WORD.search(clause)
    target = name.group(0) if name else word.group(1).rstrip(".") if word else ""
    if _FILE_VERB.match(clause) and (target or re.search(r"\bfile\b", clause, re.IGNORECASE)) and not ADDRESS.search(clause):
        details: dict[str, Any] = {"path": target or "notes.md"}
        text = quoted(clause.replace(target, "")) if target else quoted(clause)
        if text:
            details["body"] = text
            return Action("write_file", details), ""
        rest = _FILE_PLACE.sub(" ", _FILE_VERB.sub(" ", clause))
        return Action("write_file", details), topic_of(re.sub(r"\s+", " ", rest))
    if re.match(r"(?:read|open|show)\b", clause, re.IGNORECASE) and name:
        return Action("read_file", {"path": target}), ""
    return None


def _memory(clause: str) -> Found:
    recall = _RECALL.match(clause)
    if recall:
        about = recall.group(1).strip(" .?!") or "everything"
        return Action("recall", {"query": about, "key": key_for(about)}), ""
    match = _REMEMBER.match(clause)
    if not match or re.match(r"(?:remember|note)\s+(?:to|this|it)\b", clause, re.IGNORECASE):
        return None
    fact = match["fact"].strip(" .")
    whose = {"scope": "agent"} if match["all"] else {}
    return Action("remember", {"key": key_for(fact), "value": fact[:1].upper() + fact[1:], **whose}), ""


def _web(clause: str) -> Found:
    url = URL.search(clause)
    if url:
        return Action("fetch_url", {"url": url.group(0).rstrip(".,;:!?")}), ""
    match = _WEB.match(clause)
    return (Action("web_search", {"query": match.group(1).strip(" .?!")}), "") if match else None


def _ask(clause: str) -> Found:
    match = _ASK.match(clause)
    if match is None:
        return None
    rest = match.group(1).strip(" .")
    rest = quoted(rest) or rest
    question = re.sub(r"^(?:about|for)\s+", "What should I know about ", rest, flags=re.IGNORECASE)
    question = re.sub(r"^(?:whether|if)\s+", "Please tell me whether ", question, flags=re.IGNORECASE)
    question = (question[:1].upper() + question[1:]).rstrip("?.")
    mark = "." if question.startswith("Please tell me whether") else "?"
    return Action("ask_person", {"question": (question or "How should I go on") + mark}), ""


def _calculate(clause: str) -> Found:
    expression = arithmetic.find_expression(clause)
    return (Action("calculate", {"expression": expression}), "") if expression else None


def _summarise(clause: str) -> Found:
    match = _SUMMARISE.match(clause)
    if not match or re.match(r"(?:what|how|who|when|where|why)\b", match.group(1), re.IGNORECASE):
        return None
    target = quoted(match.group(1)) or match.group(1).strip(' ."“”')
    return (Action("summarise_document", {"document": target}), "") if keywords(without_pointers(target)) else None


_READERS: tuple[Callable[[str], Found], ...] = (
    _file,
    _draft,
    _memory,
    _web,
    _ask,
    _mail,
    _delete,
    _publish,
    _calculate,
    _summarise,
)
