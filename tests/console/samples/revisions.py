"""Sample contexts of what an agent was."""

import json

from console import diff
from tests.console.samples.frame import Context, ago, frame


def line(number: int, current: int) -> Context:
    """Give one revision of the list."""
    return {"number": number, "url": f"/agents/desk/revisions/{number}/", "by": "Ada Admin", "at": ago(9_000 * (5 - number)),
            "note": "Asks the new model" if number == 3 else "", "live": number == 4, "current": number == current}  # fmt: skip


def agent_revision(view: str = "diff") -> Context:
    """Give one revision beside the others, with a reason that is missing."""
    old, new = {"model": "scripted-1", "tools": ["calculate"]}, {"model": "scripted-2", "tools": ["calculate"]}
    changes = diff.line_diff(json.dumps(old, indent=2), json.dumps(new, indent=2)) if view == "diff" else None
    return frame(
        "agents", agent={"slug": "desk", "url": "/agents/desk/"}, revision=line(3, 3), revisions=[line(n, 3) for n in (4, 3, 2)],
        older="?older=2", newer="", others=[4, 2], document=new, view=view, against=2, diff=changes, base=4, may_restore=True,
        rows=[{"label": "Made by", "value": "Ada Admin"}], typed="", error="`note` says why, in 3 to 500 characters.",
    )  # fmt: skip
