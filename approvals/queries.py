"""Reads of requests and policies for pages and programs: no query per row, and an index for every order.

The inbox is ordered by expiry, soonest first; what was decided by when that was, newest first; everything else newest first.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet

from approvals import settled
from approvals.errors import ApprovalNotFound, InvalidCursor
from approvals.facts import Person
from approvals.inbox import REF, conditions
from approvals.lifecycle import OPEN
from approvals.models import ApprovalRequest, Decision, PolicyRevision
from approvals.outcome import Decided
from audit.connection import Asked
from audit.content import text_in

WAITING = ("pending", "held")
Order = Literal["expiry", "newest", "settled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to; empty means: no matter."""

    status: Sequence[str] = ()
    kind: str = ""
    tier: str = ""
    agent: str = ""
    tool: str = ""
    session_id: UUID | None = None
    risk: int = 0
    due: str = ""  # soon, escalated
    hand: str = ""  # mine, free, theirs: in whose it is
    taint: str = ""
    can: str = ""  # what `person` may decide now
    person: Person | None = None  # who asks, for `hand` and `can`
    decided_by: int | None = None
    q: str = ""
    summaries: bool = True  # whether `q` looks into summaries too, which hold what not everybody may read


@dataclass(frozen=True, slots=True)
class Page:
    """One page of requests with their decisions read; `next_cursor` is empty on the last."""

    items: list[ApprovalRequest]
    next_cursor: str


def page(filters: Filters, *, limit: int, cursor: str = "", order: Order = "newest", reach: int = 0) -> Page:
    """Return one page of requests. Raises InvalidCursor for a cursor that this order did not give.

    `newest` is by when it was asked, `settled` by when it was decided (see `approvals.settled`), newest first. `reach` bounds
    the work of a search in these two: so many rows of these statuses (of all, where one is asked for: it may be rare) are looked
    through, and a page that is not full goes on from there. Who names a request finds it at once.
    """
    rows, bounded = _filtered(filters), bool(reach) and not REF.match(filters.q.strip())
    if order == "settled":
        return _settled(rows, filters, limit, cursor, reach if bounded else 0)
    if order == "expiry":
        rows = rows.order_by("expires_at", "id")
        if cursor:
            at, last = _place(cursor)
            rows = rows.filter(Q(expires_at__gte=at) & (Q(expires_at__gt=at) | Q(id__gt=last)))
    else:
        rows = rows.order_by("-number")
        if cursor:
            rows = rows.filter(number__lt=_number(cursor))
        end = _end_of_reach(filters, reach, cursor) if bounded else None
        if end is not None:
            rows = rows.filter(number__gte=end)
            return _reached(list(rows.defer("body")[: limit + 1]), limit, end)
    found = list(rows.defer("body")[: limit + 1])
    more = found[limit - 1] if len(found) > limit else None
    return Page(found[:limit], _cursor(more, order) if more else "")


def _settled(rows: QuerySet[ApprovalRequest], filters: Filters, limit: int, cursor: str, reach: int) -> Page:
    """Return a page in the order in which requests were settled."""
    rows, among = settled.in_order(rows), settled.in_order(ApprovalRequest.objects.filter(status__in=list(filters.status)))
    if cursor:
        beyond = settled.after(_moment(cursor))
        rows, among = rows.filter(beyond), among.filter(beyond)
    end = settled.last_within(among, reach) if reach else None
    found = list((rows if end is None else rows.filter(settled.down_to(end))).defer("body")[: limit + 1])
    place = settled.place_of(found[limit - 1]) if len(found) > limit else end
    return Page(found[:limit], _encoded([place[0].isoformat(), place[1]]) if place else "")


def _end_of_reach(filters: Filters, reach: int, cursor: str) -> int | None:
    """Return the number of the last request within reach of the cursor; None where fewer are left."""
    rows = ApprovalRequest.objects.order_by("-number")
    if len(filters.status) > 1:
        rows = rows.filter(status__in=list(filters.status))
    if cursor:
        rows = rows.filter(number__lt=_number(cursor))
    return rows.values_list("number", flat=True)[reach - 1 : reach].first()


def _reached(found: list[ApprovalRequest], limit: int, end: int) -> Page:
    number = found[limit - 1].number if len(found) > limit else end
    return Page(found[:limit], _encoded([number]))


def get(ref: str | UUID) -> ApprovalRequest:
    """Return one request, by its short id or its UUID, with its decisions; raise ApprovalNotFound."""
    rows = ApprovalRequest.objects.prefetch_related(_decisions())
    if isinstance(ref, UUID):
        found = rows.filter(id=ref).first()
    else:
        match = REF.match(ref)
        found = rows.filter(number=int(match[1])).first() if match else None
    if found is None:
        raise ApprovalNotFound
    return found


def number_of(ref: str) -> int:
    """Return the number in a request's short id, for whoever locks and reads it next; raise ApprovalNotFound."""
    match = REF.match(ref)
    if match is None:
        raise ApprovalNotFound
    return int(match[1])


def asked_behind(number: int) -> Asked:
    """Return what is asked of a request behind its lock, to tell of it whole once it is decided; see `with_decision`."""
    return _BEHIND, [number]


