"""What led to a call: the prompt version, the policy revision, the people who decided, and the entry of the log."""

import re
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.effects import Decided, Led, led_to
from agents.errors import UnknownCall
from console.auth import caller_of
from console.formats import exact
from console.fragments import page
from console.rights import Right
from console.views.guard import guard

KEY = re.compile(r"S-[1-9][0-9]{0,17}/[1-9][0-9]{0,8}\.[1-9][0-9]{0,4}")
VERDICTS = {"approve": "Approved", "edit": "Approved with changes", "reject": "Rejected", "answer": "Answered",
            "happened": "It happened", "run_again": "Run it again", "give_up": "Given up"}  # fmt: skip


@require_safe
@guard(Right.SEE)
def call(request: HttpRequest, ref: str, place: str) -> HttpResponse:
    """Show what led to one call."""
    return page(request, "sessions/call.html", lambda: _context(request, ref, place))


def address(key: str) -> str:
    """Return the address of the page about a call, by its key."""
    ref, _, place = key.partition("/")
    return reverse("session-call", args=[ref, place])


def _context(request: HttpRequest, ref: str, place: str) -> dict[str, Any]:
    try:
        led = led_to(f"{ref}/{place}")
    except UnknownCall:
        raise Http404 from None
    audits = caller_of(request).has(Right.READ_AUDIT)
    return {
        "nav": "sessions",
        "session": {
            "ref": ref,
            "url": reverse("session", args=[ref]),
            "turn": f"{reverse('session-replay', args=[ref])}?turn={led.turn}",
        },
        "led": led,
        "prompt": _prompt(led),
        "policy": _policy(led),
        "request_of": {"ref": f"AP-{led.request}", "url": reverse("approval", args=[f"AP-{led.request}"])}
        if led.request
        else None,
        "decisions": [_decision(one, led) for one in led.decisions],
        "rows": _rows(led),
        "entry": {"n": led.entry, "url": reverse("audit-entry", args=[led.entry])} if led.entry and audits else None,
    }


def _prompt(led: Led) -> dict[str, str]:
    if led.prompt is None or led.version is None:
        return {}
    return {"name": f"{led.prompt} {led.version}", "url": reverse("prompt-version", args=[led.prompt, led.version]),
            "checksum": led.checksum or "", "author": led.prompt_author or ""}  # fmt: skip


def _policy(led: Led) -> dict[str, str]:
    if led.policy is None:
        return {}
    return {"name": f"Revision {led.policy}", "url": reverse("policy-revision", args=[led.policy]),
            "checksum": led.policy_checksum or "", "author": led.policy_by or ""}  # fmt: skip


def _decision(one: Decided, led: Led) -> dict[str, Any]:
    another = "asked whether it happened" if one.kind == "unknown_outcome" else "for a run before this one"
    notes = [
        *([f"{another}, AP-{one.request}"] if one.request != led.request else ()),
        *([f"in the place of {one.in_place_of}"] if one.in_place_of else ()),
        *([f"by the standing approval of AP-{one.stood}"] if one.standing else ()),
        *(["alone, breaking the glass"] if one.broke_glass else ()),
    ]
    return {"by": one.by, "verdict": VERDICTS.get(one.verdict, one.verdict), "at": one.at, "notes": ", ".join(notes),
            "revision": one.revision, "digest": one.digest}  # fmt: skip


def _rows(led: Led) -> list[dict[str, Any]]:
    facts = (
        ("Agent", f"{led.agent}, revision {led.agent_revision}", False),
        ("Model", led.model, True),
        ("Started by", led.started_by, False),
        ("On behalf of", led.on_behalf_of, False),
        ("Begun", exact(led.started_at) if led.started_at else "", False),
        ("Ended", exact(led.ended_at) if led.ended_at else "", False),
        ("Key", led.key, True),
        ("Tool definition", led.definition, True),
        ("Hash of its result", led.result_hash, True),
    )
    return [{"label": label, "value": value, "mono": mono} for label, value, mono in facts if value]
