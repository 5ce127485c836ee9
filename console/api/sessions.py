"""Sessions over the API: start and follow them, talk to them, stop them."""

from collections.abc import Callable
from typing import Annotated, Literal
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from ninja import Query, Router, Schema
from pydantic import AfterValidator, Field, StringConstraints

from agents import other_prompt, queries, services
from agents.errors import BadText
from agents.guardrails.money import Priority
from agents.models import Session
from agents.tools import egress
from console.api.deciding import Digest
from console.api.endpoint import ApiRequest, as_json, endpoint
from console.api.idempotency import Once, answer_once, once_of, replace_answer
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, SessionRef, Word, storable
from console.api.session_shapes import Mode, SessionOut, Status, shape, shape_of_new, shapes
from console.api.timeline import Timeline, timeline
from console.api.waiting import let_go, rested
from console.auth import Caller
from console.errors import NotYourSession
from console.revealing import check_reads
from console.rights import DECIDE_SCOPE, Right
from console.starting import other_person, priority_of

router = Router(tags=["sessions"])
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
WRITES = (404, 409, 413, 415, 422)
DECIDES = (*WRITES, 410)


class NewSession(Body):
    """What to start. `on_behalf_of` names another person; `wait_s` waits until the session rests."""

    agent: Annotated[Word, Field(min_length=1, max_length=63)]
    goal: Text
    task_type: Annotated[Word, Field(max_length=60)] = "default"
    on_behalf_of: Word = ""
    tenant: Word = ""
    feature: Word = ""
    dry_run: bool = False
    priority: Annotated[
        Priority | None,
        Field(
            description="who waits first where a budget runs short; the agent's own if left out; `high` is an operator's to give"
        ),
    ] = None
    wait_s: Annotated[float, Field(ge=0, le=60)] = 0
    webhook_url: Annotated[str, StringConstraints(max_length=2000, pattern=r"^(https?://[!-~]+)?$")] = ""


class NewMessage(Body):
    """What to say to the agent."""

    content: Text


class Lift(Body):
    """The key of the call that was denied for what people refused before."""

    call: Annotated[Word, Field(min_length=1, max_length=100)]


class Release(Body):
    """The key of the call whose result was kept from the model."""

    call: Annotated[Word, Field(min_length=1, max_length=100)]


class OtherPrompt(Body):
    """Another version of its prompt; the digest of the `stuck` request that you were shown."""

    version: Annotated[Word, Field(min_length=1, max_length=64)]
    digest: Digest
    instruction: Annotated[str, StringConstraints(max_length=10_000), AfterValidator(storable)] = ""


class Why(Body):
    """Why a session is stopped, paused or resumed."""

    reason: Annotated[Word, Field(max_length=200)] = ""


class SessionPage(Schema):
    """A page of sessions, newest first."""

    items: list[SessionOut]
    next_cursor: str | None


class SessionQuery(Paged):
    """Filters of the list of sessions."""

    status: Status | None = None
    agent: Word = ""
    mode: Mode | None = None
    live: Annotated[bool, Field(description="only those that have not ended; not together with `status`")] = False
    waits: Annotated[
        Literal["people", "money", "rate", "model", "tool"] | None, Field(description="only those that wait for this")
    ] = None
    q: Word = ""


@endpoint(
    router, "POST", "/sessions", right=Right.RUN_SESSIONS, scope="sessions:write", answer=SessionOut, status=201,
    refuses=(*WRITES, 429), creates=True,
)  # fmt: skip
async def start_session(request: ApiRequest, body: NewSession) -> HttpResponse:
    """Start a session. With `wait_s` the answer comes when it rests or the time is over."""
    once = once_of(request, request.auth)
    if wrong := await egress.refused_name(body.webhook_url):  # asked here, where nothing is locked meanwhile
        raise BadText(field="webhook_url", reason=wrong)
    started: list[UUID] = []

    def work() -> str:
        session = _start(request.auth, body)
        started.append(session.id)
        return as_json(shape_of_new(request.auth, session, body.goal))

    def begin() -> HttpResponse:
        return answer_once(once, work, 201) if once else HttpResponse(work(), status=201, content_type="application/json")

    answer = await sync_to_async(begin)()
    if not (started and body.wait_s):
        return answer
    await sync_to_async(let_go)()
    await rested(started[0], body.wait_s)
    return await sync_to_async(_later)(request.auth, started[0], once)


def _later(caller: Caller, session_id: UUID, once: Once | None) -> HttpResponse:
    body = as_json(shape(caller, services.get_session(session_id)))
    return replace_answer(once, 201, body) if once else HttpResponse(body, status=201, content_type="application/json")


@endpoint(router, "GET", "/sessions", right=Right.SEE, scope="sessions:read", answer=SessionPage, refuses=(422,))
def list_sessions(request: ApiRequest, page: Query[SessionQuery]) -> SessionPage:
    """List sessions, newest first."""
    where = queries.Filters(
        status=(page.status,) if page.status else queries.LIVE if page.live else (),
        agent=page.agent,
        mode=page.mode or "",
        waits=page.waits or "",
        q=page.q,
        titles=request.auth.has(Right.REVEAL),
    )
    key = decode("sessions", page.cursor)
    found = queries.sessions(where, before=key[0] if key else None, limit=page.limit + 1)
    following = [found[page.limit - 1].number] if len(found) > page.limit else None
    return SessionPage(items=shapes(request.auth, found[: page.limit]), next_cursor=encode("sessions", following))


