"""One re-run beside its session: turns side by side, what differs first, what was not recorded, and what both took (LOOP-16)."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.models import Rerun
from agents.rehearsals.play import Said
from agents.reruns import reruns
from console.auth import caller_of
from console.diff import line_diff
from console.formats import duration, grouped, microusd
from console.fragments import page
from console.rehearsed import ENDED, UNRECORDED, VERDICTS, shown_call
from console.reruns import Beside, Stood, Took, beside
from console.rights import Right
from console.templatetags.ui import pretty_json
from console.views.guard import guard
from console.views.reruns import line, session_shown
from console.whole import whole

SHOWN_TURNS = 40


@require_safe
@guard(Right.SEE)
def rerun(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one re-run beside its session."""
    return page(request, "sessions/rerun.html", lambda: _one(request, reruns.rerun_numbered(ref)))


def _one(request: HttpRequest, row: Rerun) -> dict[str, Any]:
    caller, asked = caller_of(request), request.GET.get("from", "")[:4]
    found = beside(caller, row)
    start = whole(asked) or 0
    url = reverse("rerun", args=[reruns.ref_of(row)])
    going = row.status in reruns.OPEN
    return {
        "nav": "sessions",
        "session": session_shown(row.session, caller),
        "rerun": {**line(row), "error": row.error, "open": going, "ended": ENDED[found.told.ended] if row.status == "done" else "",
                  "broken": row.status == "done" and found.told.ended != "answered", "why": found.told.error,
                  "most_turns": row.most_turns, "share": min(100, 100 * row.turns // row.most_turns),
                  "cancels": going and caller.has(Right.EDIT_PROMPTS), "then": row.session.prompt_version.version,
                  "then_model": reruns.models_of(row.session)[0]},
        "took": _took(*found.took),
        "record": _record(found),
        "rows": [_pair(found, place, row.session.ref) for place in range(len(found.rows))[start : start + SHOWN_TURNS]],
        "count": len(found.rows),
        "first": {"place": found.first + 1, "url": _address(url, found.first, start)} if found.first is not None else None,
        "earlier": f"{url}?from={max(0, start - SHOWN_TURNS)}" if start else "",
        "later": f"{url}?from={start + SHOWN_TURNS}" if start + SHOWN_TURNS < len(found.rows) else "",
        "answer": found.answer,
        "more": found.more,
        "hidden": not found.revealed,
        "reads": (row.session.ref,) if found.revealed and row.session.started_user != caller.user_id else (),
    }  # fmt: skip


def _address(url: str, place: int, start: int) -> str:
    """Where a pair of turns stands: on this page, or on the one that has it."""
    at = place // SHOWN_TURNS * SHOWN_TURNS
    there = "" if start <= place < start + SHOWN_TURNS else f"{url}?from={at}" if at else url
    return f"{there}#pair-{place + 1}"


def _took(then: Took, now: Took) -> list[dict[str, Any]]:
    return [
        {"label": "Turns", "then": grouped(then.turns), "now": grouped(now.turns)},
        {"label": "Calls", "then": grouped(then.calls), "now": grouped(now.calls)},
        {"label": "Tokens", "then": grouped(then.tokens), "now": grouped(now.tokens)},
        {"label": "Cost", "then": microusd(then.cost_microusd), "now": microusd(now.cost_microusd)},
        {"label": "Time at the model", "then": duration(then.ms), "now": duration(now.ms)},
    ]


def _record(found: Beside) -> dict[str, int]:
    calls = found.told.calls
    return {
        "calls": len(calls), "recorded": sum(call.by == "record" for call in calls), "elsewhere": len(found.elsewhere),
        "unrecorded": sum(call.by in UNRECORDED for call in calls), "refused": sum(call.by == "rules" for call in calls),
    }  # fmt: skip


def _pair(found: Beside, place: int, ref: str) -> dict[str, Any]:
    row = found.rows[place]
    then = found.then[row.then] if row.then is not None else None
    now = found.told.turns[row.now] if row.now is not None else None
    return {
        "place": place + 1,
        "first": place == found.first,
        "differs": row.differs,
        "same_text": row.same_text,
        "then": {"number": then.turn.number, "text": then.text, "url": f"{reverse('session-replay', args=[ref])}?turn={then.turn.number}"}
        if then else None,
        "now": {"number": now.number, "text": now.text} if now else None,
        "calls": _calls(found, place, then, now),
    }  # fmt: skip


def _calls(found: Beside, place: int, then: Stood | None, now: Said | None) -> list[dict[str, Any]]:
    row, shown = found.rows[place], []
    for nr, one in enumerate(row.calls, 1):
        before = _made(then, one.then) if then and one.then is not None else None
        after = None
        if now and one.now is not None and row.now is not None:
            after = {**shown_call(now.calls[one.now]), "elsewhere": (row.now, one.now) in found.elsewhere}
        both = before and after and not one.same and found.revealed
        diff = (
            line_diff(pretty_json(before["arguments"]), pretty_json(after["arguments"])) if both and before and after else None
        )
        shown.append({"nr": f"{place + 1}.{nr}", "same": one.same, "then": before, "now": after, "diff": diff})
    return shown


def _made(stood: Stood, place: int) -> dict[str, Any]:
    made = stood.calls[place]
    call = made.call
    word, tone = VERDICTS.get(str(call.judgement.get("verdict", "")), ("", ""))
    return {"tool": call.tool, "tier": call.tier, "status": call.status, "judged": word, "tone": tone, "edited": call.edited,
            "arguments": made.arguments}  # fmt: skip
