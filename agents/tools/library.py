"""The document library: full-text search and lookup in PostgreSQL, for the tools that search, read and delete documents."""

import datetime as dt
import hashlib
from dataclasses import dataclass, replace

from django.db import connection

from agents.models.library import LibraryDocument
from agents.tools.errors import InvalidInput

# A model asks in words or in whole sentences. Where documents hold all the words, those are the answer; only where none
# does, those with some of them, as far as they come near the best. The headline is made for the few rows that are shown.
_SEARCH = """
WITH asked AS (
    SELECT websearch_to_tsquery('english', %(query)s) AS strict,
           nullif(replace(plainto_tsquery('english', %(query)s)::text, ' & ', ' | '), '')::tsquery AS loose
), matching AS (
    SELECT d.id, d.search @@ asked.strict AS whole, ts_rank(d.search, coalesce(asked.loose, asked.strict), 1) AS rank
    FROM agents_librarydocument d, asked
    WHERE (d.search @@ asked.strict OR d.search @@ asked.loose) AND (%(kind)s = '' OR d.kind = %(kind)s)
), ranked AS (
    SELECT *, bool_or(whole) OVER () AS any_whole, max(rank) OVER () AS best FROM matching
), found AS (
    SELECT id, rank, count(*) OVER () AS total FROM ranked
    WHERE whole OR (NOT any_whole AND rank >= best * 0.3) ORDER BY rank DESC, id LIMIT %(limit)s
)
SELECT d.slug, d.title, d.kind, d.trust, d.source, d.dated, found.total,
       ts_headline('english', d.body, coalesce(asked.loose, asked.strict),
                   'MaxFragments=2, MaxWords=40, MinWords=15, StartSel="", StopSel="", FragmentDelimiter=" … "'), d.body
FROM found JOIN agents_librarydocument d ON d.id = found.id CROSS JOIN asked ORDER BY found.rank DESC, found.id
"""


BETWEEN = " … "  # as in the statement above


@dataclass(frozen=True, slots=True)
class Hit:
    """One document that was found, with the passage that fits best."""

    slug: str
    title: str
    kind: str
    trust: str
    source: str
    dated: dt.date | None
    total: int
    snippet: str


def search(query: str, *, kind: str = "", limit: int = 5) -> list[Hit]:
    """Return the best documents for the query, in order; each knows how many there are in all."""
    with connection.cursor() as cursor:
        cursor.execute(_SEARCH, {"query": query, "kind": kind, "limit": limit})
        return [replace(Hit(*row[:-1]), snippet=whole_words(row[-2], row[-1])) for row in cursor.fetchall()]


def whole_words(snippet: str, body: str) -> str:
    """Return the passages of a headline with the words whole at both ends: the database cuts numbers at their commas."""
    passages, at = [], 0
    for passage in snippet.split(BETWEEN):
        start = body.find(passage, at)
        if start < 0:
            return snippet
        at = end = start + len(passage)
        while start > 0 and not body[start - 1].isspace():
            start -= 1
        while end < len(body) and not body[end].isspace():
            end += 1
        passages.append(body[start:end])
    return BETWEEN.join(passages)


def find(reference: str) -> LibraryDocument:
    """Return the document of that slug or exact title.

    Raises InvalidInput for none, or for a title that several documents have, naming what there is.
    """
    wanted = reference.strip()
    document = LibraryDocument.objects.filter(slug=wanted.lower()).first()
    if document is not None:
        return document
    titled = list(LibraryDocument.objects.filter(title__iexact=wanted).order_by("slug")[:5])
    if len(titled) == 1:
        return titled[0]
    if titled:
        slugs = ", ".join(found.slug for found in titled)
        raise InvalidInput(f"Several documents have the title {wanted!r}.", hint=f"Name one of them: {slugs}.")
    near = ", ".join(f"{hit.slug} ({hit.title})" for hit in search(wanted, limit=3))
    raise InvalidInput(
        f"There is no document {wanted!r} in the library.",
        hint=f"Did you mean {near}?" if near else "Search the library for it first.",
    )


def fingerprint(title: str, body: str) -> str:
    """Return the SHA-256 of one version of a document."""
    return hashlib.sha256(f"{title}\0{body}".encode()).hexdigest()
