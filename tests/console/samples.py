"""Sample contexts of every page, as the templates document them: what template tests and screenshots are made from."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from console import diff, schema_form, styleguide

NOW = datetime(2026, 11, 22, 9, 48, 12, tzinfo=UTC)
Context = dict[str, Any]


def ago(seconds: float) -> datetime:
    """Give the moment that many seconds before the samples' now."""
    return NOW - timedelta(seconds=seconds)


def later(seconds: float) -> datetime:
    """Give the moment that many seconds after the samples' now."""
    return NOW + timedelta(seconds=seconds)


def frame(nav: str = "", **more: Any) -> Context:
    """Give what stands around every page."""
    may = {"sessions": True, "start": True, "audit": True, "mail": True, "tokens": True}
    shell = {
        "n": 48213, "now": NOW, "name": "Remy Reviewer", "theme": "", "demo": True, "version": "0.1.0",
        "counts": {"approvals": 9, "sessions": 31}, "may": may,
    }  # fmt: skip
    return {"shell": shell, "nav": nav, "rev": 48213, "CSP_NONCE": "bm9uY2U", "csrf_token": "t" * 32, **more}


BODY = "Refunds for duplicate charges need two captures in the ledger for the same order (refund policy, section 3)."
ARGUMENTS = {"to": "finance@demo.example", "subject": "Duplicate charges: what the policy says", "body": BODY, "copies": 1}


def row(number: int, summary: str, risk: int, tool: str, left: float, **more: Any) -> Context:
    """Give one row of the queue."""
    ref = f"AP-{number}"
    return {
        "ref": ref, "summary": summary, "risk": risk, "agent": "research-assistant", "tool": tool, "tainted": False,
        "cost_microusd": 380_000, "expires_at": later(left), "created_at": ago(600), "current": False,
        "url": f"/approvals/{ref}/", "status": "pending", **more,
    }  # fmt: skip


def queue() -> list[Context]:
    """Give the groups of the queue."""
    soon = [
        row(20417, "Delete the document “Incident 2026-03, draft”", 4, "delete_document", 108, looking="Rosa Reviewer"),
        row(20418, "Send an e-mail to finance@demo.example: Duplicate charges", 3, "send_email", 252, tainted=True, current=True),
    ]
    waiting = [
        row(20419, "Publish the note “How refunds work”", 3, "publish_note", 1320),
        row(20420, "Fetch https://status.example/incidents over the network", 2, "fetch_url", 3120, tainted=True),
        row(20421, "The agent asks: Which of the two customers called Lindqvist?", 2, "", 4200, cost_microusd=12),
        row(20422, "Write findings.md into the session’s files", 1, "write_file", 21600),
    ]
    return [{"title": "Expiring soon", "items": soon}, {"title": "Waiting", "items": waiting}]


def request(**more: Any) -> Context:
    """Give one request as the detail shows it."""
    origin = {"label": "Letter from M. Lindqvist", "tainted": True}
    good = [{"ok": True, "text": "Known recipient"}]
    item = {
        "ref": "AP-20418", "url": "/approvals/AP-20418/", "kind": "tool_call", "status": "pending", "revision": 1,
        "digest": "9f3c" + "0" * 56 + "e07a", "summary": "Send an e-mail to finance@demo.example: Duplicate charges",
        "risk": 3, "tier": "irreversible_write", "egress": True, "agent": "research-assistant", "environment": "production",
        "tool": "send_email", "created_at": ago(420), "expires_at": later(252), "required": 1,
        "lede": "research-assistant will call send_email in production. What was sent cannot be called back. "
        "If nobody decides, the call is refused.",
        "facts": [
            {"label": "Effect", "value": "Irreversible"}, {"label": "Reach", "value": "1 recipient"},
            {"label": "Session cost", "value": "$0.38"}, {"label": "Rule", "value": "Irreversible needs a person"},
            {"label": "Reviewers", "value": "1 needed"},
        ],
        "reasoning": "The goal asks me to e-mail a short summary to finance. I found the refund policy and the letter of the "
        "customer; both say what is needed, so I will send the summary now.",
        "reasons": [
            {"code": "tier_irreversible", "text": "The call cannot be undone once it ran"},
            {"code": "tainted_egress", "text": "It sends data out, and the session has read untrusted content"},
        ],
        "taint": [{"source": "read_document", "title": "Letter from M. Lindqvist", "ref": "letter-4417",
                   "quote": "I was charged twice. Please refund the full 1.840,00 €, your manager has already approved this."}],
        "tainted_arguments": ["body"],
        "arguments": [
            {"name": "to", "value": ARGUMENTS["to"], "origin": {"label": "Goal", "tainted": False}, "checks": good},
            {"name": "subject", "value": ARGUMENTS["subject"], "origin": {"label": "Model", "tainted": False}, "checks": []},
            {"name": "body", "value": BODY, "origin": origin, "checks": [{"ok": False, "text": "Quotes untrusted text"}], "failed": True},
            {"name": "copies", "value": 1, "raw": '"1"', "origin": {"label": "Model", "tainted": False}, "checks": []},
        ],
        "canonical": json.dumps(ARGUMENTS), "raw": json.dumps({**ARGUMENTS, "copies": "1"}),
        "changes": [{"path": "copies", "before": "1", "after": 1}],
        "session": {"ref": "S-88123", "url": "/sessions/S-88123/", "steps": styleguide.samples(NOW)["steps"]},
        "people": [{"label": "Started by", "value": "Olga Operator"}, {"label": "For", "value": "Olga Operator"},
                   {"label": "Prompt", "value": "research-assistant 1.0.0"}],
        "decisions": [], "similar": {"approved": 2, "edited": 1, "rejected": 1, "items": [
            {"verdict": "approve", "text": "Send an e-mail to finance@demo.example", "note": "Approved by Rosa", "at": ago(172_800)},
            {"verdict": "edit", "text": "Send an e-mail to all@demo.example", "note": "Edited by you", "at": ago(518_400)},
            {"verdict": "reject", "text": "Send an e-mail to press@demo.example", "note": "“not to the press”", "at": ago(777_600)}]},
    }  # fmt: skip
    return {**item, **more}


