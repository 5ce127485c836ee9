"""From life to test: one click makes a case of a session or a request, and a page says what has none."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents import services
from agents.evals import life
from agents.models import Case, Session
from approvals import queries
from approvals.models import ApprovalRequest
from console.auth import Caller, caller_of
from console.fragments import page
from console.revealing import check_reads, reveals_session
from console.rights import Right
from console.views.form_only import form_only
from console.views.guard import guard

AS_IT_WENT = "As it went: the calls with effects that it made, and none that people rejected."
NOT_CALLED = "In this state the agent does not make the call."
AS_CHANGED = "In this state the agent makes the call as it was changed."
MADE = "{ref} is a case now: {name} in the suite {suite}. It keeps what the tools answered."


@require_safe
@guard(Right.SEE)
def covered(request: HttpRequest, slug: str) -> HttpResponse:
    """Show which of an agent's tools, and of what people rejected or changed, have a case."""
    return page(request, "evals/coverage.html", lambda: _coverage(caller_of(request), slug, request.GET.get("suite", "")))


@form_only
@guard(Right.EDIT_PROMPTS)
def of_session(request: HttpRequest, ref: str) -> HttpResponse:
    """Make a case of a session."""
    session, caller = services.get_session(ref), caller_of(request)
    check_reads(caller, session)
    return _made(
        request, session.agent.slug, life.case_of_session(session=session, actor=caller.actor(), suite=_named(request))
    )


@form_only
@guard(Right.EDIT_PROMPTS)
def of_request(request: HttpRequest, ref: str) -> HttpResponse:
    """Make a case of a request that people rejected or changed."""
    session, caller = services.get_session(queries.get(ref).session_ref), caller_of(request)
    check_reads(caller, session)
    agent = session.agent.slug
    return _made(request, agent, life.case_of_request(request=ref, agent=agent, actor=caller.actor(), suite=_named(request)))


def _named(request: HttpRequest) -> str:
    return request.POST.get("suite", "")[:63]


def _made(request: HttpRequest, agent: str, row: Case) -> HttpResponse:
    messages.success(request, MADE.format(ref=row.origin_ref, name=row.name, suite=row.suite.slug))
    return redirect("coverage", agent)


def session_case(row: Session, caller: Caller) -> dict[str, Any] | None:
    """Return what a session's pages say of its case, for those who may make one."""
    if not caller.has(Right.EDIT_PROMPTS) or row.status in ("queued", "running"):
        return None
    return _offer(row, row.ref, reverse("session-case", args=[row.ref]), caller, AS_IT_WENT)


def case_offer(row: ApprovalRequest, caller: Caller) -> dict[str, Any] | None:
    """Return what a request's page says of its case, for those who may make one; None where nobody rejected or changed it."""
    rejected = row.status == "rejected"
    decided = rejected or any(said.verdict == "edit" for said in row.decisions.all())
    if not (decided and row.kind == "tool_call" and row.call_id and caller.has(Right.EDIT_PROMPTS)):
        return None
    url = reverse("approval-case", args=[row.ref])
    return _offer(services.get_session(row.session_ref), row.ref, url, caller, NOT_CALLED if rejected else AS_CHANGED)


def _offer(session: Session, ref: str, url: str, caller: Caller, expects: str) -> dict[str, Any]:
    made, agent = life.cases_of([ref]).get(ref, []), session.agent.slug
    suites = life.suites_of(agent)
    return {
        "url": url,
        "expects": expects,
        "made": [{"name": row.name, "suite": row.suite.slug, "revision": row.revision,
                  "url": reverse("eval-case", args=[row.suite.slug, row.name])} for row in made],
        "may": reveals_session(caller, session_id=session.pk, started_user=session.started_user),
        "suites": suites,
        "into": made[-1].suite.slug if made else next(iter(suites), ""),
        "coverage": reverse("coverage", args=[agent]),
    }  # fmt: skip


def _coverage(caller: Caller, slug: str, asked: str) -> dict[str, Any]:
    found, suites = life.coverage(slug), life.suites_of(slug)
    without = [one for one in found.decided if one.name is None]
    return {
        "nav": "agents",
        "agent": {"slug": slug, "url": reverse("agent", args=[slug])},
        "days": life.DAYS,
        "tools": [{"name": one.name, "called": one.called, "not_called": one.not_called, "url": reverse("tool", args=[one.name])}
                  for one in found.tools],
        "bare": sum(not (one.called or one.not_called) for one in found.tools),
        "decided": [
            {"ref": one.ref, "url": reverse("approval", args=[one.ref]), "tool": one.tool, "rejected": one.rejected, "by": one.by,
             "at": one.at, "case": f"{one.suite}, {one.name}" if one.name else "", "make": reverse("approval-case", args=[one.ref])}
            for one in found.decided
        ],
        "without": len(without),
        "suites": suites,
        "into": asked if asked in suites else next(iter(suites), ""),
        "may_make": caller.has(Right.EDIT_PROMPTS),
    }  # fmt: skip
