"""Sample contexts of the pages of sessions."""

import json
from typing import Any

from console import styleguide
from tests.console.samples.approvals import ARGUMENTS, BODY, request, standing
from tests.console.samples.frame import Context, ago, frame


def session_rows() -> list[Context]:
    """Give rows of the list of sessions."""
    states = ("waiting_approval", "running", "waiting_input", "completed", "halted", "failed", "cancelled")
    return [
        {"ref": f"S-{88123 - i}", "url": f"/sessions/S-{88123 - i}/", "title": "Find out what the refund policy says and e-mail finance",
         "agent": "research-assistant", "status": status, "mode": ("degraded", None)[i % 2],
         "started_name": "Olga Operator", "on_behalf_of": "", "turns": 3 + i,
         "created_at": ago(500 * i), "updated_at": ago(60 * i), "cost_microusd": 12_000 * i, "tainted": i % 2 == 0, "dry_run": i == 3,
         "waits": {"kind": "money", "word": "Waits for money", "icon": "wallet", "since": ago(90), "until": ago(-90)} if i == 1 else None}
        for i, status in enumerate(states)
    ]  # fmt: skip


def sessions() -> Context:
    """Give the list of sessions."""
    agents = [{"slug": "research-assistant", "environment": "production"}]
    return frame("sessions", may_start=True, agents=agents, start={}, filters={}, statuses=styleguide.STATUSES[:11],
                 items=session_rows(), older="/sessions/?after=1", task_types=[], may_act_for=True,
                 priorities=["low", "normal", "high"], key="k")  # fmt: skip


UNEVEN = "The axis is not even: the striped parts stand for 2 h 3 min of waiting and are drawn short."


def span(name: str, kind: str, depth: int, x: float, width: float, bar: str, time: str, **more: Any) -> Context:
    """Give one row of the waterfall."""
    return {"name": name, "kind": kind, "depth": depth, "x": x, "width": width, "bar": bar, "time": time,
            "url": f"?view=waterfall&span={name}", **more}  # fmt: skip


def spans() -> list[Context]:
    """Give the waterfall."""
    return [
        span("Session", "session", 0, 0, 100, "mut", "13.2 s", cost_microusd=380_000),
        span("Goal", "message", 1, 0, 1, "warn", "", tone="warn"),
        span("Turn 1", "session", 1, 1, 26, "soft", "3.4 s", cost_microusd=70_000),
        span("Model call", "model", 2, 2, 19, "acc", "2.5 s", cost_microusd=70_000),
        span("search_documents", "tool", 2, 22, 3, "ok", "210 ms"),
        span("Turn 2", "session", 1, 27, 73, "soft", "9.8 s", cost_microusd=310_000),
        span("Model call", "model", 2, 28, 21, "acc", "2.8 s", cost_microusd=110_000),
        span("read_document", "tool", 2, 50, 9, "ok", "1.2 s"),
        span("fetch_url", "tool", 2, 60, 2, "bad", "Timeout", tone="bad"),
        span("Model call", "model", 2, 71, 24, "acc", "3.2 s", cost_microusd=200_000),
        span("send_email", "wait", 2, 96.5, 3.5, "hatch", "Paused", tone="warn", selected=True),
    ]


def messages() -> list[Context]:
    """Give the conversation."""
    call = {"name": "read_document", "status": "succeeded", "tier": "read_only", "arguments": '{"document": "letter-4417"}',
            "result": '{"title": "Letter", "text": "I was charged twice."}', "duration_ms": 210}  # fmt: skip
    return [
        {
            "kind": "user",
            "who": "Olga Operator",
            "at": ago(400),
            "text": "Find out what our refund policy says.",
            "trust": "trusted",
        },
        {
            "kind": "agent",
            "who": "research-assistant",
            "at": ago(390),
            "text": "I will look into the library first.",
            "trust": "trusted",
        },
        {"kind": "call", "who": "read_document", "at": ago(380), "trust": "untrusted", "call": call},
        {"kind": "agent", "who": "research-assistant", "at": ago(370), "text": f"The policy says: {BODY}", "trust": "trusted"},
    ]


def session(view: str = "messages", **more: Any) -> Context:
    """Give one session."""
    one = {
        "ref": "S-88123", "url": "/sessions/S-88123/", "title": "Find out what the refund policy says and e-mail finance",
        "status": "waiting_approval", "agent": "research-assistant", "started_name": "Olga Operator", "created_at": ago(420),
        "ended": False, "taint": [{"source": "read_document", "title": "Letter from M. Lindqvist", "ref": "letter-4417"}],
    }  # fmt: skip
    facts = [{"label": k, "value": v} for k, v in (("Model calls", "3"), ("Tool calls", "5, 1 failed"),
             ("Tokens", "18 204 in, 1 122 out"), ("Cost", "$0.38 of $2.00"), ("Active", "13.2 s"))]  # fmt: skip
    chosen = {"name": "send_email", "note": "Paused before execution. Nothing has been sent.", "risk": 3,
              "arguments": json.dumps(ARGUMENTS), "request": {"ref": "AP-20418", "url": "/approvals/AP-20418/"},
              "rows": [{"label": "Idempotency", "value": "S-88123/7.1", "mono": True}]}  # fmt: skip
    events = [{"n": 48210 + i, "at": ago(300 - i), "kind": "turn.planned", "doc": "The model answered.", "actor": "agent",
               "url": f"/audit/{48210 + i}/"} for i in range(4)]  # fmt: skip
    base = frame(
        "sessions", session=one, facts=facts, view=view, may={"message": True, "cancel": True, "pause": True, "resume": False},
        pending=[{"ref": "AP-20418", "url": "/approvals/AP-20418/", "summary": request()["summary"], "risk": 3}],
        spans=spans(), axis=[{"x": 0, "label": "0 s"}, {"x": 25, "label": "3.3"}, {"x": 50, "label": "6.6"}, {"x": 75, "label": "9.9"}],
        gaps=[{"x": "62.50", "width": "8.00", "label": "2 h 3 min"}], uneven=UNEVEN,
        conversation=messages(), events=events, events_count=46, span=chosen if view == "waterfall" else None, answer="", key="k",
        details=[{"label": "Agent", "value": "research-assistant", "href": "/agents/research-assistant/"},
                 {"label": "Prompt", "value": "research-assistant 1.0.0"}, {"label": "Trace", "value": "4bf92f35", "mono": True}],
    )  # fmt: skip
    stands = [standing(), standing(ref="AP-20400", ended="Its time is over.", vary=[], up_to=[])]
    return {**base, "standing": stands, **more}
