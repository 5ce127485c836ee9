"""What waits, counted and narrowed: the numbers beside filters, tabs and views, and the conditions that fit them.

One statement reads what waits once, at most `MOST` rows of it, as cells: rows that are alike in everything that can be
filtered by. Every number of a page is a sum over cells, so that it costs the same however many numbers there are.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from approvals.facts import Person, Place, RequestFacts
from approvals.models import KINDS
from approvals.policy import VERDICTS, may_decide, may_stand_in

REF = re.compile(r"AP-(\d{1,18})\Z", re.IGNORECASE)
MOST = 10_000
"""How many waiting requests are counted; numbers above it are told as "more"."""
SOON_S = 300
FACETS = ("risk", "kind", "tier", "tool", "agent")
HANDS = ("mine", "free", "theirs")
DUE = ("soon", "escalated")

# The size of an empty list as it is stored: the list itself, with all its quotes, is not read for this.
TAINTED = "pg_column_size(taint) > 12"
ESCALATED = "(escalated_at IS NOT NULL AND status = 'pending')"
SOON = f"(expires_at <= now() + {SOON_S} * interval '1 s' AND status = 'pending')"
HELD = "(claimed_by IS NOT NULL AND (claimed_until IS NULL OR claimed_until > now()))"
DECIDABLE = """(status = 'pending'
    AND ((self_confirm AND requester = %s)
        OR (kind = ANY(%s) AND requester IS DISTINCT FROM %s AND NOT %s = ANY(excluded)
            AND (groups = '{}' OR NOT EXISTS (
                SELECT FROM unnest(groups) g(name) WHERE NOT string_to_array(g.name, '|') && %s))))
    AND (required = 1 OR NOT EXISTS (
        SELECT FROM approvals_decision d WHERE d.request_id = approvals_approvalrequest.id
            AND d.revision = approvals_approvalrequest.revision AND d.voided = ''
            AND (d.decided_by = ANY(%s) OR d.in_place_of = ANY(%s)))))"""
"""`approvals.policy.may_decide` for many rows at once; a test holds the two against each other."""
IN_PLACE = """(NOT (%s = ANY(excluded)) AND requester IS DISTINCT FROM %s AND """
"""What else has to hold where it is decided in somebody's place: nor has the absent one a part in it."""

# Those that expire first, found by the last one's place in the index: to sort the rows themselves would cost more than to count.
_COUNTED = """
    status IN ('pending', 'held') AND expires_at <= coalesce((
        SELECT expires_at FROM approvals_approvalrequest WHERE status IN ('pending', 'held')
        ORDER BY expires_at, id OFFSET %s LIMIT 1), 'infinity')"""
_CELLS = """
    SELECT risk, kind, tier, tool, agent, tainted, soon, escalated, hand, can, hit, pending, count(*) AS count FROM (
        SELECT risk, kind, tier, tool, agent, {tainted} AS tainted, {soon} AS soon, {escalated} AS escalated,
            CASE WHEN NOT {held} THEN 'free' WHEN claimed_by = ANY(%s) THEN 'mine' ELSE 'theirs' END AS hand,
            {can} AS can, {hit} AS hit, status = 'pending' AS pending
        FROM approvals_approvalrequest WHERE {counted} LIMIT %s
    ) waiting GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
"""

_NAMED = """
    WITH counted AS MATERIALIZED (
        SELECT id, claimed_by, requester, excluded, required FROM approvals_approvalrequest WHERE {counted})
    SELECT claimed_by FROM counted UNION SELECT requester FROM counted UNION SELECT unnest(excluded) FROM counted
    UNION SELECT unnest(ARRAY[d.decided_by, d.in_place_of]) FROM counted c JOIN approvals_decision d ON d.request_id = c.id
        WHERE c.required > 1
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """So many waiting requests that are alike in everything that can be filtered by."""

    risk: int
    kind: str
    tier: str
    tool: str
    agent: str
    tainted: bool
    soon: bool
    escalated: bool
    hand: str
    can: bool
    hit: bool
    pending: bool
    count: int

    def fits(self, asked: "Asked") -> bool:
        """Return whether these requests pass all filters."""
        return all(getattr(self, name) == value for name, value in asked)


Asked = Sequence[tuple[str, Any]]
"""What has to be true of a cell: names and values, one pair for each filter that is on."""


def _asked(wanted: Mapping[str, str], but: str = "") -> Asked:
    """Return what filters ask of a cell, leaving out the one named `but`; read once for all cells."""
    plain = {"hand": str, "tool": str, "agent": str, "kind": str, "tier": str, "risk": int}
    flags = {"can": "can", "taint": "tainted", "q": "hit", "due": wanted.get("due", "")}
    given = [name for name, value in wanted.items() if value and name != but]
    return [(name, plain[name](wanted[name])) for name in given if name in plain] + [
        (flags[name], True) for name in given if name in flags
    ]


@dataclass(frozen=True, slots=True)
class Waiting:
    """All that waits, as cells; `more` says that there are requests beyond those that were counted."""

    cells: Sequence[Cell]
    more: bool

    def count(self, wanted: Mapping[str, str]) -> int:
        """Return how many waiting requests pass the filters; what waits only for its undo period to end does not count."""
        return sum(cell.count for cell in self.pending(wanted))

    def pending(self, wanted: Mapping[str, str], but: str = "") -> Iterator[Cell]:
        """Give the cells of what can be decided and passes the filters, leaving out the one named `but`."""
        asked = _asked(wanted, but)
        return (cell for cell in self.cells if cell.pending and cell.fits(asked))

    def facet(self, name: str, wanted: Mapping[str, str]) -> list[tuple[str, int]]:
        """Return the values of one facet with how many requests each would show under the other filters, most first."""
        found: Counter[str] = Counter()
        for cell in self.pending(wanted, but=name):
            found[str(getattr(cell, name))] += cell.count
        found.pop("", None)
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))


def waiting(person: Person, *, decides: bool, q: str = "", summaries: bool = True) -> Waiting:
    """Count what waits, as `person` sees it; `decides` says whether they decide anything at all."""
    can, can_values = decidable(person) if decides else ("false", [])
    hit, hit_values = _hit(q, summaries=summaries)
    statement = _CELLS.format(tainted=TAINTED, soon=SOON, escalated=ESCALATED, held=HELD, can=can, hit=hit, counted=_COUNTED)
    with connection.cursor() as cursor:
        cursor.execute(statement, [hands_of(person), *can_values, *hit_values, MOST, MOST + 1])
        cells = [Cell(*row) for row in cursor.fetchall()]
    return Waiting(cells, sum(cell.count for cell in cells) > MOST)


def named() -> list[int]:
    """Return whom a counted request names: who has or asked it, must not decide it, or has said something of it.

    To everybody else who stands in nobody's place, `waiting` counts the same as to all with the same roles.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NAMED.format(counted=_COUNTED), [MOST])
        return sorted(id_ for (id_,) in cursor.fetchall() if id_ is not None)


def decidable(person: Person) -> tuple[str, list[Any]]:
    """Return the condition, with its values, that fits the requests which `person` may decide now."""
    mine = [person.id]
    kinds = [kind for kind in KINDS if _decides(replace(person, places=()), kind)]
    found, values = DECIDABLE, [person.id, kinds, person.id, person.id, sorted(person.roles), mine, mine]
    for place in person.places:
        lends, both = _lends(person, place), [person.id, place.of]
        found += f" OR {IN_PLACE}{DECIDABLE})"
        # Nobody's id is 0: what a requester may confirm himself is not lent.
        values += [place.of, place.of, 0, lends, person.id, person.id, sorted(place.roles), both, both]
    return f"({found})", values


def hands_of(person: Person) -> list[int]:
    """Return whose hands count as this person's: their own, and of those in whose place they stand."""
    return [person.id, *(place.of for place in person.places)]


def conditions(wanted: Mapping[str, str], person: Person | None) -> Iterator[tuple[str, list[Any]]]:
    """Give the conditions, with their values, of the filters that are no plain column; `person` is who asks."""
    if wanted.get("taint"):
        yield TAINTED, []
    if due := wanted.get("due"):
        yield {"soon": SOON, "escalated": ESCALATED}[due], []
    hand = wanted.get("hand", "")
    if hand == "free":
        yield f"NOT {HELD}", []
    elif hand and person is not None:
        hands = hands_of(person)
        one = len(hands) == 1  # then the index of what one person has in hand gives the order too
        yield (
            f"{HELD} AND {'' if hand == 'mine' else 'NOT '}claimed_by = {'%s' if one else 'ANY(%s)'}",
            hands if one else [hands],
        )
    if wanted.get("can"):
        yield decidable(person) if person is not None else ("false", [])


def _lends(person: Person, place: Place) -> list[str]:
    proven = replace(person, reauthenticated=True)
    return [
        kind
        for kind, verdicts in VERDICTS.items()
        if any(may_stand_in(proven, place, RequestFacts(kind), verdict) is None for verdict in verdicts)
    ]


def _decides(person: Person, kind: str) -> bool:
    proven = replace(person, reauthenticated=True)
    return any(may_decide(proven, RequestFacts(kind), verdict) is None for verdict in VERDICTS.get(kind, ()))


def _hit(q: str, *, summaries: bool) -> tuple[str, list[Any]]:
    if not q.strip():
        return "true", []
    if match := REF.match(q.strip()):
        return "(number = %s)", [int(match[1])]
    escaped = q.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    columns = ("tool", "agent", "session_ref", "requested_by", "requested_for", *(("summary",) if summaries else ()))
    return f"(concat_ws(E'\\n', {', '.join(columns)}) ILIKE %s)", [f"%{escaped}%"]
