"""The audit trail over the API: entries by filter, one entry with its exact bytes."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Path, Query, Router, Schema
from pydantic import Field

from audit import queries
from audit.kinds import is_kind, no_kind
from audit.queries import EntryFilter
from audit.stored import StoredEntry
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import PrincipalWord, Time, Word
from console.auth import Caller
from console.errors import InvalidInput, NotFound
from console.rights import Right

router = Router(tags=["audit"])


class EntryQuery(Paged):
    """Filters of the audit trail; all that are given must hold."""

    stream: Word = ""
    session: Word = Field("", pattern=r"^(S-[1-9][0-9]{0,17})?$", description="its stream, and what names it elsewhere")
    principal: PrincipalWord = ""
    kind: Word = Field("", description="an event kind, or its noun")
    tool: Word = ""
    since: Time | None = Field(None, alias="from", description="included")
    until: Time | None = Field(None, alias="to", description="not included")
    q: Word = Field("", description="words of the entry")


class Principal(Schema):
    """Who acted."""

    kind: str
    id: str
    name: str
    token: str


class AuditEntry(Schema):
    """One entry of the log. `content` holds commitments to raw content, not the content."""

    log_index: int | None
    stream: str
    seq: int
    kind: str
    at: datetime
    principal: Principal
    on_behalf_of: str
    tool: str
    ids: list[str]
    rev: int
    facts: dict[str, Any]
    content: dict[str, dict[str, str]]
    trace: str
    span: str
    closes: bool
    hash: str
    previous_hash: str


class ExactEntry(AuditEntry):
    """An entry with the very bytes that were hashed, as text."""

    bytes: str


class EntryPage(Schema):
    """A page of entries, newest first. A page of few or none with a cursor goes on: it looked back to `looked_to`."""

    items: list[AuditEntry]
    next_cursor: str | None
    looked_to: datetime | None = None


@endpoint(router, "GET", "/audit/entries", right=Right.READ_OWN_AUDIT, scope="audit:read", answer=EntryPage, refuses=(422,))
def list_entries(request: ApiRequest, page: Query[EntryQuery]) -> EntryPage:
    """List entries, newest first. Reviewers and prompt managers see what they did themselves."""
    where = entry_filter(request.auth, page)
    key = decode("entries", page.cursor)
    found = queries.entries(where, before=key[0] if key else None, limit=page.limit)
    items = [AuditEntry(**shape(one)) for one in found.items]
    return EntryPage(
        items=items,
        next_cursor=encode("entries", None if found.next is None else [found.next]),
        looked_to=found.looked_to.at if found.looked_to else None,
    )


@endpoint(
    router,
    "GET",
    "/audit/entries/{index}",
    right=Right.READ_OWN_AUDIT,
    scope="audit:read",
    answer=ExactEntry,
    refuses=(404, 422),
)
def get_entry(request: ApiRequest, index: Annotated[int, Path(ge=1, le=2**62)]) -> ExactEntry:
    """Return one entry by its place in the log, with its exact bytes."""
    found = queries.entry(log_index=index)
    if not request.auth.has(Right.READ_AUDIT) and _owner(found) != _self(request.auth):
        raise NotFound
    return ExactEntry(bytes=found.body.decode("utf-8", "replace"), **shape(found))


def entry_filter(caller: Caller, page: EntryQuery) -> EntryFilter:
    """Return the filter that was asked for, narrowed to the caller's own acts where the right is no wider. Raises InvalidInput."""
    if not is_kind(page.kind):
        raise InvalidInput(told="1 wrong or missing value", errors=[{"loc": ["query", "kind"], "msg": no_kind(page.kind)}])
    principal = page.principal if caller.has(Right.READ_AUDIT) else _self(caller)
    return EntryFilter(
        stream=page.stream,
        session=page.session,
        principal=principal,
        kind=page.kind,
        tool=page.tool,
        since=page.since,
        until=page.until,
        text=page.q,
    )


def _self(caller: Caller) -> str:
    return f"user:{caller.user_id}"


def _owner(entry: StoredEntry) -> str:
    return f"{entry.actor.kind}:{entry.actor.id}"


def shape(entry: StoredEntry) -> dict[str, Any]:
    """Return an entry as the API shows it."""
    actor = entry.actor
    return {
        "log_index": entry.log_index,
        "stream": entry.stream,
        "seq": entry.seq,
        "kind": entry.kind,
        "at": entry.at,
        "principal": Principal(kind=actor.kind, id=actor.id, name=actor.name, token=actor.token),
        "on_behalf_of": entry.on_behalf_of,
        "tool": entry.tool,
        "ids": list(entry.ids),
        "rev": entry.rev,
        "facts": dict(entry.facts),
        "content": {name: dict(commitment) for name, commitment in entry.content.items()},
        "trace": entry.trace,
        "span": entry.span,
        "closes": entry.closes,
        "hash": entry.entry_hash,
        "previous_hash": entry.prev_hash,
    }
