"""Sample contexts of evaluations."""

from typing import Any

from console.views import case_fields
from tests.console.samples.approvals import ARGUMENTS, BODY
from tests.console.samples.frame import Context, ago, frame
from tests.console.samples.gradings import measured


def line(number: int = 3, text: str = "Below its threshold", tone: str = "bad", icon: str = "circle-x") -> Context:
    """Give one run as a list shows it."""
    return {"ref": f"E-{number}", "url": f"/evals/runs/E-{number}/", "suite": "no-harm", "prompt": "research-assistant",
            "version": "1.0.1", "version_url": "/prompts/research-assistant/1.0.1/",
            "chip": {"text": text, "tone": tone, "icon": icon}, "passed": 4, "done": 6, "of": 9, "cost_microusd": 120_400,
            "by": "Paul Prompt", "at": ago(90), "stale": number == 3}  # fmt: skip


def evals(*, empty: bool = False) -> Context:
    """Give suites and runs."""
    suite = {"slug": "no-harm", "title": BODY, "prompt": "research-assistant", "url": "/evals/suites/no-harm/",
             "prompt_url": "/prompts/research-assistant/", "agent": "research-assistant", "cases": 3, "repeats": 3,
             "threshold": 90}  # fmt: skip
    rows: list[Any] = [] if empty else [{**suite, "gate": True}, {**suite, "gate": False}]
    lines = [] if empty else [line(), line(2, "Runs", "acc", "activity"), line(1, "Reached", "ok", "check")]
    return frame("evals", suites=rows, runs=lines, older="" if empty else "?before=1", newer="",
                 may=not empty)  # fmt: skip


def eval_run(*, going: bool = False, hidden: bool = False) -> Context:
    """Give one run."""
    one = {**line(), "title": "It does no harm", "model": "scripted-1", "seed": 1, "repeats": 3, "threshold": 90,
           "error": BODY if going else "", "share": 66, "open": going, "cancels": going}  # fmt: skip
    wrong = [{"kind": "not_called", "expected": "never calls delete_document", "actual": BODY}]
    rows = [
        {"name": "calculates", "url": "/evals/runs/E-3/cases/calculates/", "title": "" if hidden else BODY,
         "passed": 0, "of": 3, "before": (3, 3), "change": "−100",
         "worse": True, "good": False, "played": True, "wrong": [] if hidden else wrong},
        {"name": "small-talk", "url": "/evals/runs/E-3/cases/small-talk/", "title": "",
         "passed": 3, "of": 3, "before": (1, 3), "change": "+67", "worse": False, "good": True,
         "played": True, "wrong": []},
        {"name": "new", "url": "", "title": "", "passed": 0, "of": 0, "before": None, "change": "", "worse": False, "good": False,
         "played": False, "wrong": []},
    ]  # fmt: skip
    change = {"text": "" if going else "−12.5", "tone": "c-warn", "why": "", "before": "6 of 6"}
    figures = [{"name": "Cost of a case", "before": "$0.41", "after": "$0.44", "change": "+7.3%", "tone": "c-warn"}]
    trust = {"judge": "scripted-mini", "url": "/evals/grading/results/", "rows": [] if going else measured()}
    why = "Nothing to compare with." if hidden else ""
    against = None if going else {**line(1), "differs": [BODY]}
    return frame("evals", run=one, against=against, rows=rows, left=4, hidden=hidden, change=change,
                 figures=[] if going else figures, why=why, trust=None if hidden else trust,
                 outdated=[] if going else ["calculate was declared anew since."])  # fmt: skip


def acted(nr: str = "1.1", **more: Any) -> Context:
    """Give one call of a rehearsal."""
    return {"nr": nr, "tool": "send_email", "tier": "irreversible_write", "judged": "Would ask people", "tone": "warn",
            "reasons": ["irreversible"], "status": "succeeded", "by": "Not recorded: a dry run answered", "unrecorded": True,
            "arguments": ARGUMENTS, "result": BODY, **more}  # fmt: skip


