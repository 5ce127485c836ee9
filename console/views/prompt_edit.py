"""The next version of a prompt: its text, variables and parameters, checked while it is written, saved as a draft."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents.errors import BadPromptVersion, PromptVersionExists
from agents.llm.tokens import estimate
from agents.models import Prompt, PromptVersion
from agents.prompts.releases import routed
from agents.prompts.variables import names
from agents.prompts.versions import Draft, add_version, drafted, version_named
from console.api.errors import status_of
from console.auth import caller_of
from console.fragments import page
from console.rights import Right
from console.views import prompt_variables
from console.views.guard import guard
from console.views.prompt_preview import previewed
from console.views.prompt_variables import Row

TEMPLATE = "prompts/edit.html"
FIELDS = ("text", "temperature", "max_output_tokens", "note", "version", "session")
Errors = dict[str, list[str]]


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.EDIT_PROMPTS)
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Write a version from another one; a part of the page says what it would be, while it is written."""
    parent = _parent(request, slug)
    sent = request.method == "POST"
    typed = _typed(request) if sent else _of(parent)
    rows = prompt_variables.sent(request.POST) if sent else prompt_variables.stored(parent.variables)
    given, wrong = _given(typed, rows)
    draft = drafted(parent.prompt, parent, text=typed["text"], **given)
    if "preview" in request.POST and not request.GET.get("fragment"):
        return page(request, TEMPLATE, lambda: _previewing(request, parent, typed, rows, draft, wrong))
    if not sent or "check" in request.POST or request.GET.get("fragment"):
        errors = _by_field(draft.errors, wrong) if sent else {}
        return page(request, TEMPLATE, lambda: _context(parent, typed, rows, draft, errors))
    if wrong:
        return page(request, TEMPLATE, lambda: _context(parent, typed, rows, draft, _by_field(draft.errors, wrong)), status=422)
    try:
        row = _saved(request, parent, typed, given)
    except (BadPromptVersion, PromptVersionExists) as error:
        said = _by_field(getattr(error, "errors", None) or [{"loc": "version", "msg": error.detail}], {})
        return page(request, TEMPLATE, lambda: _context(parent, typed, rows, draft, said), status=status_of(error))
    messages.success(request, f"{row.version} is saved as a draft. It has no traffic before it is released.")
    return redirect("prompt-version", slug, row.version)


def _saved(request: HttpRequest, parent: PromptVersion, typed: dict[str, str], given: dict[str, Any]) -> PromptVersion:
    caller = caller_of(request)
    return add_version(
        slug=parent.prompt.slug, text=typed["text"], actor=caller.actor(), user_id=caller.user_id, note=typed["note"],
        version=typed["version"].strip(), parent=parent.version, **given,
    )  # fmt: skip


def _previewing(
    request: HttpRequest, parent: PromptVersion, typed: dict[str, str], rows: list[Row], draft: Draft, wrong: Errors
) -> dict[str, Any]:
    """Return the page with what the draft would give the model in a session that was."""
    errors = _by_field(draft.errors, wrong)
    found, why = (None, "") if errors else previewed(caller_of(request), parent.prompt, draft, typed["session"])
    if why:
        errors["session"] = [why]
    context = _context(parent, typed, rows, draft, errors)
    return {**context, "preview": found, "reads": (*context["reads"], *(found["reads"] if found else ()))}


def _parent(request: HttpRequest, slug: str) -> PromptVersion:
    """Return the version to start from: the one that is named, else the live one."""
    named = (request.POST.get("parent") or request.GET.get("from", ""))[:80]
    if not named:
        now = routed(slug)
        named = now.base.version.version if now.base else _first(now.prompt)
    return version_named(slug, named)


def _first(prompt: Prompt) -> str:
    return (
        PromptVersion.objects.filter(prompt=prompt).order_by("-created_at", "-id").values_list("version", flat=True).first()
        or ""
    )


def _typed(request: HttpRequest) -> dict[str, str]:
    """Return what was sent. Browsers send lines with a carriage return, which no prompt means."""
    return {name: request.POST.get(name, "").replace("\r\n", "\n") for name in FIELDS}


def _of(row: PromptVersion) -> dict[str, str]:
    shown = {name: str(row.parameters.get(name, "")) for name in ("temperature", "max_output_tokens")}
    return {"text": row.text, **shown, "note": "", "version": "", "session": ""}


def _given(typed: dict[str, str], rows: list[Row]) -> tuple[dict[str, Any], Errors]:
    """Return variables and parameters as values, and what cannot be read as one."""
    errors: Errors = {}
    parameters: dict[str, Any] = {}
    for name, kind in (("temperature", float), ("max_output_tokens", int)):
        try:
            if typed[name].strip():
                parameters[name] = kind(typed[name])
        except ValueError:
            errors[name] = ["It needs to be a number."]
    variables, between = prompt_variables.declared(rows, typed["text"])
    if between:
        errors["variables"] = between
    return {"variables": variables, "parameters": parameters}, errors


def _by_field(errors: list[dict[str, str]], wrong: Errors) -> Errors:
    """Return messages by the input that shows them; those of a variable stand in its row."""
    found: Errors = {name: list(said) for name, said in wrong.items()}
    for one in errors:
        head, _, rest = one["loc"].partition(".")
        field = rest if head == "parameters" and rest in FIELDS else head
        if head == "variables" and rest:
            found.setdefault(f"variables.{rest.partition('.')[0]}", []).append(one["msg"])
        elif field not in wrong:
            inner = f"{rest}: " if rest and field == head else ""
            found.setdefault(field if field in (*FIELDS, "variables") else "text", []).append(f"{inner}{one['msg']}")
    return found


def _context(parent: PromptVersion, typed: dict[str, str], rows: list[Row], draft: Draft, errors: Errors) -> dict[str, Any]:
    slug = parent.prompt.slug
    return {
        "nav": "prompts",
        "prompt": {"slug": slug, "url": reverse("prompt", args=[slug])},
        "parent": parent.version,
        "typed": typed,
        "rows": prompt_variables.shown(rows, typed["text"], errors),
        "errors": errors,
        "wrong": sum(len(said) for said in errors.values()),
        "draft": draft,
        "tokens": estimate(typed["text"]),
        "tokens_before": estimate(parent.text),
        "used": [{"name": name, "declared": name in draft.variables} for name in names(typed["text"])[:50]],
        "reads": (f"prompt {slug} {parent.version}",),
    }
