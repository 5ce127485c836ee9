"""Sample contexts of a session's turns, one by one."""

from typing import Any

from tests.console.samples.approvals import ARGUMENTS, BODY
from tests.console.samples.frame import Context, ago, frame
from tests.console.samples.lives import case
from tests.console.samples.reruns import offered


def message(place: int, role: str, text: str, **more: Any) -> Context:
    """Give one message that a model was given."""
    who = {"system": "System", "user": "To the model", "assistant": "The model", "tool": "Result"}[role]
    return {"place": place, "role": role, "who": who, "text": text, "cut": 0, "calls": [], "answers": "", **more}


def call(**more: Any) -> Context:
    """Give one call of a turn."""
    decided = {"by": "Rosa Reviewer", "verdict": "approve", "voided": "", "at": ago(60), "words": BODY}
    return {
        "name": "send_email", "key": "S-88123/3.1", "status": "succeeded", "tier": "irreversible_write", "edited": True,
        "trust": "untrusted",
        "verdict": "Asked people", "tone": "warn", "reasons": ["It cannot be taken back."], "raw": ARGUMENTS, "arguments": ARGUMENTS,
        "result": BODY, "cut": 12, "error_type": "api_error", "took": "1.2 s", "dry": True,
        "asked": [{"request": {"ref": "AP-20418", "url": "/approvals/AP-20418/"}, "status": "consumed", "decisions": [decided]}],
        **more,
    }  # fmt: skip


def led(*, asked: bool = True) -> Context:
    """Give what led to a call."""
    one = {"key": "S-88123/3.1", "tool": "send_email", "status": "succeeded", "tier": "irreversible_write", "edited": True,
           "dry": not asked}  # fmt: skip
    known = {"name": "Revision 4", "url": "#", "checksum": "9f3c" * 16, "author": "Ada Admin"}
    said = {"by": "Rosa Reviewer", "verdict": "Approved", "at": ago(60), "notes": "in the place of Remy", "revision": 2,
            "digest": "e07a" * 16}  # fmt: skip
    return frame(
        "sessions", session={"ref": "S-88123", "url": "/sessions/S-88123/", "turn": "/sessions/S-88123/turns/?turn=3"}, led=one,
        prompt=known if asked else {}, policy=known if asked else {}, decisions=[said] if asked else [],
        request_of={"ref": "AP-20418", "url": "#"} if asked else None, rows=[{"label": "Key", "value": "S-88123/3.1", "mono": True}],
        entry={"n": 48213, "url": "#"} if asked else None,
    )  # fmt: skip


def replay(*, hidden: bool = False, turn: Any = 3) -> Context:
    """Give one turn beside the others."""
    url = "/sessions/S-88123/turns/"
    lines = [
        {"number": n, "url": f"{url}?turn={n}", "current": n == turn, "at": ago(400 - 30 * n), "what": "search_documents", "bad": n == 2}
        for n in range(1, 8)
    ]  # fmt: skip
    old = [
        message(3, "assistant", "", calls=[{"id": "c1", "tool": "read_document", "arguments": "{}"}]),
        message(4, "tool", BODY, cut=9),
    ]
    new = [message(5, "assistant", BODY), message(6, "tool", BODY)]
    given = {"count": 6, "omitted": 2, "system": message(1, "system", BODY), "older": old, "left": 30, "new": new}
    bare: Context = {"count": 6, "omitted": 0, "system": None, "older": [], "left": 0, "new": []}
    one = {"ref": "S-88123", "url": "/sessions/S-88123/", "title": "Find out what the refund policy says", "status": "completed",
           "agent": "research-assistant"}  # fmt: skip
    return frame(
        "sessions", session=one, last=7, replay_url=url, turn={"number": turn} if turn else None, turns=lines,
        newer="", older=f"{url}?turn=51", previous=f"{url}?turn=2", next=f"{url}?turn=4",
        facts=[{"label": "Context", "value": "1,204 tokens", "title": "of 60,000"}],
        rows=[{"label": "Prompt", "value": "research-assistant 1.0.0", "href": "/prompts/research-assistant/1.0.0/"}],
        hidden=hidden, answer="" if hidden else BODY, given=bare if hidden else given, calls=[call()],
        case=case(made=[], may=False) if hidden else case(), reruns=offered(start=not hidden),
    )  # fmt: skip
