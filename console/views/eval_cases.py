"""One case of a suite: a form with a row for each message, result and expectation, or its JSON; made, changed and taken out.

What was typed is never lost: an error, another row, the other view or somebody else's newer revision bring it back.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents.evals import suites
from agents.evals.errors import BadCase, CaseExists, StaleCase, UnknownCase, UnknownSuite
from agents.models import Case, Suite
from audit.errors import InvalidJson
from console import case_form
from console.api.reading import clean
from console.auth import caller_of
from console.forms import json_object
from console.fragments import page
from console.revealing import may_read_prompts
from console.rights import Right
from console.views import case_fields
from console.views.guard import guard
from console.whole import whole

TEMPLATE = "evals/case.html"
LARGEST = 1_200_000
FRESH = {"start.0.source": "user"}


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed: the inputs of the form, or the JSON text; and the revision that was read, 0 for a new case."""

    mode: str
    sent: Mapping[str, str]
    text: str
    shown: int

    @classmethod
    def of(cls, request: HttpRequest) -> "Typed":
        """Read a form that was sent."""
        sent = {name: value.replace("\r\n", "\n") for name, value in request.POST.items() if isinstance(value, str)}
        shown = sent.get("shown", "")
        number = whole(shown, digits=9) or 0
        return cls("json" if "document" in sent else "form", sent, sent.get("document", "")[:LARGEST], number)

    @classmethod
    def stored(cls, title: str, document: Mapping[str, Any], shown: int, *, name: str = "", mode: str = "form") -> "Typed":
        """Return what the form holds for a document; its text alone where the form would not show all of it."""
        sent = {**case_form.sent_of(document), "title": title, "name": name} if case_form.faithful(document) else {}
        known = sent or {"title": title, "name": name}
        text = json.dumps(document, ensure_ascii=False, indent=2)
        return cls(mode if sent else "json", known, text, shown)

    @property
    def title(self) -> str:
        """What the case shows."""
        return self.sent.get("title", "")

    @property
    def name(self) -> str:
        """The name of a new case."""
        return self.sent.get("name", "").strip()

    def document(self) -> dict[str, Any]:
        """Return the document that was typed, right or wrong; raises InvalidJson."""
        document = json_object(self.text) if self.mode == "json" else case_form.document_of(self.sent)
        if not clean(json.dumps(document, ensure_ascii=False)) or not clean(self.title):
            raise InvalidJson(reason="it holds a NUL or half a character")
        return document


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.EDIT_PROMPTS)
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a case by hand."""
    suite = _suite(slug)
    if request.method != "POST":
        return _form(request, suite, None, Typed(_mode(request), FRESH, json.dumps({"start": [], "expect": []}, indent=2), 0))
    return _taken(request, suite, None, Typed.of(request))


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def case(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Show a case as it is now; POST changes it or takes it out."""
    if request.method != "POST":
        row = _case(slug, name)
        return _form(request, row.suite, row, Typed.stored(row.title, row.document, row.revision, mode=_mode(request)))
    caller = caller_of(request)
    caller.check(Right.EDIT_PROMPTS)
    suite, typed = _suite(slug), Typed.of(request)
    if typed.shown and request.POST.get("act") != "remove" and _found(slug, name) is None:
        return _gone(request, suite, replace(typed, shown=0))
    if request.POST.get("act") == "remove":
        suites.remove_case(slug=slug, name=name, actor=caller.actor())
        messages.success(request, f"{name} is taken out. Its revisions and results stay.")
        return redirect("eval-suite", slug)
    return _taken(request, suite, _found(slug, name), typed)


def _gone(request: HttpRequest, suite: Suite, typed: Typed) -> HttpResponse:
    """Tell that the case was taken out meanwhile; saved again, it is one again."""
    text = "Nothing of yours was saved, and nothing was lost: it stands below. Save it again to put it back in."
    return _form(request, suite, None, typed, status=409, conflict={"title": "It was taken out while you wrote", "text": text})


def _taken(request: HttpRequest, suite: Suite, row: Case | None, typed: Typed) -> HttpResponse:
    """Take up a form: another row, the other view, or what is to be stored."""
    post = request.POST
    if "add" in post or "drop" in post:
        sent = case_form.added(typed.sent, post["add"]) if "add" in post else case_form.dropped(typed.sent, post["drop"])
        return _form(request, suite, row, replace(typed, sent=sent), fresh=_newest(typed.sent, sent))
    try:
        document = typed.document()
        if "switch" in post:
            other = _switched(typed, document)
            if other.mode == typed.mode:
                messages.info(request, "The form would not show all of it, so it stays JSON.")
            return _form(request, suite, row, other)
        return _stored(request, suite, row, typed, document)
    except (BadCase, InvalidJson, CaseExists) as error:
        return _form(request, suite, row, typed, _wrong(error, typed), status=409 if isinstance(error, CaseExists) else 422)
    except StaleCase as error:
        if not error.revision:
            return _gone(request, suite, replace(typed, shown=0))
        return _conflict(request, suite, row, typed, error)


