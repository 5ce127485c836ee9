"""Sample contexts of grading."""

from typing import Any

from tests.console.samples.approvals import BODY
from tests.console.samples.frame import Context, ago, frame


def line(number: int = 12, status: str = "waiting", **more: Any) -> Context:
    """Give one item as a list shows it."""
    return {"ref": f"G-{number}", "url": f"/evals/grading/items/G-{number}/", "subject": "S-88123", "subject_url": "/sessions/S-88123/",
            "agent": "research-assistant", "rubric": "Was it any help", "status": status, "grades": 2, "at": ago(90), "held": "",
            "mine": False, "readable": True, "why": "", **more}  # fmt: skip


def rules(*, empty: bool = False) -> list[Any]:
    """Give what is graded, as lines."""
    one = {"kind": "agent", "key": "research-assistant", "what": "the sessions of research-assistant", "share": 10,
           "rubric": "was-it-help", "rubric_url": "/evals/grading/rubrics/was-it-help/", "judge": "scripted-mini",
           "cap_microusd": 1_000_000, "dollars": "1.00", "by": "Paul Prompt", "at": ago(600), "waiting": 3, "graded": 41,
           "coming": 2}  # fmt: skip
    return [] if empty else [one, {**one, "what": "the results of no-harm", "share": 0, "judge": "", "coming": 0}]


def grading(*, empty: bool = False) -> Context:
    """Give the queue."""
    lines = [line(), line(13, held="Rosa Review"), line(14, mine=True), line(15, readable=False), line(16, "graded"),
             line(17, "skipped", why=BODY)]  # fmt: skip
    states = [{"name": name, "title": name.capitalize()} for name in ("waiting", "graded", "skipped")]
    return frame("evals", status="waiting", states=states, items=[] if empty else lines, older="" if empty else "?status=waiting&after=17",
                 newer="", may_grade=not empty, may_set=not empty, rules=rules(empty=empty))  # fmt: skip


def criterion(name: str = "right", *, given: bool = False, errors: list[str] | None = None) -> Context:
    """Give one criterion of the form."""
    grades = [{"by": "Rosa Review", "judge": False, "score": 2, "label": "Partly so", "note": BODY},
              {"by": "scripted-mini", "judge": True, "score": 3, "label": "So throughout", "note": ""}]  # fmt: skip
    return {"name": name, "title": "It was right", "guide": BODY, "most": 3, "note": "", "errors": errors or [],
            "steps": [{"value": n, "label": label, "chosen": n == 2} for n, label in enumerate(("Made up", "Partly so", "So"), 1)],
            "given": grades if given else []}  # fmt: skip


def grading_item(kind: str = "asks") -> Context:
    """Give one item: `asks` for a grade, is `graded`, was `skipped`, is `hidden`, or was `wrong`ly filled in."""
    messages = [
        {"place": 1, "role": "user", "who": "To the model", "text": BODY, "cut": 0, "answers": "", "calls": []},
        {"place": 2, "role": "assistant", "who": "The model", "text": "", "cut": 9, "answers": "",
         "calls": [{"id": "c1", "tool": "search_documents", "arguments": '{"query": "refund"}'}]},
        {"place": 3, "role": "tool", "who": "Result", "text": BODY, "cut": 0, "answers": "c1", "calls": []},
    ]  # fmt: skip
    asks, graded = kind in ("asks", "wrong"), kind == "graded"
    errors = ["Choose a step."] if kind == "wrong" else []
    given = [{"by": "scripted-mini", "judge": True, "at": ago(30), "reason": BODY}] if graded else []
    return frame(
        "evals", item=line(status=kind if kind in ("graded", "skipped") else "waiting", why=BODY if kind == "skipped" else ""),
        revision=2, rubric_url="/evals/grading/rubrics/was-it-help/", hidden=kind == "hidden",
        messages_shown=[] if kind == "hidden" else messages, criteria=[criterion(given=graded, errors=errors), criterion("kind")],
        asks=asks, again=False, may_again=graded, may_skip=asks, may_release=asks, may_grade=kind != "hidden",
        others=2 if kind == "hidden" else 0, given=given, reason="", reason_errors=errors,
    )  # fmt: skip


def grading_rules(*, empty: bool = False, wrong: bool = False) -> Context:
    """Give how much is graded, and the rubrics."""
    rubric = {"slug": "was-it-help", "url": "/evals/grading/rubrics/was-it-help/", "title": BODY, "criteria": 3, "revision": 2,
              "by": "Paul Prompt", "at": ago(600)}  # fmt: skip
    names = ("what", "share", "rubric", "judge", "cap_microusd")
    return frame(
        "evals", rules=rules(empty=empty), rubrics=[] if empty else [rubric], new_url="/evals/grading/rubrics/new/", may_set=not empty,
        may_edit=not empty, whats=[{"value": "agent:research-assistant", "label": "Sessions of research-assistant"}],
        typed=dict.fromkeys(("what", "share", "rubric", "judge", "cap"), ""),
        errors={name: [f"`{name}` is not right."] if wrong else [] for name in names},
    )  # fmt: skip


def grading_rubric(*, new: bool = False, wrong: bool = False) -> Context:
    """Give one rubric with its form, or that of a new one."""
    part = {
        "name": "right",
        "title": "It was right",
        "guide": BODY,
        "scale": ["Made up", "Partly so", "So"],
        "lines": "Made up\nSo",
    }
    blank = {"name": "", "title": "", "guide": "", "scale": [], "lines": ""}
    older = {
        "slug": "was-it-help",
        "url": "",
        "title": "Was it help",
        "criteria": 1,
        "revision": 1,
        "by": "Paul",
        "at": ago(900),
    }
    return frame(
        "evals", slug="" if new else "was-it-help", typed_slug="", title="" if new else "Was it any help",
        heading="" if new else "Was it any help", revision=0 if new else 2, shown="0" if new else "2", author="Paul Prompt",
        at=ago(600), criteria=[] if new else [part], fields=[blank] if new else [part, blank], edits=not wrong or new,
        errors=["document.title: too short"] if wrong else [], older=[] if new else [older],
    )  # fmt: skip


def told(n: int, kappa: str = "", between: str = "") -> Context:
    """Give an agreement in words."""
    return {"n": n, "same": n * 3 // 4, "near": n, "small": 0 < n < 30, "kappa": kappa, "between": between}


def measured(*, judged: bool = True) -> list[Context]:
    """Give what was measured, criterion by criterion."""
    return [
        {
            "title": "It was right",
            "steps": 3,
            "judge": told(48, "0.62", "0.41 to 0.83") if judged else told(0),
            "people": told(9),
        },
        {"title": BODY, "steps": 2, "judge": told(48) if judged else told(0), "people": told(0)},
    ]


def grading_results(*, empty: bool = False) -> Context:
    """Give how far the judge and people agree."""
    one = {"what": "the sessions of research-assistant", "kind": "agent", "key": "research-assistant", "rubric": "Was it any help",
           "rubric_url": "/evals/grading/rubrics/was-it-help/", "revision": 2, "judge": "scripted-mini", "graded": 48, "judged": True,
           "rows": measured()}  # fmt: skip
    return frame("evals", small=30, rules=[] if empty else [one, {**one, "judge": "", "rows": measured(judged=False)}])
