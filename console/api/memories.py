"""What agents remember, over the API: the list, and deleting a fact. The same service as the page's."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Query, Router, Schema

from agents import memories
from agents.models.library import Memory
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Word
from console.readings import note_reading
from console.rights import Right

router = Router(tags=["memories"])


class MemoryOut(Schema):
    """One remembered fact. `value` is null where you may not read raw content; `session` wrote it last."""

    id: str
    scope: Literal["agent", "principal", "session"]
    owner: str
    name: str | None
    value: str | None
    trust: Literal["trusted", "untrusted"]
    session: str
    updated_at: datetime


class MemoryPage(Schema):
    """Facts by whose memory they are, then by name."""

    items: list[MemoryOut]
    next_cursor: str | None


class WhichMemories(Paged):
    """Whose memory to list."""

    scope: Literal["", "agent", "principal", "session"] = ""
    owner: Word = ""


@endpoint(router, "GET", "/memories", right=Right.SEE, scope="agents:read", answer=MemoryPage, refuses=(422,))
def list_memories(request: ApiRequest, which: Query[WhichMemories]) -> MemoryPage:
    """List what agents remember, by whose memory it is; an owner is an agent, a session, or a principal."""
    key = decode("memories", which.cursor)
    after = UUID(key[0]) if key else None
    rows = memories.memories(scope=which.scope, owner=which.owner, after=after, limit=which.limit + 1)
    following = [str(rows[which.limit - 1].pk)] if len(rows) > which.limit else None
    reveal = request.auth.has(Right.REVEAL)
    if reveal and rows:
        note_reading(request.auth, ["memories"])
    return MemoryPage(items=[_shape(row, reveal) for row in rows[: which.limit]], next_cursor=encode("memories", following))


@endpoint(
    router, "DELETE", "/memories/{memory_id}", right=Right.RESTRAIN, scope="agents:write", answer=MemoryOut, refuses=(404, 422)
)
def delete_memory(request: ApiRequest, memory_id: UUID) -> MemoryOut:
    """Delete a fact for good. Agents that recall it find it no more."""
    return _shape(memories.delete(memory_id, actor=request.auth.actor()), False)


def _shape(row: Memory, reveal: bool) -> MemoryOut:
    copied = ("scope", "owner", "trust", "session", "updated_at")
    return MemoryOut(
        id=str(row.pk), name=row.name if reveal else None, value=row.value if reveal else None,
        **{name: getattr(row, name) for name in copied},
    )  # fmt: skip
