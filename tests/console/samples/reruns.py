"""Sample contexts of re-runs."""

from typing import Any

from console.diff import line_diff
from tests.console.samples.approvals import ARGUMENTS, BODY
from tests.console.samples.evals import acted
from tests.console.samples.frame import Context, ago, frame

SESSION = {"ref": "S-88123", "url": "/sessions/S-88123/", "replay_url": "/sessions/S-88123/turns/",
           "reruns_url": "/sessions/S-88123/reruns/", "title": "Find out what the refund policy says", "status": "completed",
           "agent": "research-assistant", "reads": True}  # fmt: skip


def rerun_line(number: int = 3, text: str = "Done", tone: str = "ok", icon: str = "check") -> Context:
    """Give one re-run as a list shows it."""
    return {"ref": f"R-{number}", "url": f"/reruns/R-{number}/", "chip": {"text": text, "icon": icon, "tone": tone},
            "prompt": "research-assistant", "version": "1.0.1", "version_url": "/prompts/research-assistant/1.0.1/",
            "model": "scripted-mini", "from_turn": 1, "turns": 4, "cost_microusd": 12_400, "by": "Paul Prompt", "at": ago(90)}  # fmt: skip


def offered(*, start: bool = True) -> Context:
    """Give what a session's turns say of its re-runs."""
    rows = [rerun_line(), rerun_line(2, "Runs", "acc", "activity")] if start else []
    return {"url": "/sessions/S-88123/reruns/", "start": "/sessions/S-88123/reruns/?turn=3" if start else "", "rows": rows}


def reruns(*, empty: bool = False, wrong: bool = False) -> Context:
    """Give the form, and what was made."""
    typed = {"version": "1.0.1", "model": "scripted-1", "from_turn": "1", "turns": "20", "cap_microusd": "0.50", "seconds": 300}
    form = {"versions": ["1.0.1", "1.0.0"], "own": "1.0.0", "prompt": "research-assistant", "models": ["scripted-1", "scripted-mini"],
            "last": 7, "most_turns": 100, "longest_s": 900, "typed": typed}  # fmt: skip
    names = ("session", "version", "model", "from_turn", "turns", "cap_microusd", "seconds")
    return frame(
        "sessions", session=SESSION, rows=[] if empty else [rerun_line(), rerun_line(2, "Failed", "bad", "circle-x")],
        older="" if empty else "?before=2", newer="", may=not empty, works=False, form=None if empty else form,
        errors={name: [BODY] for name in names} if wrong else {},
    )  # fmt: skip


def then_call(**more: Any) -> Context:
    """Give one call of the session."""
    return {"tool": "send_email", "tier": "irreversible_write", "status": "succeeded", "judged": "Asked people", "tone": "warn",
            "edited": True, "arguments": ARGUMENTS, **more}  # fmt: skip


def pair(place: int, **more: Any) -> Context:
    """Give one turn of both sides."""
    url = f"/sessions/S-88123/turns/?turn={place}"
    return {"place": place, "first": False, "differs": False, "same_text": True, "then": {"number": place, "text": BODY, "url": url},
            "now": {"number": place, "text": BODY}, "calls": [], **more}  # fmt: skip


def rerun(*, going: bool = False, hidden: bool = False) -> Context:
    """Give one re-run beside its session."""
    one = {**(rerun_line(3, "Runs", "acc", "activity") if going else rerun_line()), "error": BODY if going else "", "open": going,
           "ended": "" if going else "Broken off at its most turns", "broken": not going, "why": "" if going else BODY, "most_turns": 20,
           "share": 20, "cancels": going, "then": "1.0.0", "then_model": "scripted-1"}  # fmt: skip
    diff = None if hidden else line_diff('{"to": "kim"}', '{"to": "lee"}')
    bare: Context = {"arguments": "", "result": ""} if hidden else {}
    calls = [
        {"nr": "2.1", "same": True, "then": then_call(), "now": acted("2.1", elsewhere=True, **bare), "diff": None},
        {"nr": "2.2", "same": False, "then": then_call(), "now": acted("2.2", **bare), "diff": diff},
        {"nr": "2.3", "same": False, "then": then_call(), "now": None, "diff": None},
        {"nr": "2.4", "same": False, "then": None, "now": acted("2.4", **bare), "diff": None},
    ]
    rows = [pair(1), pair(2, first=True, differs=True, calls=calls), pair(3, now=None, differs=True), pair(4, then=None, differs=True),
            pair(5, same_text=False)]  # fmt: skip
    took = [{"label": "Turns", "then": "7", "now": "4"}, {"label": "Cost", "then": "$0.12", "now": "$0.08"}]
    return frame(
        "sessions", session=SESSION, rerun=one, took=took, count=5, more=12, hidden=hidden,
        record={"calls": 4, "recorded": 2, "elsewhere": 1, "unrecorded": 1, "refused": 1}, rows=rows,
        first={"place": 2, "url": "#pair-2"}, earlier="/reruns/R-3/?from=0", later="/reruns/R-3/?from=80",
        answer=None if hidden else line_diff("Thirty days.", BODY),
    )  # fmt: skip
