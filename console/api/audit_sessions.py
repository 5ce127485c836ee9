"""One session's story over the API, from the log alone."""

from typing import Annotated

from ninja import Path, Query, Router, Schema

from audit.about import telling
from console.api.audit import AuditEntry, shape
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.rights import Right

router = Router(tags=["audit"])
Ref = Annotated[str, Path(pattern=r"^S-[1-9][0-9]{0,17}$")]


class PartakerOut(Schema):
    """Who took part in a session, with the kinds and the number of the entries that say so."""

    kind: str
    id: str
    name: str
    did: list[str]
    times: int


class SessionStory(Schema):
    """A session as the log tells it: entries of its own chain and those of other streams that name it, in the log's order.

    `length`, `head` and `closed` are those of its own chain; `entries` counts all that is told. `policy` is the number in the log
    of the policy's revision in force at its start, null for the shipped policy.
    """

    session: str
    length: int
    head: str
    closed: bool
    policy: int | None
    people: list[PartakerOut]
    entries: int
    items: list[AuditEntry]
    next_cursor: str | None


@endpoint(
    router, "GET", "/audit/sessions/{ref}", right=Right.READ_AUDIT, scope="audit:read", answer=SessionStory, refuses=(404, 422)
)
def get_story(request: ApiRequest, ref: Ref, page: Query[Paged]) -> SessionStory:
    """Tell one session's story: who started it, what it did, who saw what, who decided, how it ended."""
    key = decode("story", page.cursor)
    told = telling(ref, after=key[0] if key else 0, limit=page.limit)
    return SessionStory(
        session=ref,
        length=told.chain.length,
        head=told.chain.hash,
        closed=told.chain.closed,
        policy=told.policy.log_index if told.policy else None,
        people=[
            PartakerOut(kind=one.kind, id=one.id, name=one.name, did=list(one.did), times=one.times) for one in told.people
        ],
        entries=told.total,
        items=[AuditEntry(**shape(one)) for one in told.items],
        next_cursor=encode("story", None if told.after is None else [told.after]),
    )
