"""What a request rests on, in its own figures and names: the question, the limit that was met, what must still hold."""

import json
from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from approvals.models import ApprovalRequest
from console.formats import exact_microusd, grouped

LABELS: Mapping[str, str] = {
    "why": "What is known",
    "key": "Idempotency key",
    "allowed": "Allowed until now",
    "suggested": "Suggested extra",
}
"""Facts of a request whose own name does not say it."""
CIRCLES: Mapping[str, str] = {
    "same_call": "The same call, with the same outcome",
    "cycle": "The same calls over and over, with the same outcomes",
    "nothing_new": "Turns in which nothing new was learnt and nothing was changed",
}
TOLD = frozenset(
    {"control", "refused", "sensitive", "question", "detail", "text", "message", "call", "arguments", "origins", "changed"}
)
"""Facts that have a place of their own on the page."""
CODES = frozenset({"key", "tool", "digest"})
"""Facts that are names for programs."""


def question(row: ApprovalRequest) -> str:
    """Return what the agent or the product asks beyond the sentence at the top, or nothing."""
    return next((str(row.facts[name]) for name in ("question", "detail", "text", "message") if row.facts.get(name)), "")


def evidence(row: ApprovalRequest) -> list[dict[str, Any]]:
    """Return the facts of a request as lines {label, value, mono}."""
    if row.kind == "tool_call":
        # From the bound bytes, so that what a title or a path means is shown as it will be compared.
        holds = json.loads(bytes(row.body)).get("precondition")
        return [{"label": "Must still hold when it runs", "value": holds, "mono": True}] if holds else []
    if row.kind == "budget":
        return _limit(row.facts)
    if row.kind == "prompt_release" and "version" in row.facts:
        return _release(row.facts)
    if row.kind == "stuck" and "loop" in row.facts:
        return _circle(row.facts)
    return [
        {"label": _label(name), "value": _said(value), "mono": name in CODES}
        for name, value in sorted(row.facts.items(), key=lambda fact: fact[0] != "why")
        if name not in TOLD and value not in (None, "", [], {})
    ]


def _limit(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the limit that was met, in its own unit."""
    name = str(facts.get("limit", ""))
    money, time = name.endswith("_microusd"), name.endswith("_s")
    plain = name.removesuffix("_microusd").removesuffix("_s").replace("_", " ").capitalize()
    amounts = {part: int(facts[part]) for part in ("spent", "allowed", "suggested") if facts.get(part) is not None}
    write = exact_microusd if money else grouped
    return [
        {"label": "Limit", "value": plain},
        *({"label": _label(part), "value": write(n) + (" s" if time else "")} for part, n in amounts.items()),
    ]


def _release(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return which version would get which share, beside which, and who wrote it and why."""
    prompt, version = str(facts["prompt"]), str(facts["version"])
    lines = [
        {"label": "Version", "value": f"{prompt} {version}", "href": reverse("prompt-version", args=[prompt, version])},
        {"label": "New sessions", "value": _traffic(facts)},
        *([{"label": "In steps, by itself", "value": facts["then"]}] if facts.get("then") else []),
        {"label": "Written by", "value": facts["written_by"]},
        {"label": "Why", "value": facts["reason"]},
        {"label": "Held back by its suites", "value": "; ".join(facts.get("held_back", ()))},
        {"label": "Released all the same", "value": facts.get("override", "")},
        {"label": "SHA-256", "value": facts["checksum"], "mono": True},
    ]
    return [line for line in lines if line["value"]]


def _traffic(facts: Mapping[str, Any]) -> str:
    share, beside = facts["share"], facts["beside"]
    if beside == "nothing":
        return f"{share}%; it is the first one that is released"
    return f"{share}%, in the place of {beside}" if share == 100 else f"{share}%, beside {beside}"


def _circle(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what repeats, call by call, how often, and what the session has come to with it."""
    times = "once" if facts["times"] == 1 else f"{grouped(facts['times'])} times"
    often = f"{grouped(facts['times'])} turns" if facts["loop"] == "nothing_new" else times
    again = " more, after it was told" if facts["told"] else ""
    lines = [
        {"label": f"Call {call['key'].rpartition('/')[2]}", "value": f"{call['what']} ({call['status'].replace('_', ' ')})"}
        for call in facts["calls"]
    ]
    return [
        {"label": "What shows it", "value": CIRCLES[facts["loop"]]},
        {"label": "How often", "value": f"{often}{again}"},
        *lines,
        {"label": "The agent was told", "value": "Yes, and went on" if facts["told"] else "No"},
        {"label": "Turns so far", "value": grouped(facts["turns"])},
        {"label": "Cost so far", "value": exact_microusd(facts["cost_microusd"])},
    ]


def _label(name: str) -> str:
    return LABELS.get(name, name.replace("_", " ").capitalize())


def _said(value: object) -> str:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
