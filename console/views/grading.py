"""Grading: what waits, one item beside its form, and what people said of it. How much is graded: `console.views.grading_rules`."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.grading import items, rules
from agents.grading.errors import BadGrade, NothingToGrade, UnknownItem
from agents.grading.rubrics import document_of
from agents.models import Grade, GradingItem
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import Caller, caller_of
from console.fragments import page
from console.grading import ItemStory, item_story, read_of
from console.revealing import grader_of, reads_item
from console.rights import Right
from console.views.filters import choice, numbered
from console.views.form_only import form_only
from console.views.grading_rules import rule_lines
from console.views.guard import guard
from console.views.session_replay import LONGEST, ROLES
from console.whole import whole

SHOWN = 50
STATES = {"waiting": "Waiting", "graded": "Graded", "skipped": "Skipped"}
MOST_RULES = 50
OVERALL = "In all"


@require_safe
@guard(Right.SEE)
def grading(request: HttpRequest) -> HttpResponse:
    """Show what waits to be graded, and how much of what is."""
    return page(request, "grading/list.html", lambda: _list(request))


@require_safe
@guard(Right.SEE)
def item(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one item: what was said and done beside the form, or the grades once one has given one's own."""
    return page(request, "grading/item.html", lambda: _one(request, ref, None))


@form_only
@guard(Right.GRADE)
def following(request: HttpRequest) -> HttpResponse:
    """Take the next item in hand and go to it."""
    try:
        found = items.next_item(grader=grader_of(caller_of(request)), agent=request.POST.get("agent", "")[:63])
    except NothingToGrade:
        messages.info(request, "Nothing waits to be graded by you.")
        return redirect("grading")
    return redirect("grading-item", found.ref)


@form_only
@guard(Right.GRADE)
def act(request: HttpRequest, ref: str, act: str) -> HttpResponse:
    """Take an item, give it back, skip it, or grade it."""
    grader = grader_of(caller_of(request))
    if act == "grade":
        return _graded(request, ref)
    if act == "claim":
        items.claim(ref=ref, grader=grader)
    elif act == "release":
        items.release(ref=ref, grader=grader)
        messages.success(request, f"{ref} waits for somebody else.")
        return redirect("grading")
    elif act == "skip":
        try:
            items.skip(ref=ref, reason=request.POST.get("reason", "")[:600], grader=grader)
        except CountersignError as error:
            wrong = {"reason": [error.detail]}
            return page(request, "grading/item.html", lambda: _one(request, ref, wrong), status=status_of(error))
        messages.success(request, f"{ref} is skipped.")
    else:
        raise Http404
    return redirect("grading-item", ref)


def _graded(request: HttpRequest, ref: str) -> HttpResponse:
    found = _found(ref)
    criteria = document_of(found.rubric).criteria
    given = {one.name: request.POST.get(f"score-{one.name}", "") for one in criteria}
    scores = {name: score for name, text in given.items() if (score := whole(text, digits=2)) is not None}
    notes = {one.name: request.POST.get(f"note-{one.name}", "")[:2_000].replace("\r\n", "\n") for one in criteria}
    try:
        items.give(ref=ref, scores=scores, notes=notes, grader=grader_of(caller_of(request)))
    except BadGrade as error:
        wrong: dict[str, list[str]] = {}
        for one in error.errors:
            wrong.setdefault(one["loc"].partition(".")[2], []).append(_said(one["loc"], one["msg"]))
        return page(request, "grading/item.html", lambda: _one(request, ref, wrong), status=status_of(error))
    messages.success(request, f"{ref} is graded.")
    return redirect("grading-item", ref)


def _said(loc: str, msg: str) -> str:
    return "Choose a step." if loc.startswith("scores.") else f"The note {msg}."


def _found(ref: str) -> GradingItem:
    try:
        return items.item_named(ref)
    except UnknownItem:
        raise Http404 from None


def _list(request: HttpRequest) -> dict[str, Any]:
    caller = caller_of(request)
    status, wrong = choice(request.GET, "status", list(STATES), "waiting")
    number = numbered(request.GET, "after") or 0
    rows = items.waiting(SHOWN + 1, grader=None, after=number, status=status)
    found = rules.listed(MOST_RULES)
    return {
        "nav": "evals",
        "status": status,
        "left_out": wrong,
        "states": [{"name": name, "title": title} for name, title in STATES.items()],
        "items": [line(caller, row) for row in rows[:SHOWN]],
        "older": f"?status={status}&after={rows[SHOWN - 1].number}" if len(rows) > SHOWN else "",
        "newer": f"?status={status}" if number else "",
        "may_grade": caller.has(Right.GRADE) and caller.kind == "user",
        "may_set": caller.has(Right.SET_GRADING),
        "rules": rule_lines(found),
    }


