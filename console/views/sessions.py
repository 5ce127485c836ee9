"""Sessions: the list with the form that starts one, one session from several sides, and what people do to it."""

import json
import uuid
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from agents import queries, services
from agents.guardrails.stops import Stops
from agents.lifecycle import SESSION
from agents.models import Session
from approvals.models import ApprovalRequest
from approvals.sensitive import Mask
from audit.errors import CountersignError
from console.api.errors import status_of
from console.api.idempotency import Once, answer_once
from console.auth import Caller, caller_of
from console.covering import masks_of
from console.errors import NotYourSession
from console.forms import NewMessage, StartSession
from console.fragments import is_part, page
from console.reach import webhooks
from console.revealing import check_reads, revealed_sessions, title_of
from console.rights import Right
from console.starting import other_person, priority_of
from console.views import dead_letters, session_stuck
from console.views.approval_item import url_of as request_url
from console.views.filters import in_words, left_out, numbered, unknown
from console.views.form_only import form_only
from console.views.guard import guard
from console.views.session_page import context
from console.views.session_reads import sessions_page
from console.views.session_waits import in_list

SHOWN = 50
MODES = frozenset({"full", "degraded", "minimal"})
PRIORITIES = ("low", "normal", "high")
WAITS = {"people": "A person", "money": "Money", "rate": "A place in a rate", "model": "A model", "tool": "A tool"}
"""What a session may wait for, in words."""


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def sessions(request: HttpRequest) -> HttpResponse:
    """List sessions, newest first, or start one."""
    if request.method != "POST":
        return page(request, "sessions/list.html", lambda: _list(request))
    caller_of(request).check(Right.RUN_SESSIONS)
    form = StartSession(request.POST)
    if not form.is_valid():
        errors = {name: [str(text) for text in texts] for name, texts in form.errors.items()}
        return page(request, "sessions/list.html", lambda: _list(request, errors), status=422)
    try:
        ref = start(caller_of(request), form.cleaned_data)
    except CountersignError as error:
        field = (
            "priority"
            if error.code == "forbidden" and form.cleaned_data["priority"] == "high"
            else FIELD_OF.get(error.code, "goal")
        )
        said = {field: [error.detail]}
        return page(request, "sessions/list.html", lambda: _list(request, said), status=status_of(error))
    return redirect("session", ref)


FIELD_OF = {"unknown_agent": "agent", "unknown_task_type": "agent", "invalid_agent": "agent", "forbidden": "on_behalf_of"}
"""Where an error of the start form is shown."""


