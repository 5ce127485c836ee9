"""Editing the policy: a form or its JSON text, then what would change, then saving. Nothing is saved unseen.

What was typed is never lost: an error, another mode or somebody else's newer revision bring it back.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from approvals import policies
from approvals.document import Policy
from approvals.errors import InvalidPolicy, StalePolicy
from approvals.loosening import loosened
from approvals.models import PolicyRevision
from approvals.policies import Current, checked
from audit.actors import Actor
from audit.errors import InvalidJson
from console.api.reading import clean
from console.auth import caller_of
from console.diff import line_diff
from console.forms import json_object
from console.fragments import page
from console.policy_form import SPARE, document_of, faithful, located, said, sent_of
from console.policy_words import lines
from console.rights import Right
from console.views import policy_fields
from console.views.form_only import form_only
from console.views.guard import guard
from console.whole import whole

EDIT, REVIEW = "policies/edit.html", "policies/review.html"
LONGEST_NOTE = 200
LARGEST = 400_000
MOST_SPARE = 10


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed: the inputs of the form, or the JSON text; why; and the revision that was read."""

    mode: str
    sent: Mapping[str, str]
    text: str
    note: str
    base: int
    spare: int = SPARE

    @classmethod
    def of(cls, request: HttpRequest) -> "Typed":
        """Read a form that was sent."""
        post = request.POST
        sent = {name: value.replace("\r\n", "\n") for name, value in post.items() if isinstance(value, str)}
        base, spare = sent.get("base", ""), sent.get("spare", "")
        return cls(
            mode="json" if "document" in post else "form",
            sent=sent,
            text=sent.get("document", "")[:LARGEST],
            note=" ".join(sent.get("note", "").split())[: 2 * LONGEST_NOTE],
            base=whole(base, digits=9) or 0,
            spare=SPARE if whole(spare, digits=3) is None else min(int(spare), MOST_SPARE),
        )

    @classmethod
    def stored(cls, document: Mapping[str, Any], *, note: str, base: int, mode: str = "form") -> "Typed":
        """Return what the form holds for a document that is already there."""
        policy = checked(document)
        json_only = mode == "json" or not faithful(policy)
        return cls("json" if json_only else "form", sent_of(policy), _text(document), note, base)

    def document(self) -> dict[str, Any]:
        """Return the document that was typed, right or wrong; raises InvalidJson."""
        document = json_object(self.text) if self.mode == "json" else document_of(self.sent)
        if not clean(json.dumps(document, ensure_ascii=False)) or "\\u0000" in json.dumps(document):
            raise InvalidJson(reason="it holds a NUL or half a character")
        return document


@require_http_methods(["GET", "POST"])
@guard(Right.ADMINISTER)
def edit(request: HttpRequest) -> HttpResponse:
    """Show the policy as a form; take what was typed and show what it would change, or what is wrong with it."""
    now = policies.current(fresh=True)
    if request.method != "POST":
        mode = "json" if request.GET.get("mode") == "json" else "form"
        return _form(request, Typed.stored(now.policy.model_dump(mode="json"), note="", base=now.number, mode=mode))
    typed = Typed.of(request)
    try:
        if "more" in request.POST:
            return _form(request, Typed(typed.mode, typed.sent, typed.text, typed.note, typed.base, typed.spare + SPARE))
        document = typed.document()
        if "switch" in request.POST or "back" in request.POST:
            mode = "json" if typed.mode == "form" else "form"
            return _form(request, Typed.stored(document, note=typed.note, base=typed.base, mode=mode))
        return _review(request, now, checked(document), typed)
    except (InvalidPolicy, InvalidJson, StalePolicy) as error:
        return _again(request, typed, error)


@form_only
@guard(Right.ADMINISTER)
def restore(request: HttpRequest, number: int) -> HttpResponse:
    """Show what saving an earlier revision anew would change."""
    now, row = policies.current(fresh=True), policies.revision(number)
    note = f"Restores revision {number}."
    try:
        return _review(request, now, checked(row.document), Typed("json", {}, "", note, now.number))
    except InvalidPolicy as error:
        typed = Typed("json", {}, _text(row.document), note, now.number)
        return _again(request, typed, error)


@form_only
@guard(Right.ADMINISTER)
def save(request: HttpRequest) -> HttpResponse:
    """Save what was reviewed; somebody else's newer revision brings the form back with everything in it."""
    typed = Typed.of(request)
    try:
        policy = checked(typed.document())
        now = policies.current(fresh=True)
        problems = _problems(typed, loosened(now.policy, policy), accepted=request.POST.get("loosen") == "true")
        if problems and now.number == typed.base:
            return _review(request, now, policy, typed, problems)
        row = _save(policy, typed, caller_of(request).actor())
    except (InvalidPolicy, InvalidJson, StalePolicy) as error:
        return _again(request, typed, error)
    messages.success(request, f"Revision {row.number} of the policy judges from now on.")
    return redirect("policies")


