"""Samples of the pages of raw content, of deleting on request, and of the push of entries."""

from typing import Any

from audit.retention.classes import CLASSES
from tests.console.samples.frame import Context, ago, frame

TOKEN = "ab" * 32
ONE = {"ref": "S-88123", "url": "/sessions/S-88123/"}


def contents(*, reader: bool = False) -> Context:
    """Give rules, holds, deletions, and who read what."""
    classes: list[dict[str, Any]] = [{"cls": cls, "told": told, "days": None, "revision": 0, "deleted": 0, "set_by": "", "set_at": None}
               for cls, told in CLASSES.items()]  # fmt: skip
    classes[7] |= {"days": 90, "revision": 2, "deleted": 20_418, "set_by": "Ada Admin", "set_at": ago(90_000)}
    holds = [{"id": "0" * 32, "scope": "session", "whose": "S-88123", "reason": "A court asked for it.",
              "placed_name": "Ada Admin", "placed_at": ago(9000)},
             {"id": "1" * 32, "scope": "principal", "whose": "maria@customer.example", "reason": "A complaint is open.",
              "placed_name": "Ada Admin", "placed_at": ago(9000)}]  # fmt: skip
    deletions = [{"number": 12, "reason": "The customer asked for it.", "texts": 412, "by_name": "Ada Admin", "at": ago(90_000),
                  "asked": {"tenant": "kestrel"}, "beside": {"deleted files": 3, "left cases": 1}}]  # fmt: skip
    read = {"url": "", "at": ago(60), "actor": "Ada Admin", "item": "sessions", "doc": "A person or program read raw content."}
    entries = [{**read, "url": "/audit/20418/", "item": "S-88123"}, read]
    return frame(
        "audit", may=not reader, classes=classes, holds=[] if reader else holds, deletions=[] if reader else deletions,
        about="user:5" if reader else "", entries=[] if reader else entries, typed={"scope": "principal", "whose": "S-1", "reason": "x"},
        errors={} if reader else {"reason": ["Ensure this value has at least 3 characters."], "days": ["It is 1 to 36,500."]},
    )  # fmt: skip


def delete(**more: Any) -> Context:
    """Give what a deletion would take, and the form that does it."""
    sessions = [{**ONE, "ref": f"S-{number}"} for number in range(88100, 88125)]
    found = {"sessions": sessions, "more": True, "open": [], "held": [], "token": TOKEN,
             "texts": [{"name": "goal", "n": 25}, {"name": "result", "n": 118}],
             "goes": [{"name": "memories", "n": 2}, {"name": "files", "n": 0}],
             "stays": [{"name": "approval requests", "n": 4}, {"name": "cases", "n": 1}]}  # fmt: skip
    choices = [
        {"value": "session", "label": "The session", "chosen": False},
        {"value": "tenant", "label": "Sessions of the tenant", "chosen": True},
    ]
    return frame(
        "audit", by="tenant", whose="kestrel", choices=choices, found={**found, **more}, most=500, reason="x",
        errors={"reason": ["Ensure this value has at least 3 characters."]},
    )  # fmt: skip


def push(*, reader: bool = False) -> Context:
    """Give targets that go well, are paused and have failed, a secret that was just made, and the form."""
    row = {"name": "archive", "way": "webhook", "address": "https://archive.example/in", "kinds": [], "status": "active",
           "cursor": 20_418, "behind": 0, "oldest_waiting": None, "failures": 0, "error": "", "sent": 20_418,
           "sent_at": ago(3), "created_by": "Ada Admin"}  # fmt: skip
    failed = {**row, "name": "siem", "status": "stopped", "cursor": 20_000, "behind": 418, "oldest_waiting": ago(9000), "failures": 20,
              "error": "The receiver answered 503.", "kinds": ["decision", "alarm"]}  # fmt: skip
    fresh = {**row, "name": "lines", "way": "file", "address": "lines.jsonl", "status": "paused", "sent_at": None, "sent": 0}
    return frame(
        "audit", may=not reader, head=20_418, files=not reader, items=[] if reader else [row, failed, fresh], nouns=["alarm", "decision"],
        typed={"way": "file", "name": "x", "address": "a", "kinds": "decision", "start": "0"},
        errors={} if reader else {"address": ["`address` is not encrypted."], "again": ["`start` is 1 to 20,419."]},
        made=None if reader else {"name": "archive", "secret": "whsec_c2VjcmV0"},
    )  # fmt: skip