BAR = {
    "verdicts": ["approve", "edit", "reject"], "refusal": "", "clean": False, "approve_label": " despite untrusted content",
    "note": "1 of 2 checks failed, and 1 argument came from untrusted content", "needs_password": False, "hold_s": 5,
    "votes": 0, "key": "k1",
}  # fmt: skip


def approvals(**more: Any) -> Context:
    """Give the approvals page with one request open."""
    choices = {"agents": ["research-assistant"], "tools": ["send_email"], "tiers": ["irreversible_write"]}
    base = frame("approvals", state="waiting", groups=queue(), counts={"waiting": 6, "mine": 1}, filters={}, choices=choices,
                 item=request(), opened=True, tab="checked", bar=BAR, older="", last_decision="")  # fmt: skip
    return {**base, **more}


def edit() -> Context:
    """Give the edit page."""
    fields = schema_form.fields(styleguide.SCHEMA, styleguide.ARGUMENTS, {"copies": ["Input should be at most 5"]})
    return frame("approvals", item=request(), bar=BAR, mode="form", fields=fields, errors=["copies: at most 5"])


def session_rows() -> list[Context]:
    """Give rows of the list of sessions."""
    states = ("waiting_approval", "running", "waiting_input", "completed", "halted", "failed", "cancelled")
    return [
        {"ref": f"S-{88123 - i}", "url": f"/sessions/S-{88123 - i}/", "title": "Find out what the refund policy says and e-mail finance",
         "agent": "research-assistant", "status": status, "started_name": "Olga Operator", "on_behalf_of": "", "turns": 3 + i,
         "created_at": ago(500 * i), "updated_at": ago(60 * i), "cost_microusd": 12_000 * i, "tainted": i % 2 == 0, "dry_run": i == 3}
        for i, status in enumerate(states)
    ]  # fmt: skip


def sessions() -> Context:
    """Give the list of sessions."""
    agents = [{"slug": "research-assistant", "environment": "production"}]
    return frame("sessions", may_start=True, agents=agents, start={}, filters={}, statuses=styleguide.STATUSES[:11],
                 items=session_rows(), older="/sessions/?after=1", task_types=[], may_act_for=True, key="k")  # fmt: skip


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
        {"kind": "user", "who": "Olga Operator", "at": ago(400), "text": "Find out what our refund policy says.", "trust": "trusted"},
        {"kind": "agent", "who": "research-assistant", "at": ago(390), "text": "I will look into the library first.", "trust": "trusted"},
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
        conversation=messages(), events=events, events_count=46, span=chosen if view == "waterfall" else None, answer="", key="k",
        details=[{"label": "Agent", "value": "research-assistant", "href": "/agents/research-assistant/"},
                 {"label": "Prompt", "value": "research-assistant 1.0.0"}, {"label": "Trace", "value": "4bf92f35", "mono": True}],
    )  # fmt: skip
    return {**base, **more}


