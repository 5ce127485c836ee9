"""Verification: how far the log is known to be good, verifying it now, what was found, and a person's answer to it."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from audit import findings, lag, verifications
from audit.cosignatures import last_witnessed
from audit.errors import CountersignError, NoFinding
from audit.models import VerificationRun
from console.api.errors import status_of
from console.api.reading import clean
from console.auth import Caller, caller_of
from console.fragments import page
from console.reach.alarm_targets import targets
from console.rights import Right
from console.verifying import verify_now
from console.views.filters import numbered
from console.views.form_only import form_only
from console.views.guard import guard

LIST, ONE = "audit/verification.html", "audit/run.html"
SHOWN = 20
LONGEST_NOTE, SHORTEST_NOTE = 2000, 3
KEPT = 10 * LONGEST_NOTE  # so much of what was typed stands there again
TITLES: Mapping[str, str] = {
    "whole": "The whole log",
    "incremental": "What was new",
    "since": "Since a checkpoint",
    "stream": "One stream",
}


@require_safe
@guard(Right.READ_AUDIT)
def verification(request: HttpRequest) -> HttpResponse:
    """Show how far the log is known to be good, what is signed, and the last verifications."""
    return page(request, LIST, lambda: _list(request))


@form_only
@guard(Right.VERIFY_AUDIT)
def verify(request: HttpRequest) -> HttpResponse:
    """Verify the whole log, one stream, or what follows a checkpoint that was pasted, and show what came of it."""
    stream = request.POST.get("stream", "").strip()[:200]
    since = request.POST.get("since", "")[:200_000]
    try:
        run = verify_now(caller_of(request), stream=stream if clean(stream) else "?", since=since if clean(since) else "?")
    except CountersignError as error:
        told, status = error.detail, status_of(error)
        return page(request, LIST, lambda: _list(request, told, {"stream": stream, "since": since}), status=status)
    return redirect("audit-verification", run.pk)


@require_safe
@guard(Right.READ_AUDIT)
def one(request: HttpRequest, number: int) -> HttpResponse:
    """Show one verification: how far it is, or what it found and what somebody made of it."""
    return page(request, ONE, lambda: _one(request, number))


@require_safe
@guard(Right.READ_AUDIT)
def evidence(request: HttpRequest, number: int) -> HttpResponse:
    """Hand out the evidence of a finding: both copies of the entry that is wrong, and what stands around it."""
    run = findings.of(number)
    if run.evidence is None:
        raise Http404
    answer = JsonResponse({"verification": run.pk, "ended_at": run.ended_at, **run.evidence}, json_dumps_params={"indent": 1})
    answer.headers["Content-Disposition"] = f'attachment; filename="finding-{run.pk}.json"'
    return answer


@form_only
@guard(Right.ANSWER_FINDINGS)
def acknowledge(request: HttpRequest, number: int) -> HttpResponse:
    """Take what somebody makes of a finding; then its banner goes."""
    note = request.POST.get("note", "").replace("\r\n", "\n").strip()
    typed = {"note": note[:KEPT].replace("\0", ""), "error": _wrong(note)}
    if typed["error"]:
        return page(request, ONE, lambda: _one(request, number, typed), status=422)
    try:
        findings.acknowledge(
            number, actor=caller_of(request).actor(), note=note, together=request.POST.get("together") == "yes"
        )
    except NoFinding as error:
        told = {**typed, "problem": error.detail}
        return page(request, ONE, lambda: _one(request, number, told), status=status_of(error))
    messages.success(request, "Your answer is written down. The finding stays here, its banner is gone.")
    return redirect("audit-verification", number)


def _wrong(note: str) -> str:
    """Return what is wrong with an answer, as a sentence; empty where it can be written down."""
    if len(note) < SHORTEST_NOTE:
        return f"Say in a sentence what you make of it, in at least {SHORTEST_NOTE} characters."
    if len(note) > LONGEST_NOTE:
        return f"This is {len(note)} characters long. Say it in {LONGEST_NOTE} at most."
    return "" if clean(note) else "The text holds characters that cannot be stored."


def _list(request: HttpRequest, problem: str = "", typed: Mapping[str, str] | None = None) -> dict[str, Any]:
    caller, signed = caller_of(request), lag.sealed()
    before = numbered(request.GET, "before")
    rows = findings.runs(before=before, limit=SHOWN + 1)
    good, last, open_ = verifications.good_until(), verifications.last_whole(), findings.open_finding()
    wrong = open_ or findings.found_since(good)
    return {
        "nav": "audit",
        "may": caller.has(Right.VERIFY_AUDIT),
        "problem": problem,
        "typed": typed or {"stream": "", "since": ""},
        "good": good,
        "finding": {"n": wrong.pk, "url": reverse("audit-verification", args=[wrong.pk]), "answered": open_ is None}
        if wrong
        else None,
        "whole": last,
        "signed": signed,
        "witnessed": last_witnessed(),
        "late": lag.is_late(signed, settings.SEAL_LATE_S),
        "rows": [_line(row) for row in rows[:SHOWN]],
        "open": any(row.ended_at is None for row in rows),
        "alarms": targets(),
        "newer": reverse("audit-verifications") if before is not None else "",
        "older": f"{reverse('audit-verifications')}?before={rows[SHOWN - 1].pk}" if len(rows) > SHOWN else "",
    }


def _line(row: VerificationRun) -> dict[str, Any]:
    copied = ("what", "stream", "since", "checked", "ok", "began_at", "ended_at", "seconds", "acknowledged_at")
    return {
        **{name: getattr(row, name) for name in copied},
        "n": row.pk,
        "url": reverse("audit-verification", args=[row.pk]),
        "title": row.stream or TITLES[row.what],
        "by": row.actor_name,
        "percent": 100 * row.place // row.upto if row.upto else 0,
        "milliseconds": row.seconds * 1000,
    }


def _one(request: HttpRequest, number: int, typed: Mapping[str, str] | None = None) -> dict[str, Any]:
    caller, row = caller_of(request), findings.of(number)
    bad = row.first_bad if row.ok is False else None
    return {
        "nav": "audit",
        "run": {**_line(row), "place": row.place, "upto": row.upto, "remark": row.remark, "note": row.note,
                "acknowledged_by": row.acknowledged_by},
        "bad": None if bad is None else {**bad, "url": _entry(bad.get("log_index"))},
        "copies": _copies(row.evidence) if bad and row.evidence else [],
        "covers": findings.covered_by(row) if bad else None,
        "good_entry": _good(row.evidence) if bad and row.evidence else None,
        "may_answer": _may_answer(caller, row),
        "typed": {"note": "", "error": "", "problem": "", **(typed or {})},
    }  # fmt: skip


def _may_answer(caller: Caller, row: VerificationRun) -> bool:
    return row.ok is False and row.acknowledged_at is None and caller.has(Right.ANSWER_FINDINGS)


def _entry(log_index: int | None) -> str:
    return reverse("audit-entry", args=[log_index]) if log_index else ""


def _copies(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entry that is wrong as it was found: its bytes, the copy that is searched, and its hashes."""
    return [
        {
            "bytes": one["bytes"],
            "copy": one["copy"],
            "rows": [
                {"label": "Stored hash", "value": one["hash"], "mono": True},
                {"label": "Computed anew", "value": one["computed_hash"], "mono": True,
                 "tone": "" if one["computed_hash"] == one["hash"] else "bad"},
                {"label": "Hash of the entry before", "value": one["previous_hash"], "mono": True},
                {"label": "Columns", "value": " · ".join(str(one[name]) for name in ("kind", "at", "actor_kind", "actor_id", "tool")
                                                          if one[name]), "mono": True},
            ],
        }
        for one in evidence["entries"]
    ]  # fmt: skip


def _good(evidence: Mapping[str, Any]) -> dict[str, Any] | None:
    found = evidence["last_good"]
    return None if found is None else {**found, "url": _entry(found["log_index"])}
