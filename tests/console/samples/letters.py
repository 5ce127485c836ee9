"""Samples of dead letters, schedules and inlets."""

from typing import Any

from tests.console.samples.frame import Context, ago, frame, later


def dead_letters() -> Context:
    """Give the list of dead letters, with what came of some of them above."""
    row = {"ref": "S-88120", "url": "/sessions/S-88120/", "title": "Summarise the recall of Kestrel Foods", "agent": "research-assistant",
           "started_name": "Paul Prompt", "ended_at": ago(7200), "turns": 4, "cost_microusd": 18_400, "dry_run": False,
           "category": "model", "error": "The model provider could not be reached"}  # fmt: skip
    kinds = [{"category": "model", "code": "model_unavailable", "title": row["error"], "count": 2, "oldest": ago(9000), "chosen": True},
             {"category": "tool", "code": "poison", "title": "Kept after its workers failed again and again", "count": 1,
              "oldest": ago(600), "chosen": False}]  # fmt: skip
    results = [{"ref": "S-88119", "url": "/sessions/S-88119/", "done": True, "text": "Queued again"},
               {"ref": "S-88118", "url": "/sessions/S-88118/", "done": False, "text": "S-88118 is queued."}]  # fmt: skip
    return frame(
        "dead-letters", may=True, count=3, oldest=ago(9000), kinds=kinds, filtered="No dead letter", left_out="", newer="",
        older="/dead-letters/?before=88120", filters={"category": "model", "code": "model_unavailable", "agent": ""}, most=50,
        items=[row], results=results, left=7, until=later(0).isoformat(), matching=57, error="`note` says why.",
        typed={"instruction": "Use the letter.", "note": "", "as_now": "1", "every": "1"},
    )  # fmt: skip


def schedules() -> Context:
    """Give schedules, one of them paused, and the form that makes one."""
    row = _schedule()
    return frame(
        "schedules", may_make=True, may_act=True, items=[row, {**row, "name": "nightly", "status": "paused", "newest": []}],
        older="/schedules/?after=weekly-report", agents=["research-assistant"], errors={"cron": ["`cron` is no time."]},
        typed={"name": "x", "agent": "research-assistant", "goal": "Do it.", "cron": "soon", "zone": "UTC",
               "overlap": "start", "missed": "never", "webhook_url": "http://x"},
    )  # fmt: skip


def schedule(**more: Any) -> Context:
    """Give one schedule and the form that changes it."""
    row = {**_schedule(), **more}
    return frame(
        "schedules", row=row, may_act=row["status"] != "ended", may_change=row["status"] != "ended", agents=["research-assistant"],
        typed={name: row[name] for name in ("agent", "goal", "cron", "zone", "overlap", "missed", "webhook_url")},
        errors={"zone": ["`zone` is no time zone."]},
    )  # fmt: skip


def _schedule() -> Context:
    return {"name": "weekly-report", "agent": "research-assistant", "goal": "Summarise what changed in our policies.", "cron": "0 6 * * 1",
            "agent_url": "/agents/research-assistant/", "zone": "Europe/Berlin", "missed": "once", "webhook_url": "",
            "revision": 3, "status": "active", "overlap": "skip", "next_at": later(7200),
            "created_name": "Ada Admin", "coming": [later(7200), later(93600)],
            "newest": [{"due_at": ago(9000), "ref": "S-88120", "why": ""},
                       {"due_at": ago(99000), "ref": "", "why": "S-88100 still works."}]}  # fmt: skip


def inlets() -> Context:
    """Give inlets, one of them paused, a secret that was just made, and the form that makes one."""
    row = _inlet()
    return frame(
        "schedules", may_make=True, may_act=True, items=[row, {**row, "name": "forms", "status": "paused", "newest": []}],
        older="/inlets/?after=tickets", agents=["research-assistant"], errors={"per_hour": ["Ensure this value is at least 1."]},
        typed={"name": "x", "agent": "research-assistant", "goal": "Do it.", "per_hour": "0", "webhook_url": ""},
        made={"name": "tickets", "url": row["url"], "secret": "whsec_c2VjcmV0"},
    )  # fmt: skip


def inlet(**more: Any) -> Context:
    """Give one inlet, the form that changes it, and a secret that was just made."""
    row = {**_inlet(), **more}
    return frame(
        "schedules", row=row, may_act=row["status"] != "ended", may_change=row["status"] != "ended", agents=["research-assistant"],
        typed={name: row[name] for name in ("agent", "goal", "per_hour", "webhook_url")},
        errors={"per_hour": ["Ensure this value is at least 1."]},
        made={"name": "tickets", "url": row["url"], "secret": "whsec_c2VjcmV0"} if row["status"] != "ended" else None,
    )  # fmt: skip


def _inlet() -> Context:
    return {"name": "tickets", "url": "https://console.example/api/v1/inlets/tickets", "agent": "research-assistant", "status": "active",
            "goal": "Find what our policies say about this ticket.", "per_hour": 60, "revision": 2, "webhook_url": "",
            "agent_url": "/agents/research-assistant/", "created_name": "Ada Admin",
            "newest": [{"at": ago(9000), "ref": "S-88120", "message": "msg_2f1"}]}  # fmt: skip
