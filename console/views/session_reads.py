"""What the pages of sessions read: a page of the list, and all rows of one session in a fixed number of queries."""

from dataclasses import dataclass, field
from uuid import UUID

from agents import queries
from agents.gate.flagging import withheld
from agents.lifecycle import SESSION_ENDS
from agents.models import Message, Session, ToolCall, Turn
from agents.waits import Parked, Wait, parked, waits_of
from approvals.models import ApprovalRequest
from approvals.queries import Filters, open_of
from approvals.queries import page as request_page
from approvals.sensitive import Mask
from audit.content import read_texts
from audit.retention.deletions import why_gone
from console.covering import covered_texts, story_mask

MOST_TURNS = 300
MOST_REQUESTS = 200


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Sessions, newest first; `more` says that older ones follow. `pending` are their open requests, `waits` what keeps them."""

    items: list[Session]
    more: bool
    pending: dict[UUID, list[ApprovalRequest]]
    waits: dict[UUID, Wait]


@dataclass(slots=True)
class Story:
    """One session with everything that happened in it, as rows."""

    session: Session
    messages: list[Message] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    requests: list[ApprovalRequest] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    texts: dict[UUID, str] = field(default_factory=dict)
    mask: Mask = field(default_factory=Mask)  # covers the sensitive values of its calls
    gone: str = ""  # what stands where a text was that was deleted

    def text(self, id_: UUID | None) -> str:
        """Return a raw text, or what is told of one that was deleted; empty where there is none, or none that may be read."""
        return self.texts.get(id_, self.gone) if id_ else ""

    def calls_of(self, turn: Turn) -> list[ToolCall]:
        """Return the calls that a turn planned, in their order."""
        return [call for call in self.calls if call.turn_id == turn.pk]

    def requests_of(self, call: ToolCall) -> list[ApprovalRequest]:
        """Return all requests that were made for a call, oldest first: one that is void is followed by another."""
        return [row for row in self.requests if row.call_id == call.pk]

    def request_of(self, call: ToolCall) -> ApprovalRequest | None:
        """Return the request that is, or was, open for a call."""
        return next((row for row in self.requests if row.pk == call.request_id), None)


def sessions_page(
    *, status: str = "", agent: str = "", mode: str = "", waits: str = "", q: str = "", titles: bool, before: int | None = None,
    limit: int = 50,
) -> SessionPage:  # fmt: skip
    """Return one page of sessions that match, with what they wait for.

    `status` may be `live`: not ended; `q` looks into titles only with `titles`.
    """
    of_status = queries.LIVE if status == "live" else (status,) if status else ()
    filters = queries.Filters(status=of_status, agent=agent, mode=mode, waits=waits, q=q, titles=titles)
    found = queries.sessions(filters, before=before, limit=limit + 1)
    pending: dict[UUID, list[ApprovalRequest]] = {}
    for request in open_of([row.pk for row in found]):
        if request.session_id is not None:
            pending.setdefault(request.session_id, []).append(request)
    return SessionPage(found[:limit], len(found) > limit, pending, waits_of(found[:limit]))


def story(session: Session, *, content: bool) -> Story:
    """Return one session with all its rows, the newest turns where there are very many; raw texts only with `content`."""
    turns = list(Turn.objects.filter(session=session).order_by("-number")[:MOST_TURNS])[::-1]
    found = Story(
        session,
        list(Message.objects.filter(session=session).order_by("created_at", "index")),
        turns,
        list(ToolCall.objects.filter(session=session, turn__in=turns).order_by("turn__number", "index")),
        request_page(Filters(session_id=session.pk), limit=MOST_REQUESTS).items[::-1],
        parked(session.ref),
    )
    if content:
        wanted = _texts_of(found)
        found.texts = read_texts(wanted)
        found.gone = why_gone(f"session:{session.ref}") if wanted - found.texts.keys() else ""
        found.mask = story_mask(found.calls, found.texts)
        found.texts = covered_texts(found.calls, found.texts, found.mask)
    return found


def _texts_of(found: Story) -> set[UUID]:
    wanted = {message.text_id for message in found.messages}
    wanted |= {id_ for id_ in (withheld(found.session.taint),) if id_}
    wanted |= {turn.text_id for turn in found.turns if turn.text_id}
    for call in found.calls:
        wanted |= {id_ for id_ in (call.raw_id, call.arguments_id, call.result_id, withheld(call.sources)) if id_}
    return wanted | ({found.session.answer_id} if found.session.answer_id else set())


def ended(session: Session) -> bool:
    """Return whether nothing more can happen in it."""
    return session.status in SESSION_ENDS
