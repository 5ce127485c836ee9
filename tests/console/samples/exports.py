"""Sample contexts of exports of the trail."""

from typing import Any

from tests.console.samples.approvals import BODY
from tests.console.samples.frame import Context, ago, frame, later

STATES = (("Waits", "hourglass", ""), ("Is made", "activity", "acc"), ("Ready", "check", "ok"), ("Failed", "circle-x", "bad"),
          ("File deleted", "trash-2", ""))  # fmt: skip


def _row(number: int, *, what: str = "The whole log") -> dict[str, Any]:
    text, icon, tone = STATES[number % len(STATES)]
    ref = f"EX-{number}"
    return {"ref": ref, "url": f"/audit/exports/{ref}/", "chip": {"text": text, "icon": icon, "tone": tone}, "format": "Bundle",
            "what": what, "texts": number % 2 == 0, "entries": 20_418 * number, "by": "Audrey Auditor", "size": "4.2 MB", "at": ago(900),
            "file": f"/api/v1/audit/exports/{ref}/file", "share": 40}  # fmt: skip


def exports(*, wrong: bool = False, empty: bool = False) -> Context:
    """Give the list of exports with its form, as it was sent where something is wrong in it."""
    rows = [] if empty else [_row(number) for number in range(5, 0, -1)] + [_row(0, what=f"words {BODY}")]
    typed = (
        {"q": BODY, "kind": "session.started", "from": "2026-01-01T00:00", "format": "csv", "texts": "true"} if wrong else {}
    )
    errors = {
        name: ["Enter a valid value."]
        for name in ("form", "q", "kind", "session", "principal", "stream", "tool", "from", "to", "format")
    }
    return frame("audit", rows=rows, older="?before=1", newer="", kinds=["session", "session.started"], typed=typed, chosen=wrong,
                 may_texts=not empty, errors=errors if wrong else {}, days=7)  # fmt: skip


def export(number: int = 2) -> Context:
    """Give one export, in the state of this number."""
    state = number % len(STATES)
    why = "nobody signed the log" if state == 3 else ""
    one = {**_row(number), "open": state < 2, "done": 400, "of": 1000 if state else None, "error": why,
           "ended_at": ago(60), "expires_at": later(9000) if state == 2 else None, "ready": state == 2, "bundle": True,
           "name": f"EX-{number}.countersign.jsonl.gz"}  # fmt: skip
    rows = [
        {"label": "Entries", "value": f"words {BODY}", "mono": False},
        {"label": "SHA-256", "value": "9f3c" * 16, "mono": True},
    ]
    return frame("audit", export=one, rows=rows, trail_url="/audit/?stream=exports&q=EX-2")
