"""A policy document in words: what its rules say as sentences, and its parts as lines that can be compared. Pure."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from approvals.document import TAINT_VERDICTS, ClaimRule, Condition, Policy, Repeat, Rule
from approvals.facts import ENVIRONMENTS, TIERS
from console.formats import duration, microusd
from console.looks import TIER_WORDS

VERDICT_WORDS = {"allow": "Runs", "ask": "Asks people", "deny": "Refused"}
OPERATOR_WORDS = {
    "eq": "is", "ne": "is not", "gt": "is above", "ge": "is at least", "lt": "is below", "le": "is at most",
    "in": "is one of", "not_in": "is none of", "contains": "contains", "outside": "is outside the known",
    "untrusted": "comes from untrusted content",
}  # fmt: skip
TAINT_WORDS = {
    "egress": "what can carry data out",
    "writes": "writes above narrow reversible ones",
    "values": "values that it or the model set",
    "all_three": "what carries out or changes, where private data was read too",
}
"""What untrusted content in a session changes, in words."""
QUARANTINE_WORDS = {"off": "marked for people", "flagged": "kept from the model until somebody releases them"}
"""What is done with untrusted results that look like orders, in words."""
ASKING_WORDS = {
    "refusals": "Refusals of the same intent, after which it is not asked again",
    "open_per_session": "Most requests that one session has open",
    "open_per_agent": "Most requests that one agent has open",
}


def sentence(rule: Rule) -> str:
    """Return a rule as one sentence."""
    calls = f"Calls of {rule.tool}" if rule.tool else "All calls"
    where = [
        f"by {rule.agent}" if rule.agent else "",
        f"in {rule.environment}" if rule.environment else "",
        f"for the task type {rule.task_type}" if rule.task_type else "",
        f"where {condition(rule.when)}" if rule.when else "",
    ]
    if rule.above_cost_microusd is not None:
        where.append(f"once the session has cost more than {microusd(rule.above_cost_microusd)}")
    fits = " ".join([calls, *filter(None, where)])
    return f"{fits} are refused." if rule.then == "deny" else f"{fits} ask {asked(rule.required, rule.groups)}."


def condition(when: Condition) -> str:
    """Return what is asked of the arguments, in words."""
    path = when.path.replace(".*", " (any)").replace("*.", "(any) ")
    if when.op == "outside":
        return f"{path} is outside the known {when.value}"
    if when.op == "untrusted":
        return f"{path} comes from untrusted content"
    values = when.value if when.op in ("in", "not_in") and isinstance(when.value, list) else [when.value]
    return f"{path} {OPERATOR_WORDS[when.op]} {', '.join(_told(value) for value in values) or 'nothing'}"


def asked(required: int, groups: Sequence[str]) -> str:
    """Return who is asked, in words."""
    people = "one person" if required == 1 else f"{required} people"
    who = ", and ".join(" or ".join(group.split("|")) for group in groups)
    return f"{people}, among them somebody of {who}" if who else people


def repeated(repeat: Repeat | None) -> str:
    """Return what one approval may let run again, in words."""
    if repeat is None:
        return "no"
    return f"up to {repeat.count} more call{'' if repeat.count == 1 else 's'}, for {duration(repeat.minutes * 60_000)}"


def lines(policy: Policy) -> str:
    """Return the whole document as plain lines, one statement each, so that two can be compared by eye."""
    return "\n".join(_lines(policy))


def _lines(policy: Policy) -> Iterator[str]:
    # Each line names what it is about: a comparison shows changed lines without those far above them.
    for tier in TIERS:
        row, name = policy.tiers[tier], TIER_WORDS[tier]
        yield f"{name}, narrow reach: {VERDICT_WORDS[row.narrow].lower()}"
        yield f"{name}, wide reach: {VERDICT_WORDS[row.wide].lower()}"
        yield f"{name}, who has to agree: {asked(row.required, row.groups)}"
        yield f"{name}, may be confirmed by whoever asked: {_yes(row.self_confirm)}"
        yield f"{name}, asks for the password: {_yes(row.reauthenticate)}"
        yield f"{name}, can be undone for: {row.hold_s} s"
        yield f"{name}, looked at before it is approved for: {row.dwell_s} s"
        yield f"{name}, may be approved for the rest of a session: {repeated(row.repeat)}"
    for environment in ENVIRONMENTS:
        yield f"In {environment}, agents may do at most: {policy.environments[environment].up_to.replace('_', ' ')}"
    for part in TAINT_VERDICTS:
        yield f"After untrusted content, {TAINT_WORDS[part]}: {VERDICT_WORDS[getattr(policy.tainted, part)].lower()}"
    yield f"Results that look like orders: {QUARANTINE_WORDS[policy.tainted.quarantine]}"
    for part, word in ASKING_WORDS.items():
        yield f"{word}: {getattr(policy.asking, part)}"
    yield f"Admins may break the glass: {_yes(policy.break_glass.enabled)}"
    yield f"A second person agrees before a prompt version gets traffic: {_yes(policy.releases.second_person)}"
    yield f"Requests stay open for: {duration(policy.ttl_s * 1000)}"
    for label, value in claim_lines(policy.claims):
        yield f"{label}: {value}"
    for rule in policy.rules:
        yield f"Rule “{rule.name}”: {sentence(rule)}"
    for agent, groups in sorted(policy.agent_groups.items()):
        yield f"Requests of {agent} need: {asked(1, groups)}"
    for what, entries in (("recipient", policy.recipients), ("host", policy.hosts)):
        for entry in entries:
            yield f"Known {what}: {entry}"


def claim_lines(rule: ClaimRule) -> list[tuple[str, str]]:
    """Return what holds for claims and for more time, each with what it is about."""
    times = {0: "never", 1: "once", 2: "twice", 3: "three times"}[rule.extensions]
    return [
        ("A claim lasts", duration(rule.lease_s * 1000)),
        ("Claims of one person", "as many as they like" if rule.most is None else f"{rule.most} at most"),
        (
            "Requests are given more time",
            times + (f", by {duration(rule.extension_s * 1000)} at most" if rule.extensions else ""),
        ),
    ]


def _yes(said: bool) -> str:
    return "yes" if said else "no"


def _told(value: Any) -> str:
    return f"“{value}”" if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
