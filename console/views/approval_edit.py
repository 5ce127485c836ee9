"""Editing what a call will be given, as a form from the tool's schema or as JSON. The tool's own model is the judge."""

import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from agents.errors import BadEdit
from agents.tools import registry
from approvals import queries
from approvals.errors import InvalidVerdict, NeedsReauthentication
from approvals.models import ApprovalRequest
from approvals.policy import may_decide
from approvals.reveals import unseen
from audit.errors import CountersignError, InvalidJson
from console import schema_form, signin
from console.api.errors import status_of
from console.auth import caller_of
from console.errors import Forbidden, SignInRefused
from console.forms import LONGEST, Said, json_object
from console.fragments import page
from console.revealing import reveals_request
from console.rights import Right
from console.standing import standing
from console.views.approval_conflict import said_back
from console.views.approval_item import url_of
from console.views.approval_raised import Raised, raised
from console.views.approvals import decide, stamp_of
from console.views.guard import guard

TEMPLATE = "approvals/edit.html"
WRONG = (BadEdit, InvalidJson, InvalidVerdict, NeedsReauthentication, SignInRefused)
"""Errors that the form itself shows; others are conflicts."""
MARKED = "What is wrong stands beside each field below."


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@guard(Right.DECIDE)
def edit(request: HttpRequest, ref: str) -> HttpResponse:
    """Show the arguments as a form, or take what a reviewer made of them; that counts as approval of the result."""
    row = queries.get(ref)
    if not reveals_request(caller_of(request)):
        raise Forbidden(needs="a role that reads what it decides: reviewer, operator or admin")
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _form(request, row, _mode(request), arguments_of(row)))
    mode = _mode(request)
    problems: dict[str, list[str]] = {}
    try:
        arguments, problems = _sent(request, row, mode)
        if problems:
            raise BadEdit(errors=[])
        said = Said.of(request.POST, "edit", arguments)
        if more := _asks_more(request, row, said, arguments):
            return page(request, TEMPLATE, lambda: {**_form(request, row, mode, arguments_of(row)), "raised": more})
        decide(request, row, said)
    except CountersignError as error:
        return _again(request, ref, mode, error, problems)
    return redirect("approval", row.ref)


def _asks_more(request: HttpRequest, row: ApprovalRequest, said: Said, arguments: dict[str, Any]) -> Raised | None:
    """Return what the edit asks more, where its editor has not been told; what the gate would refuse, it shall refuse."""
    if said.digest != row.digest or _refusal(request, row):
        return None
    more = raised(row, arguments)
    if more is None or request.POST.get("accepted") == more["digest"]:
        return None
    if said.password:
        signin.reauthenticate(request, said.password, said.digest)
    return more


def arguments_of(row: ApprovalRequest) -> dict[str, Any]:
    """Return the arguments inside the bytes that are asked about."""
    asked: dict[str, Any] = json.loads(bytes(row.body)).get("arguments") or {}
    return asked


def _mode(request: HttpRequest) -> str:
    return "json" if (request.POST.get("mode") or request.GET.get("mode")) == "json" else "form"


def _sent(request: HttpRequest, row: ApprovalRequest, mode: str) -> tuple[dict[str, Any], dict[str, list[str]]]:
    if mode == "json":
        return json_object(request.POST.get("arguments", "")), {}
    tool = registry.get(row.tool)
    if tool is None:
        raise BadEdit(errors=[])
    return schema_form.read(tool.schema, request.POST.dict())


def _again(
    request: HttpRequest, ref: str, mode: str, error: CountersignError, problems: Mapping[str, list[str]]
) -> HttpResponse:
    """Show the form again with what was typed, and what is wrong beside its field."""

    def read() -> dict[str, Any]:
        row = queries.get(ref)
        by_field: dict[str, list[str]] = {path: list(texts) for path, texts in problems.items()}
        known = {field.path for field in _form(request, row, mode, arguments_of(row))["fields"]}
        for wrong in error.facts.get("errors") or ():
            path, text = _place(str(wrong.get("loc", "")), known), str(wrong.get("msg", "")).removeprefix("Value error, ")
            by_field.setdefault(path, []).append(f"{text[:1].upper()}{text[1:]}")
        context = _form(request, row, mode, arguments_of(row), by_field)
        if not isinstance(error, WRONG):
            return {**context, "conflict": said_back(row, Said.of(request.POST, "edit"), error)["conflict"]}
        return {**context, "errors": _loose(by_field, context, mode) or [MARKED if by_field else error.detail]}

    return page(request, TEMPLATE, read, status=status_of(error))


def _place(location: str, known: Collection[str]) -> str:
    """Return the field that shows an error: the one it is about, or the list or group that holds it."""
    path = location.removeprefix("arguments").lstrip(".")
    parts = path.split(".")
    around = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((name for name in around if name in known), path)


def _loose(by_field: Mapping[str, list[str]], context: Mapping[str, Any], mode: str) -> list[str]:
    """Return the messages that no field of the form shows."""
    shown = set() if mode == "json" else {field.path for field in context["fields"]}
    return [f"{path}: {text}" if path else text for path, texts in by_field.items() if path not in shown for text in texts]


def _form(
    request: HttpRequest, row: ApprovalRequest, mode: str, arguments: dict[str, Any], errors: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    tool, refusal = registry.get(row.tool), _refusal(request, row)
    sent = request.method == "POST"
    shown = arguments
    if sent and mode == "form" and tool is not None:
        shown = {**arguments, **schema_form.read(tool.schema, request.POST.dict())[0]}
    text = json.dumps(arguments, indent=2, ensure_ascii=False)
    if sent and mode == "json":
        text = request.POST.get("arguments", "")[: 2 * LONGEST]
    return {
        "nav": "approvals",
        "item": {"ref": row.ref, "url": url_of(row.ref), "summary": row.summary, "tool": row.tool, "tier": row.tier,
                 "risk": row.risk, "revision": row.revision, "digest": row.digest},
        "bar": {"key": request.POST.get("idempotency_key", "").removesuffix("-edit")[:64] or uuid.uuid4().hex,
                "stamp": stamp_of(request, row.digest)},
        "mode": mode,
        "fields": schema_form.fields(tool.schema, shown, errors) if tool is not None and not refusal else [],
        "json": "" if refusal else text,
        "errors": [],
        "refusal": refusal,
        "reads": () if refusal else (row.ref,),
        "needs_password": row.reauthenticate and not signin.reauthenticated(request, row.digest),
    }  # fmt: skip


def _refusal(request: HttpRequest, row: ApprovalRequest) -> str:
    if row.kind != "tool_call" or row.status != "pending":
        return f"{row.ref} is {row.status}; there is nothing to edit."
    if unseen(row, caller_of(request).user_id):
        return f"{row.ref} has sensitive fields. Have them shown first, on its page; what you edit you have seen."
    refusal = may_decide(standing(request), row.rights, "edit")
    return refusal.text if refusal else ""
