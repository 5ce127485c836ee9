"""Finding the entries of a filter, newest first, with a bounded effort however large the log is.

Conditions that an index serves in the order of the log are **ways** through it: a stream, a principal, kinds, a tool, or the
log itself between two times. A page walks back along one way and looks at what else is asked for. It takes the way that leads
farthest back in so many steps. Where even that one does not reach the beginning the page says how far it has looked, and the
next one goes on there: no page is short in silence.

Words have an index without order. It serves words that stand in few entries, by what the database expects; other words are
met soon on the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connections, transaction

LOOKED = 10_000
"""So many entries a page looks at on its way."""
DEAR = 10
"""Where an entry's words have to be taken apart to know, it looks at so many times fewer."""
FEW = 50_000
"""Of words that stand in so many entries at most, all are fetched and sorted."""
WORDS_MS = 1500
"""So long that may take: what the database expects is sometimes wrong."""
CANCELLED = "57014"
WORDS = "jsonb_to_tsvector('simple', regexp_replace(body_json::text, '(?<![\\\\\\w])[0-9a-f-]{18,}', '', 'g')::jsonb, '[\"string\"]')"
"""What the index of words is of, as `audit.models.WORDS` has it."""
_WANTED = "websearch_to_tsquery('simple', %s)"
_COLUMNS = "id, stream, seq, kind, at, actor_kind, actor_id, tool"
_NOT = re.compile(r"!\s*'(?:[^']|'')*'")
_LEXEME = re.compile(r"'((?:[^']|'')*)'")
_PIECE = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Part:
    """A condition, or a whole statement, with its values."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """Entries that meet one of the conditions; a `small` way has few of them, and an index without order."""

    either: tuple[Part, ...]
    small: bool = False

    def back(self, bounds: Part, order: str, columns: str, most: int) -> Part:
        """Return the statement of its entries within bounds, newest first; `most` of them matter."""
        arms = [f"SELECT {columns} FROM audit_entry WHERE {one.sql} AND {bounds.sql}" for one in self.either]
        if self.small:  # a fence, or the order would look like a reason to walk through the whole log
            arms = [f"SELECT * FROM ({arm} OFFSET 0) AS few" for arm in arms]
        elif len(arms) > 1:
            arms = [f"({arm} ORDER BY {order} DESC LIMIT {most})" for arm in arms]
        values = tuple(value for one in self.either for value in (*one.values, *bounds.values))
        return Part(f"{' UNION ALL '.join(arms)} ORDER BY {order} DESC", values)


LOG = Way((Part("TRUE"),))


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for: `conditions` by name, of which those in `ways` have a way; `bounds` are on the column `order`."""

    conditions: Mapping[str, Part]
    ways: Mapping[str, Way]
    bounds: Part = Part("TRUE")
    order: str = "id"
    text: str = ""

    def direct(self) -> str | None:
        """Return the way on which every entry is one that is sought; None where there is none."""
        return None if self.text else next((name for name in self.ways if not self.conditions.keys() - {name}), None)

    def beside(self, name: str) -> Part:
        """Return what else is asked for of entries on a way."""
        others = [one for other, one in self.conditions.items() if other != name]
        return together([*others, self.bounds])


@dataclass(frozen=True, slots=True)
class Found:
    """The places of entries in `order`, newest first, and the one up to which was looked; None at the beginning."""

    places: Sequence[int]
    end: int | None = None


def find(sought: Sought, *, limit: int, looked: int = LOOKED, using: str = "default") -> Found:
    """Return the newest entries that are sought, `limit` at most, after looking at no more than `looked`."""
    with transaction.atomic(using=using, savepoint=False):
        # A way's own index is what bounds the effort, also where the log's order promises to be a little cheaper.
        _rows("SELECT set_config('random_page_cost', '1.1', true)", [], using)
        return _found(sought, limit, looked, using)


def _found(sought: Sought, limit: int, looked: int, using: str) -> Found:
    words = _words(sought.text, using) if sought.text else None
    if words is not None and not words.lexemes:
        return Found(())
    if words is not None and words.dear:
        looked //= DEAR
    if (direct := sought.direct()) is not None:
        return _walk(sought, direct, sought.bounds, None, limit, limit, using)
    ends = _ends(sought, looked, using)
    name = min(ends, key=lambda one: (ends[one] is not None, ends[one] or 0))
    rest = sought.beside(name) if words is None else together([sought.beside(name), words.check])
    indexed = words is not None and not words.dear and ends[name] is not None and words.expected <= FEW
    if words is not None and indexed and not words.soon(limit, looked):
        found = _among(words, sought, limit, using)
        if found is not None:
            return found
        indexed = False
    found = _walk(sought, name, rest, ends[name], limit, looked, using)
    if words is not None and indexed and found.end is not None:  # it did not come soon
        found = _among(words, sought, limit, using) or found
    return found