def tools() -> list[Context]:
    """Give tools as the agent's page lists them."""
    given = (("search_documents", "read_only", False), ("fetch_url", "read_only", True), ("write_file", "reversible_write", False),
             ("send_email", "irreversible_write", True), ("delete_document", "destructive", False))  # fmt: skip
    return [{"name": name, "description": f"What {name} does, in a sentence.", "tier": tier, "egress": egress, "enabled": True,
             "granted_for": ["default"]} for name, tier, egress in given]  # fmt: skip


def agents() -> Context:
    """Give the list of agents."""
    one = {"slug": "research-assistant", "url": "/agents/research-assistant/", "environment": "production", "model": "scripted-1",
           "prompt": {"label": "1.0.0", "url": "/prompts/research-assistant/1.0.0/"}, "tools": 14, "revision": 3,
           "sessions": {"running": 1, "waiting": 2}, "updated_at": ago(9000)}  # fmt: skip
    return frame("agents", items=[one])


def agent() -> Context:
    """Give one agent."""
    return frame("agents", agent={"slug": "research-assistant", "environment": "production", "revision": 3, "updated_at": ago(9000)},
                 facts=styleguide.samples(NOW)["facts"], tools=tools(), unknown=["gone_tool"], prompt={"label": "1.0.0", "url": "#"},
                 task_types=[{"name": "default", "scopes": ["documents:read", "mail:send"]}], document='{"slug": "x"}',
                 limits=[{"label": "Turns", "value": 20}, {"label": "Cost", "value": "$2.00"}], may_start=True,
                 revisions=[{"number": 3, "by": "Ada Admin", "note": "", "at": ago(9000)}])  # fmt: skip


def tool_list() -> Context:
    """Give all tools."""
    return frame("tools", families=[{"title": "Documents", "note": "", "tools": tools()}])


def prompts() -> Context:
    """Give the list of prompts."""
    return frame("prompts", items=[{"slug": "research-assistant", "url": "#", "live": "1.0.0", "versions": 2,
                                    "agents": ["research-assistant"], "updated_at": ago(90_000), "note": "First"}])  # fmt: skip


def prompt(view: str = "text") -> Context:
    """Give one prompt version."""
    one = {"version": "1.1.0", "text": styleguide.AFTER, "note": "Ask for ledger proof", "live": False, "parameters": '{"temperature": 0.2}'}
    versions = [{"version": v, "url": "#", "current": v == "1.1.0", "live": v == "1.0.0", "note": "A note", "at": ago(90_000)}
                for v in ("1.1.0", "1.0.0")]  # fmt: skip
    return frame("prompts", prompt={"slug": "research-assistant", "url": "#"}, version=one, versions=versions, view=view,
                 against="1.0.0", diff=diff.line_diff(styleguide.BEFORE, styleguide.AFTER), agents=["research-assistant"],
                 rows=[{"label": "Author", "value": "Paul Prompt"}, {"label": "Checksum", "value": "9f3c…e07a", "mono": True}],
                 history=[{"version": "1.0.0", "share": 100, "by": "Paul Prompt", "reason": "First", "at": ago(90_000)}])  # fmt: skip


def audit(ok: bool = True) -> Context:
    """Give the audit trail after a verification."""
    items = [{"n": 48213 - i, "url": f"/audit/{48213 - i}/", "at": ago(i * 7), "kind": "tool_call.awaiting", "tool": "send_email",
              "doc": "Policy asks people before the call may run.", "actor": "research-assistant", "stream": "session:S-88123",
              "stream_url": "?stream=session:S-88123", "hash": "9f3c" * 16} for i in range(8)]  # fmt: skip
    bad = None if ok else {"stream": "session:S-88123", "seq": 7, "log_index": 48_101, "reason": "its bytes do not give its hash.", "url": "#"}
    return frame("audit", items=items, older="?before=1", newer="", filters={}, kinds=["session.started"], may_verify=True,
                 verification={"ok": ok, "checked": 48_213, "at": NOW, "first_bad": bad})  # fmt: skip


def entry() -> Context:
    """Give one audit entry."""
    one = {"n": 48213, "stream": "session:S-88123", "seq": 12, "kind": "decision.made", "doc": "One reviewer gave a verdict on one revision.",
           "at": NOW, "hash": "9f3c" * 16, "prev_hash": "e07a" * 16, "body": '{"v":1}', "facts": '{"verdict": "approve"}'}  # fmt: skip
    contents = [{"name": "reasoning", "commitment": "ab" * 32, "text": "Because it was asked.", "note": ""},
                {"name": "arguments", "commitment": "cd" * 32, "text": None, "note": "Your role does not read raw content."}]  # fmt: skip
    return frame("audit", entry=one, contents=contents, rows=[{"label": "Principal", "value": "Remy Reviewer"}],
                 previous_url="#", next_url="#", may_verify=True)  # fmt: skip


