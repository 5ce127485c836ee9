"""One session in the order in which it happened, as rows for the page: messages, the waterfall, the steps so far."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from agents.models import Message, ToolCall, Turn
from approvals.models import ApprovalRequest
from console.formats import duration
from console.views.call import address
from console.views.session_reads import Story
from console.views.session_waits import lines, spans
from console.views.waterfall import Scale, gaps, scale, shortened, ticks

TONES = {
    "denied": "bad",
    "failed": "bad",
    **dict.fromkeys(("invalid", "rejected", "expired", "unknown", "awaiting"), "warn"),
}
SPANS = 500
WHO = {"user": "Person", "operator": "Operator", "system": "Countersign"}


def messages(told: Story, *, hidden: bool) -> list[dict[str, Any]]:
    """Return the conversation in its order; without the texts where the viewer may not read them."""
    found: list[tuple[datetime, int, dict[str, Any]]] = []
    found += [(message.created_at, 0, _message(told, message, hidden)) for message in told.messages]
    for turn in told.turns:
        if turn.text_id or not turn.calls:
            found.append((turn.created_at, 1, _turn(told, turn, hidden)))
        found += [(turn.created_at, 2 + call.index, _call(told, call, hidden)) for call in told.calls_of(turn)]
    found += [(line["at"], 0, line) for line in lines(told)]
    return [line for _, _, line in sorted(found, key=lambda line: line[:2])]


def _message(told: Story, row: Message, hidden: bool) -> dict[str, Any]:
    name = row.author_name or WHO.get(row.source, row.source)
    who = "Summary of earlier steps" if row.covers_to is not None else f"{name}, another goal" if row.supersedes else name
    return {"kind": row.source, "who": who, "at": row.created_at,
            "text": told.text(row.text_id), "trust": row.trust, "hidden": hidden}  # fmt: skip


def _turn(told: Story, row: Turn, hidden: bool) -> dict[str, Any]:
    return {"kind": "agent", "who": told.session.agent.slug, "at": row.created_at, "text": told.text(row.text_id),
            "trust": "trusted", "hidden": hidden}  # fmt: skip


def _call(told: Story, row: ToolCall, hidden: bool) -> dict[str, Any]:
    return {
        "kind": "call",
        "who": row.tool,
        "at": row.created_at,
        "trust": row.trust,
        "hidden": hidden,
        "call": {
            "name": row.tool, "status": row.status, "tier": row.tier, "edited": row.edited, "repeat": row.repeat_of is not None,
            "arguments": told.text(row.arguments_id) or told.text(row.raw_id), "result": told.text(row.result_id),
            "error_type": row.error_type, "duration_ms": row.duration_ms, "led_url": address(row.key),
            "request": link(told.request_of(row)),
        },
    }  # fmt: skip


def link(row: ApprovalRequest | None) -> dict[str, str] | None:
    """Return how a request is linked to."""
    return None if row is None else {"ref": row.ref, "url": reverse("approval", args=[row.ref])}


def waterfall(told: Story, selected: str, address: str) -> dict[str, Any]:
    """Return the spans of the session with their bars; `address` is the page's own, to which a span is added."""
    start = told.session.created_at
    end = told.session.ended_at or max([timezone.now() if _works(told) else start, *_moments(told)])
    spans = list(_spans(told))
    total = (end - start).total_seconds()
    busy = [
        (_since(start, s["start"]), _since(start, s["end"] or end)) for s in spans if s["kind"] in ("model", "tool", "message")
    ]
    of = scale(busy, total)
    shown = [_placed(span, of, start, end, selected, address) for span in spans[:SPANS]]
    x, width = of.bar(0, total)
    whole = {"depth": 0, "kind": "session", "name": told.session.agent.slug, "url": "", "selected": False, "x": x, "width": width,
             "bar": "mut", "time": duration(int(total * 1000)), "cost_microusd": told.session.cost_microusd}  # fmt: skip
    return {
        "spans": [whole, *shown],
        "axis": ticks(of),
        "gaps": gaps(of),
        "uneven": shortened(of),
        "more": max(0, len(spans) - SPANS),
    }


def _works(told: Story) -> bool:
    return told.session.status in ("queued", "running")


def _moments(told: Story) -> Iterator[datetime]:
    yield told.session.updated_at
    yield from (turn.created_at for turn in told.turns)
    yield from (message.created_at for message in told.messages)
    yield from (call.ended_at or call.created_at for call in told.calls)
    yield from (timezone.now() for row in told.requests if row.status in ("pending", "held"))


def _since(start: datetime, at: datetime) -> float:
    return max(0.0, (at - start).total_seconds())


def _spans(told: Story) -> Iterator[dict[str, Any]]:
    """Give model calls, tool calls, waits and messages, in the order in which they began."""
    found = [
        _span(
            1,
            "message",
            "Summary of earlier steps" if row.covers_to is not None else f"Message from {row.author_name or row.source}",
            f"m{row.index}",
            row.created_at,
            row.created_at,
            "mut",
        )
        for row in told.messages
    ]
    found += [_span(1, "wait", wait["name"], wait["id"], wait["start"], wait["end"], "hatch") for wait in spans(told)]
    for turn in told.turns:
        begun = turn.created_at - timedelta(milliseconds=turn.duration_ms)
        found.append(_span(1, "model", turn.model, f"t{turn.number}", begun, turn.created_at, "acc", cost=turn.cost_microusd))
        for call in told.calls_of(turn):
            found += _call_spans(told, turn, call)
    return iter(sorted(found, key=lambda span: (span["start"], span["depth"])))


def _call_spans(told: Story, turn: Turn, call: ToolCall) -> list[dict[str, Any]]:
    """Give every wait for people that a call had, and its run if it came to one."""
    place, tone = f"{turn.number}.{call.index}", TONES.get(call.status, "")
    found = []
    for request in told.requests_of(call):
        until = None if request.status in ("pending", "held") else request.decided_at or call.started_at or call.ended_at
        name = f"{request.ref}, waiting for people"
        waits = "warn" if request.status == "pending" else ""
        found.append(_span(2, "wait", name, f"w{place}", request.created_at, until, "hatch", tone=waits))
    if call.started_at is None and call.status in ("awaiting", "approved", "allowed"):
        return found  # nothing has run
    begun = call.started_at or call.ended_at or call.created_at
    ended = call.ended_at or (None if call.status == "executing" else begun)
    bar = {"bad": "bad", "warn": "warn"}.get(tone, "ok")
    return [*found, _span(2, "tool", call.tool, f"c{place}", begun, ended, bar, tone=tone)]


def _span(
    depth: int, kind: str, name: str, id_: str, start: datetime, end: datetime | None, bar: str, **more: Any
) -> dict[str, Any]:
    return {"depth": depth, "kind": kind, "name": name, "id": id_, "start": start, "end": end, "bar": bar,
            "tone": more.get("tone", ""), "cost_microusd": more.get("cost", 0)}  # fmt: skip


def _placed(span: dict[str, Any], of: Scale, start: datetime, end: datetime, selected: str, address: str) -> dict[str, Any]:
    until = span["end"] or end
    x, width = of.bar(_since(start, span["start"]), _since(start, until))
    took = int((until - span["start"]).total_seconds() * 1000)
    return {**span, "x": x, "width": width, "time": duration(took) if span["kind"] != "message" else "",
            "selected": span["id"] == selected, "url": f"{address}&span={span['id']}"}  # fmt: skip