def with_decision(decided: Decided) -> tuple[ApprovalRequest, dict[UUID, str]]:
    """Return the request with its decisions as `get` reads them, and its raw texts, without asking again for the one just made."""
    row, (told,) = decided.request, decided.told
    rows = row.decisions.order_by("created_at", "id")
    if not told["decided_before"]:
        rows._result_cache = [decided.decision]  # noqa: SLF001 where Django's own prefetching puts them
    row._prefetched_objects_cache = {"decisions": rows}  # type: ignore[attr-defined]  # noqa: SLF001
    texts = {row.reasoning_id: told["reasoning"], row.raw_arguments_id: told["raw_arguments"]}
    return row, {id_: text for id_, text in texts.items() if id_ is not None and text is not None}


_BEHIND = f"""
SELECT EXISTS (SELECT FROM approvals_decision d WHERE d.request_id = r.id) AS decided_before,
       {text_in("r.reasoning_id")} AS reasoning, {text_in("r.raw_arguments_id")} AS raw_arguments
FROM approvals_approvalrequest r WHERE r.number = %s"""  # noqa: S608 no value is in it


def open_of(session_ids: Sequence[UUID]) -> list[ApprovalRequest]:
    """Return the requests of these sessions that still bind their call, without their bodies."""
    rows = ApprovalRequest.objects.filter(session_id__in=session_ids, status__in=sorted(OPEN))
    return list(rows.defer("body").order_by("number"))


def refused_before(row: ApprovalRequest) -> list[ApprovalRequest]:
    """Return the requests that people refused before this one for the same intent; asks only where some are kept."""
    ids = [one["request"] for one in row.facts.get("refused") or () if one.get("request")]
    if not ids:
        return []
    return list(ApprovalRequest.objects.filter(id__in=ids).defer("body").prefetch_related(_decisions()).order_by("-number"))


def waiting_by_agent() -> dict[str, int]:
    """Return how many requests of each agent wait for people; one that no session made is not the agent's."""
    waiting = ApprovalRequest.objects.filter(status__in=WAITING, session_id__isnull=False)
    return dict(waiting.values_list("agent").annotate(count=Count("id")).order_by())


def pending_count(most: int = 1000) -> int:
    """Return how many requests wait for people; `most` stands for that many or more."""
    return ApprovalRequest.objects.filter(status="pending")[:most].count()


def pending_counts() -> dict[str, int]:
    """Return how many requests wait for people, by kind."""
    rows = ApprovalRequest.objects.filter(status="pending").order_by().values_list("kind").annotate(count=Count("id"))
    return dict(rows)


def policy_revisions(limit: int = 50, before: int | None = None) -> list[PolicyRevision]:
    """Return revisions of the policy, newest first; `before` is the number of the last one seen."""
    rows = PolicyRevision.objects.order_by("-number")
    return list((rows if before is None else rows.filter(number__lt=before))[:limit])


def _decisions() -> Prefetch[str, QuerySet[Decision], str]:
    return Prefetch("decisions", Decision.objects.order_by("created_at", "id"))


def _filtered(filters: Filters) -> QuerySet[ApprovalRequest]:
    rows = ApprovalRequest.objects.prefetch_related(_decisions())
    if filters.status:
        rows = (
            rows.filter(status__in=list(filters.status)) if len(filters.status) > 1 else rows.filter(status=filters.status[0])
        )
    named = {name: getattr(filters, name) for name in ("kind", "tier", "agent", "tool", "session_id", "risk", "decided_by")}
    rows = rows.filter(**{name: value for name, value in named.items() if value})
    wanted = {name: getattr(filters, name) for name in ("due", "hand", "taint", "can")}
    for condition, values in conditions(wanted, filters.person):
        rows = rows.extra(where=[condition], params=values)  # noqa: S610 a constant of `approvals.inbox`
    if text := filters.q.strip():
        match = REF.match(text)
        rows = rows.filter(number=int(match[1])) if match else rows.filter(_says(text, summaries=filters.summaries))
    return rows


def _says(text: str, *, summaries: bool) -> Q:
    names = ("tool", "agent", "session_ref", "requested_by", "requested_for", *(("summary",) if summaries else ()))
    found = Q()
    for name in names:
        found |= Q(**{f"{name}__icontains": text})
    return found


def _cursor(row: ApprovalRequest, order: str) -> str:
    return _encoded([row.expires_at.isoformat(), str(row.id)] if order == "expiry" else [row.number])


def _encoded(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _parts(cursor: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor from error


def _place(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, last = _parts(cursor)
        place = datetime.fromisoformat(at), UUID(last)
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidCursor from error
    if place[0].tzinfo is None:
        raise InvalidCursor
    return place


def _moment(cursor: str) -> settled.At:
    match _parts(cursor):
        case [str(at), int(number)] if type(number) is int and 0 <= number < 2**63:
            return _time(at), number
        case _:
            raise InvalidCursor


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidCursor from error
    if at.tzinfo is None:
        raise InvalidCursor
    return at


def _number(cursor: str) -> int:
    match _parts(cursor):
        case [number] if type(number) is int and 0 <= number < 2**63:
            return number
        case _:
            raise InvalidCursor