def _stored(request: HttpRequest, suite: Suite, row: Case | None, typed: Typed, document: dict[str, Any]) -> HttpResponse:
    made = suites.put_case(
        slug=suite.slug, name=row.name if row else typed.name, title=typed.title, document=document,
        actor=caller_of(request).actor(), shown=typed.shown,
    )  # fmt: skip
    same = row is not None and made.revision == typed.shown
    said = "Nothing was changed." if same else f"{made.name} is revision {made.revision} now; the next run plays it."
    messages.success(request, said)
    return redirect("eval-suite", suite.slug)


def _switched(typed: Typed, document: dict[str, Any]) -> Typed:
    """Return the other view of what was typed; a form that could not show all of it stays JSON."""
    if typed.mode == "form":
        return replace(typed, mode="json", text=json.dumps(document, ensure_ascii=False, indent=2))
    _, errors = suites.checked_case(typed.name or "any", typed.title or "any", document)
    wrong = [one for one in errors if one["loc"] not in ("name", "title")]
    if wrong:
        raise suites.bad_case(wrong)
    return Typed.stored(typed.title, document, typed.shown, name=typed.name)


def _conflict(request: HttpRequest, suite: Suite, row: Case | None, typed: Typed, error: StaleCase) -> HttpResponse:
    """Tell that somebody was faster; going on from here means: over that revision."""
    told = f"Nothing of yours was saved, and nothing was lost: it stands below. Save it again to replace revision {error.revision}."
    by = row.author if row else "Somebody"
    conflict = {"title": f"{by} saved revision {error.revision} while you wrote", "text": told}
    return _form(request, suite, row, replace(typed, shown=error.revision), status=409, conflict=conflict)


def _wrong(error: BadCase | InvalidJson | CaseExists, typed: Typed) -> dict[str, list[str]]:
    if isinstance(error, InvalidJson):
        return {"document": [error.detail]}
    if isinstance(error, CaseExists):
        return {"name": [error.detail]}
    if typed.mode == "form":
        return case_form.located(error.errors, typed.sent)
    return {
        "document" if one["loc"].startswith("document") else one["loc"]: _at(error.errors, one["loc"]) for one in error.errors
    }


def _at(errors: list[dict[str, str]], loc: str) -> list[str]:
    """Return the messages of one input of the JSON view: those of the document say their place."""
    if not loc.startswith("document"):
        return [one["msg"] for one in errors if one["loc"] == loc]
    return [f"{one['loc'].removeprefix('document.')}: {one['msg']}" for one in errors if one["loc"].startswith("document")]


def _form(
    request: HttpRequest, suite: Suite, row: Case | None, typed: Typed, errors: Mapping[str, list[str]] | None = None,
    status: int = 200, *, fresh: str = "", conflict: dict[str, str] | None = None,
) -> HttpResponse:  # fmt: skip
    found = dict(errors or {})
    return page(request, TEMPLATE, lambda: _context(request, suite, row, typed, found, fresh, conflict), status=status)


def _context(
    request: HttpRequest, suite: Suite, row: Case | None, typed: Typed, errors: dict[str, list[str]], fresh: str,
    conflict: dict[str, str] | None,
) -> dict[str, Any]:  # fmt: skip
    caller = caller_of(request)
    reads, form = may_read_prompts(caller), typed.mode == "form"
    sections = case_fields.sections(typed.sent, errors, fresh) if form and reads else []
    rest = case_fields.rest(typed.sent, errors) if form and reads else []
    return {
        "nav": "evals",
        "suite": {"slug": suite.slug, "url": reverse("eval-suite", args=[suite.slug]), "title": suite.title},
        "case": {"name": row.name, "revision": row.revision, "author": row.author, "at": row.created_at, "origin": row.origin,
                 "ref": row.origin_ref} if row else None,
        "mode": typed.mode, "sections": sections, "rest": rest, "rest_open": any(one.value or one.errors for one in rest),
        "json": typed.text if reads else "",
        "title": typed.title if reads else "", "name": typed.name, "shown": typed.shown, "errors": errors,
        "loose": _loose(errors, sections, {field.name for field in rest}) if form else [],
        "wrong": sum(len(texts) for texts in errors.values()), "fresh": fresh, "conflict": conflict,
        "may": caller.has(Right.EDIT_PROMPTS), "hidden": not reads,
        "reads": (f"cases of {suite.slug}",) if reads and row else (),
    }  # fmt: skip


def _loose(errors: Mapping[str, list[str]], sections: list[case_fields.Section], known: set[str]) -> list[str]:
    """Return the messages that stand at no input."""
    shown = known | {"name", "title", "document"} | {section.id for section in sections}
    rows = tuple(f"{row.name}." for section in sections for row in section.rows)
    return [
        f"{name}: {text}" for name, texts in errors.items() if name not in shown and not name.startswith(rows) for text in texts
    ]


def _newest(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    return next((name.rpartition(".")[0] for name in after if name not in before), "")


def _mode(request: HttpRequest) -> str:
    return "json" if request.GET.get("mode") == "json" else "form"


def _suite(slug: str) -> Suite:
    try:
        return suites.suite_named(slug)
    except UnknownSuite:
        raise Http404 from None


def _found(slug: str, name: str) -> Case | None:
    try:
        return suites.case_named(slug, name)
    except UnknownCase:
        return None


def _case(slug: str, name: str) -> Case:
    row = _found(slug, name)
    if row is None:
        raise Http404
    return row
