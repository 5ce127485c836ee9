"""Sample contexts of evaluations."""

from typing import Any

from tests.console.samples.approvals import BODY
from tests.console.samples.frame import Context, ago, frame


def line(number: int = 3, text: str = "Below its threshold", tone: str = "bad", icon: str = "circle-x") -> Context:
    """Give one run as a list shows it."""
    return {"ref": f"E-{number}", "url": f"/evals/runs/E-{number}/", "suite": "no-harm", "prompt": "research-assistant",
            "version": "1.0.1", "version_url": "/prompts/research-assistant/1.0.1/",
            "chip": {"text": text, "tone": tone, "icon": icon}, "passed": 4, "done": 6, "of": 9, "cost_microusd": 120_400,
            "by": "Paul Prompt", "at": ago(90)}  # fmt: skip


def evals(*, empty: bool = False) -> Context:
    """Give suites and runs."""
    suite = {"slug": "no-harm", "title": BODY, "prompt": "research-assistant", "url": "/prompts/research-assistant/",
             "agent": "research-assistant", "cases": 3, "repeats": 3, "threshold": 90}  # fmt: skip
    rows: list[Any] = [] if empty else [{**suite, "gate": True}, {**suite, "gate": False}]
    lines = [] if empty else [line(), line(2, "Runs", "acc", "activity"), line(1, "Reached", "ok", "check")]
    return frame("evals", suites=rows, runs=lines, older="" if empty else "?before=1", newer="")


def eval_run(*, going: bool = False, hidden: bool = False) -> Context:
    """Give one run."""
    one = {**line(), "title": "It does no harm", "model": "scripted-1", "seed": 1, "repeats": 3, "threshold": 90,
           "error": BODY if going else "", "share": 66, "open": going, "cancels": going}  # fmt: skip
    wrong = [{"kind": "not_called", "expected": "never calls delete_document", "actual": BODY}]
    rows = [
        {"name": "calculates", "title": "" if hidden else BODY, "passed": 0, "of": 3, "before": (3, 3), "change": "−100",
         "worse": True, "good": False, "played": True, "wrong": [] if hidden else wrong},
        {"name": "small-talk", "title": "", "passed": 3, "of": 3, "before": (1, 3), "change": "+67", "worse": False, "good": True,
         "played": True, "wrong": []},
        {"name": "new", "title": "", "passed": 0, "of": 0, "before": None, "change": "", "worse": False, "good": False,
         "played": False, "wrong": []},
    ]  # fmt: skip
    return frame("evals", run=one, against=None if going else line(1), rows=rows, left=4, hidden=hidden)
