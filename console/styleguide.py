"""Sample values for the style guide, which shows every leaf of the interface in all its states. No database."""

from datetime import datetime, timedelta
from typing import Any

from console import diff, schema_form

TRICKY = "Pay \u202e0071 RUE\u202c to pa\u200bypal\u00ad.example\x1b[31m now\ufeff <script>alert(1)</script>"
BEFORE = "You may propose a refund.\nRefund duplicate charges when the customer reports one.\nAmounts are in cents.\n"
AFTER = (
    "You may propose a refund.\nRefund duplicate charges only when the ledger shows two captures.\n"
    "Quote both capture ids.\nAmounts are in cents.\n"
)
SCHEMA = {
    "type": "object",
    "required": ["to", "subject", "body", "priority"],
    "properties": {
        "to": {"type": "array", "items": {"type": "string"}, "description": "Who gets it."},
        "subject": {"type": "string", "maxLength": 200},
        "body": {"type": "string", "maxLength": 20000},
        "priority": {"enum": ["low", "normal", "high"], "type": "string"},
        "copies": {"type": "integer", "minimum": 1, "maximum": 5, "default": 1},
        "receipt": {"type": "boolean", "default": False},
        "sender": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "address": {"type": "string", "format": "email"}},
        },
    },
}
ARGUMENTS = {
    "to": ["finance@demo.example"],
    "subject": "Duplicate charges",
    "body": "Refunds need two captures in the ledger.\nSee the refund policy, section 3.",
    "priority": "normal",
    "sender": {"name": "Research assistant"},
}
STATUSES = (
    "queued", "running", "waiting_approval", "waiting_input", "paused", "completed", "halted", "failed", "cancelled",
    "expired", "dead_letter", "pending", "held", "approved", "consumed", "rejected", "answered", "withdrawn", "void",
    "invalid", "denied", "executing", "succeeded", "unknown", "resolved",
)  # fmt: skip


def samples(now: datetime) -> dict[str, Any]:
    """Give the context of `styleguide.html`."""
    return {
        "tricky": TRICKY,
        "statuses": STATUSES,
        "risks": (1, 2, 3, 4),
        "tiers": ("read_only", "reversible_write", "irreversible_write", "destructive"),
        "clocks": [
            {"until": now + timedelta(seconds=left), "since": now - timedelta(seconds=3600 - min(left, 3500))}
            for left in (0, 48, 252, 1320, 4200, 11_000, 200_000)
        ],
        "names": ("Olga Operator", "Remy Reviewer", "Ada Admin", "research-assistant"),
        "moments": [now - timedelta(seconds=age) for age in (2, 40, 420, 10_800, 1_036_800)],
        "diff": diff.line_diff(BEFORE, AFTER),
        "fields": schema_form.fields(SCHEMA, ARGUMENTS, {"copies": ["Input should be less than or equal to 5"]}),
        "facts": _facts(),
        "steps": _steps(now),
        "arguments": ARGUMENTS,
        "conflict": _conflict(),
        "amounts": (0, 12, 380_000, 12_500_000_000),
        "numbers": (7, 48_213, 10_000_000),
        "spans": (14, 930, 13_200, 312_000, 7_500_000),
    }


def _facts() -> list[dict[str, str]]:
    pairs = (("Effect", "Irreversible"), ("Reach", "1 recipient"), ("Session cost", "$0.38"), ("Reviewers", "1 needed"))
    return [{"label": label, "value": value} for label, value in pairs]


def _steps(now: datetime) -> list[dict[str, Any]]:
    return [
        {"icon": "message-square", "label": "Goal given", "note": "by Olga Operator", "at": now - timedelta(seconds=30)},
        {"icon": "wrench", "label": "search_documents", "note": "4 hits", "at": now - timedelta(seconds=20)},
        {"icon": "triangle-alert", "label": "read_document", "note": "Untrusted", "tone": "warn", "at": now},
        {"icon": "pause", "label": "Waiting for a decision", "tone": "now", "at": now},
    ]


def _conflict() -> dict[str, str]:
    return {
        "title": "Rosa Reviewer rejected this 4 s ago",
        "text": "“No duplicate in the ledger”",
        "kept": "Please ask the customer for both capture ids first.",
    }