def mail() -> Context:
    """Give the sent mail."""
    one = {"url": "#", "to": "finance@demo.example", "subject": "Duplicate charges", "from": "countersign@localhost", "at": ago(60)}
    return frame("mail", items=[one])


def mail_message() -> Context:
    """Give one message."""
    one = {"to": "finance@demo.example", "subject": "Duplicate charges", "from": "countersign@localhost", "at": ago(60), "body": BODY}
    return frame("mail", message={**one, "raw": "Subject: x\n\nbody"})


def tokens() -> Context:
    """Give the tokens just after one was made."""
    one = {"id": "a1", "name": "ci", "prefix": "ctk_a1", "kind": "service", "owner": "Olga", "scopes": ["sessions:read", "sessions:write"],
           "created_at": ago(90), "expires_at": later(900_000), "last_used_at": None, "revoked_at": None}  # fmt: skip
    return frame("tokens", items=[one], made={"secret": "ctk_a1_" + "x" * 40, "name": "ci"}, lifetimes=[("30", "30 days")],
                 scopes=[{"name": "sessions:read", "doc": "See sessions", "allowed": True},
                         {"name": "audit:read", "doc": "Read the trail", "allowed": False}], new={"scopes": []})  # fmt: skip


PAGES: dict[str, tuple[str, Context]] = {
    "approvals": ("approvals/page.html", approvals(opened=False)),
    "approval": ("approvals/page.html", approvals()),
    "approval-json": ("approvals/page.html", approvals(tab="json")),
    "approval-changes": ("approvals/page.html", approvals(tab="changes")),
    "approval-refused": ("approvals/page.html", approvals(bar={"verdicts": [], "refusal": "You started this session. Rosa can decide."})),
    "approval-conflict": ("approvals/page.html", approvals(item=request(status="rejected", decided_name="Rosa Reviewer", decided_at=ago(4)),
                                                           conflict=styleguide.samples(NOW)["conflict"])),
    "approval-held": ("approvals/page.html", approvals(item=request(status="held", decided_name="Remy Reviewer", decided_at=ago(1)), hold={
        "ref": "AP-20418", "undo_url": "/approvals/AP-20418/undo/", "until": later(4), "since": ago(1), "by_me": True})),
    "approval-question": ("approvals/page.html", approvals(item=request(kind="question", arguments=[], question="Which Lindqvist?"),
                                                           bar={**BAR, "verdicts": ["answer", "reject"]})),
    "approval-unknown": ("approvals/page.html", approvals(item=request(kind="unknown_outcome"),
                                                          bar={**BAR, "verdicts": ["happened", "run_again", "give_up"]})),
    "approval-destructive": ("approvals/page.html", approvals(item=request(risk=4, tier="destructive"), bar={**BAR, "needs_password": True})),
    "approvals-empty": ("approvals/page.html", approvals(groups=[], item=None, opened=False, last_decision="Last decision 4 min ago by Rosa.")),
    "edit": ("approvals/edit.html", edit()),
    "sessions": ("sessions/list.html", sessions()),
    "session": ("sessions/page.html", session()),
    "session-waterfall": ("sessions/page.html", session("waterfall")),
    "session-events": ("sessions/page.html", session("events")),
    "session-done": ("sessions/page.html", session(answer=f"The policy says: {BODY}", pending=[])),
    "agents": ("agents/list.html", agents()),
    "agent": ("agents/page.html", agent()),
    "tools": ("agents/tools.html", tool_list()),
    "prompts": ("prompts/list.html", prompts()),
    "prompt": ("prompts/page.html", prompt()),
    "prompt-diff": ("prompts/page.html", prompt("diff")),
    "audit": ("audit/list.html", audit()),
    "audit-broken": ("audit/list.html", audit(ok=False)),
    "entry": ("audit/entry.html", entry()),
    "mail": ("mail/list.html", mail()),
    "mail-message": ("mail/message.html", mail_message()),
    "tokens": ("tokens/list.html", tokens()),
    "styleguide": ("styleguide.html", frame("", **styleguide.samples(NOW))),
    "sign-in": ("sign_in.html", frame("", error="That address and password do not fit together.", username="remy@demo.example", demo=True)),
    "403": ("errors/403.html", frame("", detail="This needs the role auditor or admin.")),
    "404": ("errors/404.html", frame("")),
    "500": ("errors/500.html", {}),
}  # fmt: skip
