"""The policy as a form, and the form as a policy document. Pure.

Inputs are named by their place in the document (`tiers.destructive.hold_s`, `rules.0.when.value`), so that an error of
the document's own model finds its input. Whether a document is valid is judged by that model alone; what the form
cannot read is left as it was typed, for the model to complain about.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from approvals.document import AskingRule, ClaimRule, Operator, Policy, Repeat, TaintRule
from approvals.facts import ENVIRONMENTS, TIERS
from console.forms import MICRO

OPERATORS: tuple[str, ...] = get_args(Operator)
SPARE = 2
"""Empty rules at the end of the form."""
MOST_RULES = 60
"""A form with more would have more inputs than a request may have."""

_NAMES = ("name", "tool", "agent", "task_type", "environment", "then", "required")


def sent_of(policy: Policy) -> dict[str, str]:
    """Return what the form's inputs hold for a policy; a box that is not ticked is left out."""
    return {name: value for name, value in _inputs(policy.model_dump(mode="json")) if value is not None}


def document_of(sent: Mapping[str, str]) -> dict[str, Any]:
    """Return the document that the inputs say; `rules` keep the places that they have in the form as `place_of` says."""
    return {
        "tiers": {tier: _tier(sent, f"tiers.{tier}") for tier in TIERS},
        "environments": {name: {"up_to": sent.get(f"environments.{name}.up_to", "")} for name in ENVIRONMENTS},
        "tainted": {name: sent.get(f"tainted.{name}", "") for name in TaintRule.model_fields},
        "asking": {name: sent.get(f"asking.{name}", "").strip() for name in AskingRule.model_fields},
        "break_glass": {"enabled": sent.get("break_glass.enabled") == "true"},
        "releases": {"second_person": sent.get("releases.second_person") == "true"},
        "rules": [_rule(sent, f"rules.{place}") for place in places(sent)],
        "agent_groups": dict(_agent_groups(sent.get("agent_groups", ""))),
        "recipients": _listed(sent.get("recipients", "")),
        "hosts": _listed(sent.get("hosts", "")),
        "ttl_s": _seconds(sent.get("ttl_h", "")),
        "claims": {name: value for name in ClaimRule.model_fields if (value := sent.get(f"claims.{name}", "").strip())},
    }


def places(sent: Mapping[str, str]) -> list[int]:
    """Return the places of those rules in the form that are neither empty nor marked to be removed."""
    found = {
        int(parts[1])
        for parts in (name.split(".") for name in sent)
        if len(parts) > 2 and parts[0] == "rules" and parts[1].isdecimal() and len(parts[1]) < 4
    }
    return [place for place in sorted(found) if _meant(sent, f"rules.{place}")]


def faithful(policy: Policy) -> bool:
    """Return whether the form shows the whole policy; where it does not, only the JSON text is offered."""
    return len(policy.rules) <= MOST_RULES and document_of(sent_of(policy)) == _loose(policy)