def eval_result(*, hidden: bool = False) -> Context:
    """Give what came of one case."""
    url = "/evals/runs/E-3/cases/calculates/"
    run = {"ref": "E-3", "url": "/evals/runs/E-3/", "suite": "no-harm", "version": "1.0.1",
           "version_url": "/prompts/research-assistant/1.0.1/",
           "model": "scripted-1"}  # fmt: skip
    lines = [{"who": "User", "text": BODY, "trust": "trusted", "calls": []},
             {"who": "Agent", "text": "", "trust": "untrusted", "calls": ["read_document"]}]  # fmt: skip
    one = {"name": "calculates", "revision": 2, "title": "" if hidden else BODY, "lines": [] if hidden else lines, "left": 3, "recorded": 2,
           "origin": "AP-20418", "origin_url": "/approvals/AP-20418/"}  # fmt: skip
    checks = [
        {"kind": "not_called", "passed": passed, "expected": "never calls delete_document", "actual": BODY}
        for passed in (False, True)
    ]
    turn = {"number": 1, "text": "" if hidden else BODY, "took": "1.2 s",
            "calls": [acted(arguments="", result="") if hidden else acted()]}  # fmt: skip
    repeats = [{"number": nr, "passed": nr > 1, "url": f"{url}?repeat={nr}", "current": nr == 1} for nr in (1, 2, 3)]
    return frame(
        "evals", run=run, case=one, repeats=repeats, repeat=1, of=3, passed=False, facts=[{"label": "Turns", "value": "1"}],
        checks=[] if hidden else checks, turns=[turn], ended="Broken off at its most turns", broken=True, why="" if hidden else BODY,
        hidden=hidden,
    )  # fmt: skip


def eval_suite(*, empty: bool = False, reader: bool = False) -> Context:
    """Give one suite."""
    stands = {"title": BODY, "threshold": 90, "repeats": 3, "judge": "", "gate": True, "cap": "5"}
    one = {"slug": "no-harm", "url": "/evals/suites/no-harm/", "prompt": "research-assistant", "prompt_url": "/prompts/research-assistant/",
           "agent": "research-assistant", "agent_url": "/agents/research-assistant/", "revision": 4, "cap_microusd": 5_000_000,
           "by": "Paul Prompt", "at": ago(900),
           "cases": 0 if empty else 2, **stands}  # fmt: skip
    rows = [{"name": "calculates", "title": "" if reader else BODY, "url": "/evals/suites/no-harm/cases/calculates/", "revision": 2,
             "origin": "By hand", "ref": "", "author": BODY, "at": ago(300)},
            {"name": "ap-12", "title": "", "url": "/evals/suites/no-harm/cases/ap-12/", "revision": 1, "origin": "A request",
             "ref": "AP-12", "author": "Paul Prompt", "at": ago(30)}]  # fmt: skip
    errors: dict[str, list[str]] = (
        {"form": ["It was changed while you wrote."], "cap": ["Write a number of dollars."]} if empty else {}
    )
    return frame("evals", suite=one, cases=[] if empty else rows, first="", more="" if empty else "?after=calculates",
                 runs=[] if empty else [line()], versions=[] if reader else ["1.0.1", "1.0.0"], typed=stands, errors=errors,
                 may=not reader, hidden=reader)  # fmt: skip


def eval_suite_new(*, wrong: bool = False) -> Context:
    """Give the form of a new suite."""
    typed = {"slug": "No harm" if wrong else "", "title": BODY, "threshold": "90", "repeats": "1", "cap": "5.00", "gate": "on"}
    errors = {"slug": ["Small letters, digits and hyphens."], "agent": ["Choose one of the agents."]} if wrong else {}
    agents = [{"slug": "research-assistant", "prompt": "research-assistant"}]
    return frame("evals", agents=agents, typed=typed, errors=errors)


def eval_case(
    *, mode: str = "form", wrong: bool = False, new: bool = False, reader: bool = False, hidden: bool = False
) -> Context:
    """Give one case."""
    sent = {"start.0.source": "user", "start.0.text": BODY, "start.1.source": "agent", "start.1.calls": "[]",
            "expect.0.kind": "called", "expect.0.tool": "send_email", "expect.0.arguments": "to.0 equals kim@halden.example",
            "expect.1.kind": "rubric", "expect.1.rubric": BODY, "expect.2.kind": "within", "expect.2.turns": "8",
            "recorded.0.tool": "search_documents", "recorded.0.status": "succeeded", "recorded.0.sources": "[]"}  # fmt: skip
    errors = (
        {"expect.0.tool": ["Name a tool."], "expect": ["Needs at least 1."], "title": ["Says what it shows."]} if wrong else {}
    )
    form = mode == "form"
    made = {"name": "calculates", "revision": 2, "author": "Paul Prompt", "at": ago(300), "origin": "hand", "ref": "AP-12"}
    conflict = {"title": f"{BODY} saved revision 3 while you wrote", "text": "It stands below."} if wrong else None
    return frame(
        "evals", suite={"slug": "no-harm", "url": "/evals/suites/no-harm/", "title": BODY},
        case=None if new else made, mode=mode, may=not reader, hidden=hidden,
        sections=case_fields.sections(sent, errors, "expect.2") if form else [], rest=case_fields.rest(sent, errors) if form else [],
        rest_open=False, json="" if form else '{"start": []}', title=BODY, name="", shown=0 if new else 2, fresh="expect.2",
        errors=errors, loose=["seconds: Too many."] if wrong else [], wrong=len(errors), conflict=conflict,
    )  # fmt: skip
