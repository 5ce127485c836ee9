"""Access tokens: made here, shown once, revoked here."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from audit.errors import CountersignError
from console.auth import Caller, caller_of
from console.forms import NewToken
from console.fragments import page
from console.models import ApiToken
from console.rights import SCOPES, Right
from console.tokens import create_token, revoke_token, tokens_of
from console.views.form_only import form_only
from console.views.guard import guard

TEMPLATE = "tokens/list.html"
SHOWN = 200


@sensitive_variables("made", "secret")
@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.OWN_TOKENS)
def tokens(request: HttpRequest) -> HttpResponse:
    """List one's tokens (everybody's for admins), or make one; its secret is shown in this answer and never again."""
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _context(request))
    form = NewToken(request.POST)
    if not form.is_valid():
        return page(request, TEMPLATE, lambda: _context(request, errors=form.errors), status=422)
    sent, caller = form.cleaned_data, caller_of(request)
    try:
        made = create_token(
            user=User.objects.get(pk=caller.user_id), scopes=sent["scopes"], actor=caller.actor(),
            service=sent["service"], label=sent["name"], days=int(sent["days"]) if sent["days"] else None,
        )  # fmt: skip
    except CountersignError as error:
        detail = error.detail
        return page(request, TEMPLATE, lambda: _context(request, errors={"scopes": [detail]}), status=422)
    secret = {"secret": made.secret, "name": sent["name"]}
    return page(request, TEMPLATE, lambda: {**_context(request, typed=False), "made": secret})


@form_only
@guard(Right.OWN_TOKENS)
def revoke(request: HttpRequest, token: str) -> HttpResponse:
    """Revoke a token of one's own; admins any."""
    caller = caller_of(request)
    revoke_token(token, actor=caller.actor(), owner=_owner(caller))
    return redirect("tokens")


def _owner(caller: Caller) -> int | None:
    return None if caller.has(Right.ALL_TOKENS) else caller.user_id


def _context(request: HttpRequest, errors: Any = None, *, typed: bool = True) -> dict[str, Any]:
    caller = caller_of(request)
    sent = request.POST if typed else {}
    return {
        "nav": "tokens",
        "items": [_line(token) for token in tokens_of(_owner(caller))[:SHOWN]],
        "scopes": _groups(),
        "lifetimes": NewToken.LIFETIMES,
        "new": {
            "name": sent.get("name", ""),
            "service": sent.get("service", ""),
            "scopes": request.POST.getlist("scopes") if typed else [],
            "days": sent.get("days", "90"),
        },
        "errors": errors or {},
        "made": None,
        "all": caller.has(Right.ALL_TOKENS),
    }


def _groups() -> list[dict[str, Any]]:
    """Return the scopes by what they are about, reading before writing before deciding."""
    cells: dict[str, list[dict[str, Any]]] = {}
    for scope in sorted(SCOPES, key=lambda scope: ("read", "write", "decide").index(scope.partition(":")[2])):
        noun, _, verb = scope.partition(":")
        cells.setdefault(noun, []).append({"name": scope, "verb": verb, "allowed": True})
    return [{"noun": noun, "cells": found} for noun, found in sorted(cells.items())]


def _line(token: ApiToken) -> dict[str, Any]:
    copied = ("id", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    return {
        **{name: getattr(token, name) for name in copied},
        "name": token.label or token.service or token.id,
        "prefix": f"ctk_{token.id}",
        "kind": "personal" if token.personal else "service",
        "owner": token.user.get_full_name() or token.user.username,
    }