def _save(policy: Policy, typed: Typed, actor: Actor) -> PolicyRevision:
    """Save what was reviewed; a button that was pressed twice finds its own revision, which is no conflict."""
    document = policy.model_dump(mode="json")
    try:
        return policies.save(document, note=typed.note, actor=actor, base=typed.base)
    except StalePolicy as error:
        row = policies.revision(error.number)
        if (row.number, row.created_by, row.note, row.document) != (typed.base + 1, actor.name, typed.note, document):
            raise
        return row


def _problems(typed: Typed, loosens: tuple[str, ...], *, accepted: bool) -> list[str]:
    found = [] if 3 <= len(typed.note) <= LONGEST_NOTE else [f"Say why, in 3 to {LONGEST_NOTE} characters."]
    if loosens and not accepted:
        found.append("Tick that you mean to loosen the policy.")
    return found


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _form(
    request: HttpRequest, typed: Typed, errors: Mapping[str, list[str]] | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    found = dict(errors or {})

    def read() -> dict[str, Any]:
        sections = [] if typed.mode == "json" else _sections(typed, found)
        shown = {field.name for section in sections for group in section["groups"] for field in group.fields}
        loose = [f"{name}: {text}" if name else text
                 for name, texts in found.items() if name not in {"note", *shown} for text in texts]  # fmt: skip
        return {
            "nav": "policies",
            "mode": typed.mode,
            "sections": sections,
            "json": typed.text if typed.mode == "json" else "",
            "note": typed.note,
            "note_errors": found.get("note", []),
            "base": typed.base,
            "spare": typed.spare,
            "errors": loose,
            "wrong": sum(len(texts) for texts in found.values()),
            "conflict": None,
            **more,
        }

    return page(request, EDIT, read, status=status)


def _sections(typed: Typed, errors: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    return [
        {"id": "tiers", "title": "Tiers", "groups": policy_fields.tiers(typed.sent, errors),
         "note": "What a call of each tier does, and who has to agree where people are asked."},
        {"id": "rules", "title": "Rules", "groups": policy_fields.rules(typed.sent, errors, typed.spare),
         "note": "A rule can only tighten: where everything in it fits, the call is asked about or refused."},
        {"id": "limits", "title": "Limits and lists", "groups": policy_fields.limits(typed.sent, errors), "note": ""},
    ]  # fmt: skip


def _review(
    request: HttpRequest, now: Current, policy: Policy, typed: Typed, problems: list[str] | None = None
) -> HttpResponse:
    """Show what `policy` would change of the one that judges now; raises StalePolicy where another one was read."""
    if typed.base != now.number:
        row = policies.revision(now.number)
        raise StalePolicy(number=row.number, by=row.created_by, note=row.note)
    diff = line_diff(lines(now.policy), lines(policy))
    if not diff.rows and not diff.too_big:
        raise InvalidPolicy(errors=[{"loc": [], "msg": "Nothing was changed"}])
    if problems is None and typed.sent and not 3 <= len(typed.note) <= LONGEST_NOTE:
        raise InvalidPolicy(errors=[{"loc": ["note"], "msg": f"Say why, in 3 to {LONGEST_NOTE} characters"}])
    context = {
        "nav": "policies",
        "base": now.number,
        "next": now.number + 1,
        "note": typed.note,
        "document": json.dumps(policy.model_dump(mode="json"), ensure_ascii=False),
        "diff": diff,
        "loosens": loosened(now.policy, policy),
        "errors": problems or [],
    }
    return page(request, REVIEW, lambda: context, status=422 if problems else 200)


def _again(request: HttpRequest, typed: Typed, error: InvalidPolicy | InvalidJson | StalePolicy) -> HttpResponse:
    """Show the form again with everything that was typed, and what is wrong beside its input."""
    if isinstance(error, StalePolicy):
        return _conflict(request, typed, error)
    if isinstance(error, InvalidJson):
        return _form(request, typed, {"": [error.detail]}, status=422)
    found = located(error.errors, typed.sent) if typed.mode == "form" else _by_place(error)
    return _form(request, typed, found, status=422)


def _by_place(error: InvalidPolicy) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in error.errors:
        found.setdefault(".".join(map(str, one["loc"])), []).append(said(str(one["msg"])))
    return found


def _conflict(request: HttpRequest, typed: Typed, error: StalePolicy) -> HttpResponse:
    """Tell who saved what meanwhile; going on from here means: over that revision, and the next page shows what changes."""
    conflict = {
        "title": f"{error.by or 'Somebody'} saved revision {error.number} while you wrote",
        "text": f"“{error.note}”. Nothing of yours was saved, and nothing was lost: it stands below. The next page"
        f" compares it with revision {error.number}.",
        "number": error.number,
        "was": typed.base,
    }
    kept = Typed(typed.mode, typed.sent, typed.text, typed.note, error.number, typed.spare)
    if typed.mode == "json":
        try:
            kept = Typed.stored(typed.document(), note=typed.note, base=error.number)
        except (InvalidPolicy, InvalidJson):
            return _form(request, kept, status=409, conflict=conflict)
    return _form(request, kept, status=409, conflict=conflict)