def together(parts: Sequence[Part]) -> Part:
    """Return the condition that all of these hold."""
    return Part(" AND ".join(part.sql for part in parts) or "TRUE", tuple(value for part in parts for value in part.values))


def _ends(sought: Sought, looked: int, using: str) -> dict[str, int | None]:
    """Return where so many steps on each way lead, None where they lead to the beginning; in one statement."""
    ends: dict[str, int | None] = dict.fromkeys(sought.ways)
    backs = {
        name: way.back(sought.bounds, sought.order, sought.order, looked + 1)
        for name, way in sought.ways.items()
        if not way.small
    }
    if backs:
        probes = [f"(SELECT {sought.order} FROM ({back.sql} OFFSET {looked} LIMIT 1) AS far)" for back in backs.values()]
        values = [value for back in backs.values() for value in back.values]
        (row,) = _rows(f"SELECT {', '.join(probes)}", values, using)
        ends.update(zip(backs, row, strict=True))
    return ends


def _walk(sought: Sought, name: str, rest: Part, end: int | None, limit: int, looked: int, using: str) -> Found:
    back = sought.ways[name].back(sought.bounds, sought.order, "*", looked)
    passed = f"SELECT * FROM ({back.sql} LIMIT {looked}) AS passed WHERE {rest.sql}"
    sql = f"SELECT {sought.order} FROM ({passed}) AS found ORDER BY {sought.order} DESC LIMIT {limit}"
    places = [place for (place,) in _rows(sql, [*back.values, *rest.values], using)]
    return Found(places, None if len(places) == limit else end)


@dataclass(frozen=True, slots=True)
class _Words:
    """Words that are looked for, as the database reads them, and in how many entries it expects them."""

    lexemes: str
    expected: int
    holds: Part
    check: Part
    entries: int
    dear: bool = False

    def soon(self, limit: int, looked: int) -> bool:
        """Return whether a page of entries with them is to be met within so many steps, by far."""
        return self.expected * looked >= 4 * limit * self.entries


def _words(text: str, using: str) -> _Words:
    ((lexemes, entries),) = _rows(f"SELECT {_WANTED}::text, coalesce(max(id), 0) FROM audit_entry", [text], using)
    holds = Part(f"{WORDS} @@ {_WANTED}", (text,))
    ((plan,),) = _rows(f"EXPLAIN (FORMAT JSON) SELECT FROM audit_entry WHERE {holds.sql}", [text], using)
    expected = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"]
    pieces, joined = _pieces(lexemes)
    if not pieces:
        return _Words(lexemes, expected, holds, holds, entries, dear=True)
    # To take an entry's words apart costs twenty times what it costs to see that one is not in it.
    seen = f" {joined} ".join(["strpos(said, %s) > 0"] * len(pieces))
    check = f"(SELECT CASE WHEN {seen} THEN {holds.sql} ELSE false END FROM lower(body_json::text) AS said)"
    return _Words(lexemes, expected, holds, Part(check, (*pieces, text)), entries)


def _pieces(lexemes: str) -> tuple[list[str], str]:
    """Return letters and digits of which an entry with these words surely holds all, or one; none where that cannot be said."""
    plain = _NOT.sub("", lexemes)
    either = "|" in plain
    if "!" in plain or (either and ("&" in plain or "<" in plain or plain != lexemes)):
        return [], ""
    found = [_PIECE.findall(word) for word in _LEXEME.findall(plain)]
    if not found or not all(found):
        return [], ""
    return [max(pieces, key=len) for pieces in found], "OR" if either else "AND"


def _among(words: _Words, sought: Sought, limit: int, using: str) -> Found | None:
    """Fetch all entries with the words and look among them; None where that takes too long."""
    rest = sought.beside("")
    sql = (
        f"WITH found AS MATERIALIZED (SELECT {_COLUMNS} FROM audit_entry WHERE {words.holds.sql})"
        f" SELECT {sought.order} FROM found WHERE {rest.sql} ORDER BY {sought.order} DESC LIMIT {limit}"
    )
    try:
        with transaction.atomic(using=using):
            _rows(
                "SELECT set_config('statement_timeout', %s, true), set_config('work_mem', '64MB', true)", [str(WORDS_MS)], using
            )
            places = [place for (place,) in _rows(sql, [*words.holds.values, *rest.values], using)]
            _rows("SELECT set_config('statement_timeout', reset_val, true) FROM pg_settings WHERE name = 'statement_timeout'",
                  [], using)  # fmt: skip
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != CANCELLED:
            raise
        return None
    return Found(places)


def _rows(sql: str, values: Sequence[Any], using: str) -> list[Any]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, values)
        found: list[Any] = cursor.fetchall()
    return found