@endpoint(router, "GET", "/sessions/{ref}", right=Right.SEE, scope="sessions:read", answer=SessionOut, refuses=(404, 422))
def get_session(request: ApiRequest, ref: SessionRef) -> SessionOut:
    """Return one session."""
    return shape(request.auth, services.get_session(ref))


@endpoint(
    router, "GET", "/sessions/{ref}/timeline", right=Right.SEE, scope="sessions:read", answer=Timeline, refuses=(404, 422)
)
def get_timeline(request: ApiRequest, ref: SessionRef, page: Query[Paged]) -> Timeline:
    """Return what happened in a session, oldest first: messages, turns, tool calls, waits and decisions."""
    return timeline(request.auth, services.get_session(ref), page)


@endpoint(
    router, "POST", "/sessions/{ref}/messages", right=Right.RUN_SESSIONS, scope="sessions:write", answer=SessionOut,
    refuses=WRITES, creates=True,
)  # fmt: skip
def send_message(request: ApiRequest, ref: SessionRef, body: NewMessage) -> SessionOut:
    """Say something to the agent. Whoever writes in a session takes part in it, and decides nothing in it any more."""
    session, caller = services.get_session(ref), request.auth
    services.add_message(session=session.id, actor=caller.actor(), user_id=caller.user_id, content=body.content)
    return _changed(request, ref)


@endpoint(
    router,
    "POST",
    "/sessions/{ref}/cancel",
    right=Right.RUN_SESSIONS,
    scope="sessions:write",
    answer=SessionOut,
    refuses=WRITES,
)
def cancel_session(request: ApiRequest, ref: SessionRef, body: Why | None = None) -> SessionOut:
    """End a session: one's own, or with the right to direct sessions any."""
    session = services.get_session(ref)
    if session.started_user != request.auth.user_id and not request.auth.has(Right.DIRECT_SESSIONS):
        raise NotYourSession(ref=session.ref)
    return _direct(services.cancel, request, ref, session, body)


@endpoint(
    router,
    "POST",
    "/sessions/{ref}/pause",
    right=Right.DIRECT_SESSIONS,
    scope="sessions:write",
    answer=SessionOut,
    refuses=WRITES,
)
def pause_session(request: ApiRequest, ref: SessionRef, body: Why | None = None) -> SessionOut:
    """Let a session rest until it is resumed."""
    return _direct(services.pause, request, ref, services.get_session(ref), body)


@endpoint(
    router,
    "POST",
    "/sessions/{ref}/resume",
    right=Right.DIRECT_SESSIONS,
    scope="sessions:write",
    answer=SessionOut,
    refuses=WRITES,
)
def resume_session(request: ApiRequest, ref: SessionRef, body: Why | None = None) -> SessionOut:
    """Let a paused session go on."""
    return _direct(services.resume, request, ref, services.get_session(ref), body)


@endpoint(
    router, "POST", "/sessions/{ref}/refusals/lift", right=Right.LIFT_REFUSALS, scope="sessions:write", answer=SessionOut,
    refuses=WRITES,
)  # fmt: skip
def lift_refusals(request: ApiRequest, ref: SessionRef, body: Lift) -> SessionOut:
    """Let the agent ask again for what people refused; not for who started the session or wrote in it."""
    session, caller = services.get_session(ref), request.auth
    services.lift_refusals(session=session.id, call=body.call, actor=caller.actor(), user_id=caller.user_id)
    return _changed(request, ref)


@endpoint(
    router, "POST", "/sessions/{ref}/results/release", right=Right.RELEASE_RESULTS, scope="sessions:write", answer=SessionOut,
    refuses=WRITES,
)  # fmt: skip
def release_result(request: ApiRequest, ref: SessionRef, body: Release) -> SessionOut:
    """Give the agent the result of a call that was kept from it for looking like orders; it stays untrusted.

    For those who may read the session's texts.
    """
    session, caller = services.get_session(ref), request.auth
    check_reads(caller, session)
    services.release_result(session=session.id, call=body.call, actor=caller.actor())
    return _changed(request, ref)


@endpoint(
    router, "POST", "/sessions/{ref}/prompt", right=Right.DECIDE, scope=DECIDE_SCOPE, answer=SessionOut, refuses=DECIDES,
)  # fmt: skip
def change_prompt(request: ApiRequest, ref: SessionRef, body: OtherPrompt) -> SessionOut:
    """Answer the request of a session that makes no progress: it goes on with another version of its prompt."""
    other_prompt.go_on(
        session=services.get_session(ref).id, version=body.version, digest=body.digest, person=request.auth.person(),
        actor=request.auth.actor(), instruction=body.instruction,
    )  # fmt: skip
    return _changed(request, ref)


def _start(caller: Caller, body: NewSession) -> Session:
    other = other_person(caller, body.on_behalf_of)
    return services.start_session(
        actor=caller.actor(),
        person_id=caller.user_id,
        agent=body.agent,
        goal=body.goal,
        task_type=body.task_type,
        on_behalf_of=other,
        tenant=body.tenant,
        feature=body.feature,
        dry_run=body.dry_run,
        webhook_url=body.webhook_url,
        priority=priority_of(caller, body.priority),
    )


def _direct(act: Callable[..., object], request: ApiRequest, ref: str, session: Session, body: Why | None) -> SessionOut:
    act(session=session.id, actor=request.auth.actor(), reason=body.reason if body else "")
    return _changed(request, ref)


def _changed(request: ApiRequest, ref: str) -> SessionOut:
    return shape(request.auth, services.get_session(ref))