@require_safe
@guard(Right.SEE)
def session(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one session: its messages, its waterfall or its events."""
    return page(request, "sessions/page.html", lambda: context(request, ref))


@form_only
@guard(Right.RUN_SESSIONS)
def act(request: HttpRequest, ref: str, act: str) -> HttpResponse:
    """Send a message, cancel, pause, resume, replay or close; then show the session as it stands."""
    ACTS[act](request, services.get_session(ref))
    if is_part(request):
        return page(request, "sessions/page.html", lambda: context(request, ref), part="session")
    return redirect("session", ref)


def start(caller: Caller, sent: Mapping[str, Any]) -> str:
    """Start a session once for the form's key, however often it is sent; return its short id. Raises CountersignError."""
    named = other_person(caller, sent["on_behalf_of"])
    priority = priority_of(caller, sent["priority"] or None)

    def work() -> str:
        begun = services.start_session(
            actor=caller.actor(), person_id=caller.user_id, agent=sent["agent"], goal=sent["goal"],
            task_type=sent["task_type"] or "default", on_behalf_of=named, dry_run=sent["dry_run"], priority=priority,
        )  # fmt: skip
        services.watch(session=begun.id)  # who starts it here is about to look at it: stream from the first answer on
        return json.dumps(begun.ref)

    key = sent["idempotency_key"] or uuid.uuid4().hex
    asked = json.dumps({**sent, "idempotency_key": ""}, sort_keys=True)
    once = Once(f"user:{caller.user_id}", key, sha256(key.encode()).hexdigest(), sha256(asked.encode()).hexdigest())
    ref: str = json.loads(answer_once(once, work, 201).content)
    return ref


def _say(request: HttpRequest, row: Session) -> None:
    form = NewMessage(request.POST)
    content = form.cleaned_data["content"] if form.is_valid() else ""
    caller = caller_of(request)
    services.add_message(session=row.id, actor=caller.actor(), user_id=caller.user_id, content=content)


def _cancel(request: HttpRequest, row: Session) -> None:
    caller = caller_of(request)
    if row.started_user != caller.user_id and not caller.has(Right.DIRECT_SESSIONS):
        raise NotYourSession(ref=row.ref)
    services.cancel(session=row.id, actor=caller.actor(), reason=request.POST.get("reason", "")[:200])


def _pause(request: HttpRequest, row: Session) -> None:
    caller_of(request).check(Right.DIRECT_SESSIONS)
    services.pause(session=row.id, actor=caller_of(request).actor())


def _resume(request: HttpRequest, row: Session) -> None:
    caller_of(request).check(Right.DIRECT_SESSIONS)
    services.resume(session=row.id, actor=caller_of(request).actor())


def _lift(request: HttpRequest, row: Session) -> None:
    caller = caller_of(request)
    caller.check(Right.LIFT_REFUSALS)
    call = request.POST.get("call", "")[:100]
    services.lift_refusals(session=row.id, call=call, actor=caller.actor(), user_id=caller.user_id)


def _release(request: HttpRequest, row: Session) -> None:
    caller = caller_of(request)
    caller.check(Right.RELEASE_RESULTS)
    check_reads(caller, row)
    services.release_result(session=row.id, call=request.POST.get("call", "")[:100], actor=caller.actor())


def _replay(request: HttpRequest, row: Session) -> None:
    caller = caller_of(request)
    caller.check(Right.RESTRAIN)
    dead_letters.replay(caller, row, request.POST)


def _close(request: HttpRequest, row: Session) -> None:
    caller = caller_of(request)
    caller.check(Right.RESTRAIN)
    dead_letters.close(caller, row, request.POST)


def _prompt(request: HttpRequest, row: Session) -> None:
    caller = caller_of(request)
    caller.check(Right.DECIDE)
    session_stuck.go_on(caller, row, request.POST)


def _webhook(request: HttpRequest, row: Session) -> None:
    caller = caller_of(request)
    caller.check(Right.RESTRAIN)
    try:
        key = uuid.UUID(request.POST.get("message", "")[:40])
    except ValueError:
        raise Http404 from None
    webhooks.send_again(key, session=row.ref, actor=caller.actor())


ACTS: Mapping[str, Callable[[HttpRequest, Session], None]] = {
    "message": _say,
    "cancel": _cancel,
    "pause": _pause,
    "resume": _resume,
    "lift": _lift,
    "release": _release,
    "replay": _replay,
    "close": _close,
    "prompt": _prompt,
    "webhook": _webhook,
}


def _list(request: HttpRequest, errors: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    caller, asked = caller_of(request), request.GET
    filters = {"status": asked.get("status", ""), "agent": asked.get("agent", "")[:63], "mode": asked.get("mode", ""),
               "waits": asked.get("waits", ""), "q": asked.get("q", "")[:200].strip()}  # fmt: skip
    wrong = unknown(filters, {"status": {*SESSION.states, "live"}, "mode": MODES, "waits": WAITS})
    filters |= dict.fromkeys(wrong, "")
    before = numbered(asked, "before")
    found = sessions_page(**filters, titles=caller.has(Right.REVEAL), before=before, limit=SHOWN)
    standing = queries.active_stops()
    readable = revealed_sessions(caller, {row.pk: row.started_user for row in found.items})
    masks = masks_of(readable)
    foreign = [row for row in found.items if row.pk in readable and row.started_user != caller.user_id]
    return {
        "nav": "sessions",
        **(_start_form(request, caller) if request.GET.get("fragment") != "list" else {"agents": []}),
        "errors": errors or {},
        "filters": filters,
        "filtered": in_words("session", filters),
        "left_out": left_out(asked, wrong),
        "statuses": sorted(SESSION.states),
        "waits": WAITS,
        "items": [
            {
                **line(row, found.pending.get(row.pk, []), row.pk in readable, standing, masks.get(row.pk)),
                "waits": in_list(found.waits.get(row.pk)),
            }
            for row in found.items
        ],
        "reads_list": ("sessions",) if foreign else (),
        "newer": _address(request, None) if before else "",
        "older": _address(request, found.items[-1].number) if found.more else "",
    }


def _start_form(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    agents = [
        {"slug": row.agent.slug, "environment": row.document["environment"], "task_types": sorted(row.document["task_types"])}
        for row in queries.agents()
    ]
    sent = request.POST
    may = caller.has(Right.RUN_SESSIONS)
    return {
        "may_start": may,
        "start_refusal": ""
        if may
        else "Your role looks at sessions; reviewers, prompt managers, operators and admins start them.",
        "may_act_for": caller.has(Right.DIRECT_SESSIONS),
        "priorities": [one for one in PRIORITIES if one != "high" or caller.has(Right.DIRECT_SESSIONS)],
        "agents": agents,
        "task_types": _task_types(agents),
        "start": {
            "agent": sent.get("agent") or request.GET.get("agent") or "research-assistant",
            "goal": sent.get("goal", ""),
            "task_type": sent.get("task_type") or "default",
            "on_behalf_of": sent.get("on_behalf_of", ""),
            "dry_run": bool(sent.get("dry_run")),
            "priority": sent.get("priority", ""),
        },
        "key": sent.get("idempotency_key", "")[:64] or uuid.uuid4().hex,
    }


def _task_types(agents: list[dict[str, Any]]) -> list[str]:
    """Return the task types that any agent has, the usual one first; none to choose from is no choice."""
    names = {name for agent in agents for name in agent["task_types"]} - {"default"}
    return ["default", *sorted(names)] if names else []


def _address(request: HttpRequest, before: int | None) -> str:
    asked = request.GET.copy()
    for name in ("fragment", "before"):
        asked.pop(name, None)
    if before is not None:
        asked["before"] = str(before)
    return f"{reverse('sessions')}?{asked.urlencode()}"


def line(
    row: Session, pending: list[ApprovalRequest], revealed: bool, standing: Stops, mask: Mask | None = None
) -> dict[str, Any]:
    """Return one session as a line of the list, its title only where it is revealed, and without what `mask` covers."""
    title = title_of(row, revealed=revealed)
    copied = (
        "ref", "status", "mode", "started_name", "on_behalf_of", "created_at", "updated_at", "cost_microusd", "turns", "dry_run",
    )  # fmt: skip
    return {
        **{name: getattr(row, name) for name in copied},
        "title": mask.text(title) if mask else title,
        "url": reverse("session", args=[row.ref]),
        "agent": row.agent.slug,
        "tainted": bool(row.taint),
        "stopped": queries.stop_of(row, standing),
        "pending": [{"ref": request.ref, "url": request_url(request.ref)} for request in pending],
    }
