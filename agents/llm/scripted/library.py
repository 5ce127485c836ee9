"""PURE: what the conversation has found so far: search hits and documents, read from tool results."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.llm.scripted.conversation import Exchange, strings
from agents.llm.scripted.outcomes import outcome_of
from agents.llm.scripted.words import is_instruction, keywords, quotes, sentences, stem, stems

_TEXT_KEYS = ("text", "content", "body", "markdown", "summary", "answer", "excerpt", "snippet")
_EXCERPT_KEYS = ("excerpt", "snippet", "headline", "summary", "text", "preview")
_REPLACED = re.compile(r"\b(?:superseded|replaced|obsolete|outdated|old)\b", re.IGNORECASE)
_NAME_KEYS = ("title", "name", "slug", "document", "path", "url", "id")


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result; `fields` are its own, so that any of them can name the document."""

    title: str
    excerpt: str
    fields: Mapping[str, Any]

    def reference(self, wanted: str) -> str:
        """Return what names this document for an argument called `wanted`."""
        short = wanted.removeprefix("document_")
        for key in (wanted, short, "id", "slug", "document_id", "name", "title", "path", "ref"):
            if isinstance(self.fields.get(key), str | int):
                return str(self.fields[key])
        return self.title

    def names(self) -> set[str]:
        """Return every value that may stand for this document."""
        values = (self.fields.get(key) for key in (*_NAME_KEYS, "document_id", "ref"))
        return {str(value).casefold() for value in values if isinstance(value, str | int)} | {self.title.casefold()}


@dataclass(frozen=True, slots=True)
class Source:
    """A text that was read, with its title."""

    title: str
    text: str
    untrusted: bool = False

    def quotes(self, about: str, most: int = 3) -> list[str]:
        """Return its sentences that answer best."""
        return quotes(self.text, about, title=self.title, most=most, wary=self.untrusted)

    @property
    def orders_machines(self) -> bool:
        """Whether it came from outside and holds an instruction that is meant for a program, not for a reader."""
        return self.untrusted and is_instruction(self.text)


def hits(exchange: Exchange) -> list[Hit]:
    """Return the results of a search; none where it failed."""
    if outcome_of(exchange).kind != "done":
        return []
    return [_hit(item) for item in _records(exchange.data)]


def sources(exchanges: Iterable[Exchange]) -> list[Source]:
    """Return the texts that were read, each once, in order."""
    found: dict[str, Source] = {}
    for exchange in exchanges:
        source = _source(exchange)
        if source is not None:
            found.setdefault(source.title, source)
    return list(found.values())


def ranked(found: list[Hit], about: str) -> list[Hit]:
    """Return the hits that carry the topic, best first; ties keep the search's order.

    A word that few hits carry tells more than one that stands in all of them, and a word in the
    title more than one in the excerpt. What was replaced by something newer comes last.
    """
    wanted = stems(about)
    carried = {word: sum(word in stems(f"{hit.title} {hit.excerpt}") for hit in found) for word in wanted}

    def score(hit: Hit) -> float:
        title, excerpt = stems(hit.title), stems(hit.excerpt)
        worth = (math.log(1 + len(found) / carried[word]) * (3 if word in title else 1) for word in wanted & (title | excerpt))
        return sum(worth) * (0.4 if _REPLACED.search(hit.title) and not _REPLACED.search(about) else 1)

    best = sorted(found, key=score, reverse=True)
    return best if not best or score(best[0]) == 0 else [hit for hit in best if score(hit) * 2 > score(best[0])]


def named(found: list[Hit], title: str) -> list[Hit]:
    """Return the hits that a title or id names: the exact one, else those whose title holds all its words."""
    wanted = title.casefold().strip()
    exact = [hit for hit in found if wanted in hit.names()]
    words = {stem(word) for word in keywords(title)}
    return exact[:1] or [hit for hit in found if words and words <= stems(hit.title)]


def _hit(item: Mapping[str, Any]) -> Hit:
    title = next((str(item[key]) for key in _NAME_KEYS if isinstance(item.get(key), str) and item[key]), "a document")
    excerpt = next((str(item[key]) for key in _EXCERPT_KEYS if isinstance(item.get(key), str)), "")
    return Hit(title, excerpt, item)


def _records(data: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of the first list of objects in the data, however deep it stands."""
    level: list[Any] = [data]
    while level:
        for item in level:
            if isinstance(item, list) and item and all(isinstance(part, dict) for part in item):
                yield from item
                return
        level = [part for item in level for part in _children(item)]


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


def _source(exchange: Exchange) -> Source | None:
    """Read one document, page or file; a result without sentences is none."""
    if outcome_of(exchange).kind != "done":
        return None
    data = exchange.data
    text = max(strings(data, *_TEXT_KEYS), key=len, default="") if isinstance(data, dict) else ""
    if not text and data is None:
        text = exchange.plain
    if not sentences(text):
        return None
    title = next(iter(strings(data, "title", "name", "slug", "path", "url")), "") or _asked_for(exchange)
    trust = next(iter(strings(data, "trust")), "")
    return Source(title, text, exchange.untrusted or trust == "untrusted")


def _asked_for(exchange: Exchange) -> str:
    return next((str(value) for value in exchange.arguments.values() if isinstance(value, str)), exchange.name)