def line(caller: Caller, row: GradingItem) -> dict[str, Any]:
    """Return an item as a line of a list."""
    held = row.claimed_name if row.claimed_by and row.claimed_by != caller.user_id else ""
    return {
        "ref": row.ref, "url": reverse("grading-item", args=[row.ref]), "subject": row.subject, "agent": row.rule.agent.slug,
        "rubric": row.rubric.document["title"], "status": row.status, "grades": row.grades, "at": row.created_at, "held": held,
        "mine": row.claimed_by == caller.user_id, "readable": reads_item(caller, row), "why": row.skipped_reason,
        "subject_url": _of(row),
    }  # fmt: skip


def _of(row: GradingItem) -> str:
    if row.session is not None:
        return reverse("session", args=[row.session.ref])
    return reverse("eval-run", args=[row.subject.partition(" ")[0]])


def _one(request: HttpRequest, ref: str, wrong: dict[str, list[str]] | None) -> dict[str, Any]:
    caller, found = caller_of(request), _found(ref)
    story = item_story(caller, found)
    may = caller.has(Right.GRADE) and story.revealed and found.status != "skipped"
    again = "again" in request.GET
    return {
        "nav": "evals",
        "item": line(caller, found),
        "revision": found.rubric.revision,
        "rubric_url": reverse("grading-rubric", args=[found.rubric.slug]),
        "hidden": not story.revealed,
        "messages_shown": [_message(message, place) for place, message in enumerate(story.messages, 1)],
        "criteria": [_criterion(story, one, request, wrong or {}) for one in found.rubric.document["criteria"]],
        "asks": may and (story.own is None or again or bool(wrong)),
        "again": story.own is not None,
        "may_again": may and story.own is not None,
        "may_skip": may and found.status == "waiting",
        "may_release": may and found.claimed_by == caller.user_id,
        "others": story.others,
        "given": [_given(one) for one in story.grades],
        "may_grade": caller.has(Right.GRADE) and caller.kind == "user",
        "reason": request.POST.get("reason", "")[:600] if wrong else "",
        "reason_errors": (wrong or {}).get("reason", []),
        "reads": read_of(caller, found) if story.revealed else (),
    }


def _message(message: Any, place: int) -> dict[str, Any]:
    return {
        "place": place, "role": message.role, "who": ROLES.get(message.role, message.role), "text": message.text[:LONGEST],
        "cut": max(0, len(message.text) - LONGEST), "answers": message.answers,
        "calls": [{**call, "arguments": call["arguments"][:LONGEST]} for call in message.calls],
    }  # fmt: skip


def _criterion(story: ItemStory, one: dict[str, Any], request: HttpRequest, wrong: dict[str, list[str]]) -> dict[str, Any]:
    """Return a criterion as the form asks for it, and what each grader gave once that may be shown."""
    name = one["name"]
    sent = request.POST.get(f"score-{name}", "")
    chosen = sent if request.method == "POST" else str(story.own.scores.get(name, "")) if story.own else ""
    note = request.POST.get(f"note-{name}", "")[:2_000] if request.method == "POST" else ""
    return {
        **{part: one[part] for part in ("name", "title", "guide")},
        "steps": [{"value": place, "label": label, "chosen": chosen == str(place)} for place, label in enumerate(one["scale"], 1)],
        "most": len(one["scale"]),
        "note": note or (story.own.notes.get(name, "") if story.own and request.method != "POST" else ""),
        "errors": wrong.get(name, []),
        "given": [
            {"by": grade.name, "judge": grade.by_kind == "judge", "score": grade.scores.get(name, 0),
             "label": _label(one["scale"], grade.scores.get(name, 0)), "note": grade.notes.get(name, "")}
            for grade in story.grades
        ],
    }  # fmt: skip


def _label(scale: list[str], score: int) -> str:
    return scale[score - 1] if 0 < score <= len(scale) else ""


def _given(one: Grade) -> dict[str, Any]:
    return {"by": one.name, "judge": one.by_kind == "judge", "at": one.created_at, "reason": one.notes.get("", "")}
