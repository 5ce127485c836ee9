"""PURE: pieces of English that requests are made of: addresses, quotations, and what only leads in or points back."""

from __future__ import annotations

import re

from agents.llm.scripted.words import keywords

ADDRESS = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
URL = re.compile(r"https?://[^\s<>\"“”')\]]+")

_QUOTED = re.compile(r"[\"“„]([^\"“”]{2,})[\"”“]|(?<!\w)'([^']{2,})'(?!\w)")
_LEAD = re.compile(
    r"^(?:(?:please|kindly|also|then|next|finally|now|and|first|ok|okay|hello|hi|hey|thanks|thank you|so|"
    r"(?:can|could|would|will) you(?: please)?|i (?:want|need|would like) you to|i'd like you to|let us|let's)\b[\s,:!-]*)+",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"^(?:find out|find|look up|look for|look into|look at|look|research|tell me|check|explain|summari[sz]e|"
    r"search (?:the )?(?:library|documents|docs) for|search for|search|give me|show me|get me|read up on|read|"
    r"compare|prepare|gather|collect|describe|list|report on|report|see)\b\s*(?:about\s+|for\s+|in\s+)?",
    re.IGNORECASE,
)
_POINTER = re.compile(
    r"\b(?:this|that|it|them|these|the (?:result|results|answer|findings|summary|quotes?|outcome|text)|"
    r"your (?:findings|answer|result|results|summary)|what you (?:find|found|learn|learnt|learned)|everything|a summary|"
    r"a short summary|the same)\b",
    re.IGNORECASE,
)
_SUMMARY_OF = re.compile(
    r"^(?:a |the )?(?:short |brief |quick )?(?:summary|overview|quotes?|details|gist|text) (?:of|from|about|on) ", re.IGNORECASE
)


def without_lead(text: str) -> str:
    """Return a clause without "please", "could you" and their like."""
    return _LEAD.sub("", text.strip())


def without_pointers(text: str) -> str:
    """Return a text without the words that only point at something said before."""
    return _POINTER.sub(" ", text)


def topic_of(text: str) -> str:
    """Return a clause without what only points or asks: the thing it is about; nothing where it has none."""
    text = _ASKING.sub("", without_lead(text)).strip(' .,:;!?"“”')
    text = _SUMMARY_OF.sub("", text)
    return text if keywords(without_pointers(text)) else ""


def quoted(text: str) -> str:
    """Return the first text in quotation marks, or nothing."""
    match = _QUOTED.search(text)
    return next((group for group in match.groups() if group), "").strip() if match else ""
