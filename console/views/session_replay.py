"""A session turn by turn: what the model was given each time, what it answered, and what became of its calls (LOOP-16)."""

from typing import Any

from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents import replay
from agents.models import Session, ToolCall, Turn
from agents.services import get_session
from console.auth import caller_of
from console.covering import mask_of_session
from console.formats import duration, exact, grouped, microusd
from console.fragments import page
from console.rehearsed import VERDICTS
from console.revealing import title_of
from console.rights import Right
from console.turns import Message, Outcome, TurnStory, turn_story
from console.views.call import address
from console.views.guard import guard
from console.views.life import session_case
from console.views.reruns import offer
from console.views.session_story import link
from console.whole import whole

BESIDE = 50  # turns in the list beside the one that is shown
OLDER = 20  # messages from before the turn before, shown at once
LONGEST = 10_000  # characters of a message
ROLES = {"system": "System", "user": "To the model", "assistant": "The model", "tool": "Result"}


@require_safe
@guard(Right.SEE)
def turns(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one turn of a session beside the others; the first one where none is named."""
    return page(request, "sessions/replay.html", lambda: _context(request, ref))


def _context(request: HttpRequest, ref: str) -> dict[str, Any]:
    caller, row = caller_of(request), get_session(ref)
    last: int = Turn.objects.filter(session=row).aggregate(last=Max("number"))["last"] or 0
    asked = request.GET.get("turn", "")[:9]
    base = reverse("session-replay", args=[row.ref])
    head = {"nav": "sessions", "last": last, "replay_url": base}
    if not last:
        return {**head, "session": _session(row, revealed=False), "turn": None}
    number = whole(asked)
    turn = replay.turn_of(row, 1 if number is None else number)
    told = turn_story(caller, row, turn)
    return {
        **head,
        "session": _session(row, revealed=told.revealed),
        "turns": _beside(row, turn, base),
        "newer": f"{base}?turn={_first(turn.number) - 1}" if _first(turn.number) > 1 else "",
        "older": f"{base}?turn={_first(turn.number) + BESIDE}" if _first(turn.number) + BESIDE <= last else "",
        "previous": f"{base}?turn={turn.number - 1}" if turn.number > 1 else "",
        "next": f"{base}?turn={turn.number + 1}" if turn.number < last else "",
        "turn": turn,
        "facts": _facts(told),
        "given": _given(told, whole=request.GET.get("whole") == "1"),
        "answer": told.answer,
        "calls": [_call(outcome, revealed=told.revealed) for outcome in told.outcomes],
        "case": session_case(row, caller),
        "reruns": offer(row, caller, turn=turn.number),
        "hidden": not told.revealed,
        "rows": _rows(row, told),
        "reads": (row.ref,) if told.revealed and row.started_user != caller.user_id else (),
    }


def _session(row: Session, *, revealed: bool) -> dict[str, Any]:
    mask, _ = mask_of_session(row.pk)
    title = mask.text(title_of(row, revealed=revealed))
    return {
        "ref": row.ref,
        "url": reverse("session", args=[row.ref]),
        "title": title,
        "status": row.status,
        "agent": row.agent.slug,
    }


def _first(number: int) -> int:
    return (number - 1) // BESIDE * BESIDE + 1


def _beside(row: Session, shown: Turn, base: str) -> list[dict[str, Any]]:
    found = replay.turns_of(row, first=_first(shown.number), limit=BESIDE)
    planned: dict[Any, list[tuple[str, str]]] = {}
    calls = ToolCall.objects.filter(turn__in=found).order_by("turn_id", "index").values_list("turn_id", "tool", "status")
    for turn_id, tool, status in calls:
        planned.setdefault(turn_id, []).append((tool, status))
    return [
        {
            "number": turn.number,
            "url": f"{base}?turn={turn.number}",
            "current": turn.pk == shown.pk,
            "at": turn.created_at,
            "what": ", ".join(dict.fromkeys(tool for tool, _ in planned.get(turn.pk, ()))) or "Answer",
            "bad": any(status in ("denied", "rejected", "failed", "invalid") for _, status in planned.get(turn.pk, ())),
        }
        for turn in found
    ]


def _facts(told: TurnStory) -> list[dict[str, str]]:
    turn, given = told.turn, told.given
    of = f"of {grouped(given.room)}, estimated" + (f"; the model reads {grouped(given.window)}" if given.window else "")
    return [
        {"label": "Context, without tools", "value": f"{grouped(given.tokens)} tokens", "title": of},
        {"label": "Counted by the model", "value": f"{grouped(turn.input_tokens)} in, {grouped(turn.output_tokens)} out"},
        {"label": "Cost", "value": microusd(turn.cost_microusd)},
        {"label": "Took", "value": duration(turn.duration_ms)},
    ]


def _given(told: TurnStory, *, whole: bool) -> dict[str, Any]:
    """Return what the model was given: the system's words, what is older than the turn before, and what was new to it."""
    rows = [shown(message, place) for place, message in enumerate(told.messages, 1)]
    new = next((place for place in range(len(told.messages) - 1, 0, -1) if told.messages[place].role == "assistant"), 1)
    older = rows[1:new]
    return {
        "count": len(told.given.messages),
        "omitted": told.given.omitted,
        "system": rows[0] if rows else None,
        "older": older if whole else older[-OLDER:],
        "left": 0 if whole else max(0, len(older) - OLDER),
        "new": rows[new:],
    }


def shown(message: Message, place: int) -> dict[str, Any]:
    """Return a message as `sessions/_given.html` shows it."""
    return {
        "place": place,
        "role": message.role,
        "who": ROLES.get(message.role, message.role),
        "text": message.text[:LONGEST],
        "cut": max(0, len(message.text) - LONGEST),
        "calls": [{**call, "arguments": call["arguments"][:LONGEST]} for call in message.calls],
        "answers": message.answers,
    }


def _call(outcome: Outcome, *, revealed: bool) -> dict[str, Any]:
    call, judged = outcome.call, outcome.judgement
    word, tone = VERDICTS.get(str(judged.get("verdict", "")), ("", ""))
    return {
        "name": call.tool, "key": call.key, "status": call.status, "tier": call.tier, "edited": call.edited, "trust": call.trust,
        "verdict": word, "tone": tone, "reasons": [reason["text"] for reason in judged.get("reasons", ())],
        "raw": outcome.raw if outcome.raw != outcome.arguments else "", "arguments": outcome.arguments,
        "result": outcome.result[:LONGEST], "cut": max(0, len(outcome.result) - LONGEST), "error_type": call.error_type,
        "led_url": address(call.key), "took": duration(call.duration_ms) if call.duration_ms is not None else "", "dry": call.dry,
        "asked": [
            {
                "request": link(asked.request),
                "status": asked.request.status,
                "decisions": [
                    {"by": said.decided_name, "verdict": said.verdict, "voided": said.voided, "at": said.created_at,
                     "words": (said.instruction or said.answer) if revealed else ""}
                    for said in asked.decisions
                ],
            }
            for asked in outcome.asked
        ],
    }  # fmt: skip


def _rows(row: Session, told: TurnStory) -> list[dict[str, Any]]:
    turn = told.turn
    slug, _, version = turn.prompt_version.partition(" ")
    lines: list[dict[str, Any]] = [
        {"label": "Model", "value": turn.model},
        {"label": "Instead of", "value": turn.instead_of or ""},
        {"label": "Prompt", "value": turn.prompt_version, "href": reverse("prompt-version", args=[slug, version])},
        {
            "label": "Agent",
            "value": f"{row.agent.slug}, revision {row.revision.number}",
            "href": reverse("agent", args=[row.agent.slug]),
        },
        {"label": "Finished by", "value": turn.finish_reason},
        {"label": "Answered", "value": exact(turn.created_at)},
        {"label": "Tools", "value": ", ".join(told.given.tools) or "None"},
    ]
    return [line for line in lines if line["value"]]