def located(errors: Sequence[Mapping[str, Any]], sent: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the messages by the name of the input that they are about; those of the whole stand under ""."""
    kept = places(sent)
    found: dict[str, list[str]] = {}
    for error in errors:
        loc = [str(part) for part in error["loc"]]
        if loc[:1] == ["rules"] and len(loc) > 1 and loc[1].isdecimal() and int(loc[1]) < len(kept):
            loc[1] = str(kept[int(loc[1])])
        found.setdefault(_input(loc), []).append(said(str(error["msg"])))
    return found


def said(message: str) -> str:
    """Return a message of the model as a sentence for people."""
    bare = message.removeprefix("Value error, ")
    return f"{bare[:1].upper()}{bare[1:]}" + ("" if bare.endswith(".") else ".")


def typed(value: Any) -> str:
    """Return a value of a condition as people type it: a text that looks like something else stands in quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if value != value.strip() or not value or _reads(value) else value
    return json.dumps(value, ensure_ascii=False)


def value_of(text: str) -> Any:
    """Return the value of a condition as it was typed: JSON where it is JSON, else the text itself."""
    bare = text.strip()
    return json.loads(bare) if _reads(bare) else bare or None


def _reads(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _loose(policy: Policy) -> dict[str, Any]:
    """Return the document as the form writes it: numbers as typed, what is empty left out."""
    stored = policy.model_dump(mode="json")
    tiers = {
        tier: {
            **row, **{name: str(row[name]) for name in ("required", "hold_s", "dwell_s")},
            "repeat": {name: str(most) for name, most in row["repeat"].items()} if row["repeat"] else None,
        }
        for tier, row in stored["tiers"].items()
    }  # fmt: skip
    rules = [{**rule, "required": str(rule["required"])} for rule in stored["rules"]]
    asking = {name: str(value) for name, value in stored["asking"].items()}
    claims = {name: str(value) for name, value in stored["claims"].items() if value is not None}
    return {**stored, "tiers": tiers, "asking": asking, "rules": rules, "claims": claims}


def _inputs(document: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for tier, row in document["tiers"].items():
        for name, value in row.items():
            if name != "repeat":
                yield f"tiers.{tier}.{name}", _box(value) if isinstance(value, bool) else _line(value)
        for name in Repeat.model_fields:
            yield f"tiers.{tier}.repeat.{name}", str(row["repeat"][name]) if row["repeat"] else ""
    for name, row in document["environments"].items():
        yield f"environments.{name}.up_to", row["up_to"]
    for name, value in document["tainted"].items():
        yield f"tainted.{name}", value
    for name, value in document["asking"].items():
        yield f"asking.{name}", str(value)
    for name, value in document["claims"].items():
        yield f"claims.{name}", "" if value is None else str(value)
    yield "break_glass.enabled", _box(document["break_glass"]["enabled"])
    yield "releases.second_person", _box(document["releases"]["second_person"])
    for place, rule in enumerate(document["rules"]):
        yield from _rule_inputs(f"rules.{place}", rule)
    yield "agent_groups", "\n".join(f"{agent}: {_line(groups)}" for agent, groups in document["agent_groups"].items())
    yield "recipients", "\n".join(document["recipients"])
    yield "hosts", "\n".join(document["hosts"])
    yield "ttl_h", _plain(Decimal(document["ttl_s"]) / 3600) if document["ttl_s"] % 36 == 0 else f"{document['ttl_s']} s"


def _rule_inputs(place: str, rule: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for name in _NAMES:
        yield f"{place}.{name}", str(rule[name])
    yield f"{place}.groups", _line(rule["groups"])
    when = rule["when"] or {"path": "", "op": "eq", "value": None}
    yield f"{place}.when.path", when["path"]
    yield f"{place}.when.op", when["op"]
    yield (
        f"{place}.when.value",
        typed(when["value"]) if rule["when"] and (when["value"] is not None or when["op"] != "untrusted") else "",
    )
    cost = rule["above_cost_microusd"]
    yield f"{place}.above_cost", "" if cost is None else _plain(Decimal(cost) / MICRO)


def _box(value: bool) -> str | None:
    return "true" if value else None


def _line(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _tier(sent: Mapping[str, str], place: str) -> dict[str, Any]:
    repeat = {name: sent.get(f"{place}.repeat.{name}", "").strip() for name in Repeat.model_fields}
    return {
        **{name: sent.get(f"{place}.{name}", "").strip() for name in ("narrow", "wide", "required", "hold_s", "dwell_s")},
        "groups": _groups(sent.get(f"{place}.groups", "")),
        **{name: sent.get(f"{place}.{name}") == "true" for name in ("self_confirm", "reauthenticate")},
        "repeat": repeat if any(repeat.values()) else None,
    }


def _rule(sent: Mapping[str, str], place: str) -> dict[str, Any]:
    path, value = sent.get(f"{place}.when.path", "").strip(), sent.get(f"{place}.when.value", "")
    when = {"path": path, "op": sent.get(f"{place}.when.op", ""), "value": value_of(value)} if path or value.strip() else None
    return {
        **{name: sent.get(f"{place}.{name}", "").strip() for name in _NAMES},
        "groups": _groups(sent.get(f"{place}.groups", "")),
        "when": when,
        "above_cost_microusd": _microusd(sent.get(f"{place}.above_cost", "")),
    }


def _meant(sent: Mapping[str, str], place: str) -> bool:
    filled = ("name", "tool", "agent", "task_type", "environment", "groups", "when.path", "when.value", "above_cost")
    return sent.get(f"{place}.remove") != "true" and any(sent.get(f"{place}.{name}", "").strip() for name in filled)


def _groups(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _listed(text: str) -> list[str]:
    return [line.strip() for line in text.replace("\r", "").split("\n") if line.strip()]


def _agent_groups(text: str) -> Iterator[tuple[str, list[str]]]:
    for line in _listed(text):
        agent, _, groups = line.partition(":")
        yield agent.strip(), _groups(groups)


def _microusd(text: str) -> int | str | None:
    bare = text.strip().lstrip("$")
    if not bare:
        return None
    try:
        amount = Decimal(bare.replace(",", ".")) * MICRO
        return int(amount) if amount == int(amount) else bare
    except (InvalidOperation, ValueError, OverflowError):
        return bare


def _seconds(text: str) -> int | str:
    bare = text.strip()
    try:
        seconds = Decimal(bare[:-1].strip()) if bare.endswith("s") else Decimal(bare.replace(",", ".")) * 3600
        return int(seconds) if seconds == int(seconds) else bare
    except (InvalidOperation, ValueError, OverflowError):
        return bare


def _input(loc: Sequence[str]) -> str:
    """Return the input that an error's place belongs to: lists, and values of other units, have one of their own."""
    name = ".".join(loc).replace("above_cost_microusd", "above_cost").replace("ttl_s", "ttl_h")
    if loc[:1] and loc[0] in ("recipients", "hosts", "agent_groups"):
        return loc[0]
    if "groups" in loc:
        return ".".join(loc[: loc.index("groups") + 1])
    if "value" in loc:
        return ".".join(loc[: loc.index("value") + 1])
    return f"{name}.value" if name.endswith(".when") else name
