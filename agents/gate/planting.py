"""Planting control requests: a real call of late with one thing wrong, put up under its agent's name, that nothing runs.

Called by the sweep. None is planted while the kill switch holds anything. What is planted, how often and what comes of it
stands in `approvals.controls`.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from agents.errors import BadEdit
from agents.queries import active_stops, agents
from agents.rules import Rules
from agents.rules import read as read_rules
from agents.tools import registry
from agents.tools.arguments import Malformed, Parsed, parse
from agents.tools.definition import Tool
from agents.tools.execute import radius, summary
from agents.tools.scan import flags
from approvals import controls
from approvals.control_templates import CATALOGUE, Spoilt, spoilt
from approvals.digest import ERASED, canonical_body, digest
from approvals.facts import CallFacts, Judgement
from approvals.likeness import likeness
from approvals.models import ApprovalRequest
from approvals.policy import judge
from approvals.services import Edit, NewRequest, take_numbers
from audit.actors import Actor
from audit.content import read_texts
from audit.entry import Text
from audit.ids import uuid7
from audit.index import index_soon
from audit.randomness import random_bytes

LATE = 50
"""Of so many real calls of late one is taken as the model."""


@dataclass(frozen=True, slots=True)
class _Model:
    """A real call of late that a control request is made after, and its tool."""

    row: ApprovalRequest
    tool: Tool
    arguments: dict[str, Any]


@transaction.atomic
def plant() -> int:
    """Plant one control request where one is due and the kill switch holds nothing; returns how many it planted."""
    setting = controls.due()
    if setting is None or active_stops().items:
        return 0
    rules = read_rules()
    for model in _models():
        for wrong in spoilt(model.arguments, first=_any(len(CATALOGUE))):
            parsed = parse(model.tool, json.dumps(wrong.arguments))
            judgement = None if isinstance(parsed, Malformed) else _judged(model.row, model.tool, parsed, rules)
            if isinstance(parsed, Malformed) or judgement is None:
                continue
            salt = controls.new_salt()
            new, texts = _request(model, parsed, judgement, wrong, rules, salt)
            controls.plant(setting, new, wrong, salt=salt, asked_by=_agent(model.row), texts=texts)
            transaction.on_commit(index_soon)
            return 1
    return 0


def without_call(request: ApprovalRequest, arguments: dict[str, Any]) -> Edit:
    """Return an edit of a request that no call stands behind, checked and judged as that of any other.

    Raises BadEdit for arguments that the tool does not take.
    """
    tool = registry.get(request.tool)
    parsed = parse(tool, json.dumps(arguments)) if tool is not None else None
    if tool is None or parsed is None or isinstance(parsed, Malformed):
        raise BadEdit(errors=_errors(parsed))
    body = json.loads(bytes(request.body))
    before, after = body["arguments"], json.loads(parsed.canonical)
    difference = tuple(
        {"path": name, "before": before.get(name), "after": after.get(name)}
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )
    rules = read_rules()
    judgement = judge(_facts(request, tool, parsed, rules), rules.policy)
    bound = {
        name: body[name] for name in ("call", "definition", "precondition", "prompt_version", "request", "session", "tool")
    }
    revised = canonical_body(**bound, revision=request.revision + 1, tier=rules.tier(tool), arguments=parsed.canonical)
    return Edit(
        body=revised, digest=digest(revised), summary=summary(tool, parsed.value), judgement=replace(judgement, required=1),
        difference=difference, tier=rules.tier(tool), blast_radius=radius(tool, parsed.value),
        origins=tuple(request.facts.get("origins", ())),
    )  # fmt: skip


def _errors(parsed: Malformed | Parsed | None) -> list[dict[str, str]]:
    if not isinstance(parsed, Malformed):
        return [{"loc": "arguments", "msg": "there is no such tool any more"}]
    located = [{**error, "loc": f"arguments.{error['loc']}"} for error in parsed.errors]
    return located or [{"loc": "arguments", "msg": parsed.hint}]


def _models() -> list[_Model]:
    """Return real calls of late that could be copied, in no order that could be guessed."""
    rows = ApprovalRequest.objects.filter(
        kind="tool_call", session_id__isnull=False, required=1, taint=[], status__in=["pending", "held", "consumed", "rejected"]
    )
    found = []
    for row in rows.exclude(body=ERASED).order_by("-number")[:LATE]:
        tool = registry.get(row.tool)
        # What is covered would have to be shown first, and a control request holds no secrets.
        if tool is not None and not tool.sensitive:
            found.append((random_bytes(4), _Model(row, tool, json.loads(bytes(row.body))["arguments"])))
    return [model for _, model in sorted(found, key=lambda pair: pair[0])]


def _any(count: int) -> int:
    return int.from_bytes(random_bytes(4)) % count


def _judged(row: ApprovalRequest, tool: Tool, parsed: Parsed, rules: Rules) -> Judgement | None:
    """Return the judgement on the spoilt call, where it asks one person as the copied one did."""
    judgement = judge(_facts(row, tool, parsed, rules), rules.policy)
    return judgement if judgement.verdict == "ask" and judgement.required == 1 else None


def _facts(row: ApprovalRequest, tool: Tool, parsed: Parsed, rules: Rules) -> CallFacts:
    return CallFacts(
        tool=tool.name, tier=rules.tier(tool), blast_radius=radius(tool, parsed.value), egress=tool.egress,
        scopes=frozenset(), granted=frozenset(), arguments=parsed.value.model_dump(mode="json"), tainted=False,
        cost_microusd=row.cost_microusd, environment=row.environment, agent=row.agent, task_type="default",
        enabled=tool.name not in rules.disabled, repeat=False, dry_run=False, denied_before=False,
        flags=tuple(flags(tool, parsed.value)),
    )  # fmt: skip


def _request(
    model: _Model, parsed: Parsed, judgement: Judgement, wrong: Spoilt, rules: Rules, salt: str
) -> tuple[NewRequest, tuple[Text, ...]]:
    """Return the request, as the gate would put it up for a call, and its raw texts."""
    row, tool, id_ = model.row, model.tool, uuid7()
    texts = {"raw_arguments": Text(uuid7(), "raw_arguments", parsed.canonical.decode())}
    if row.reasoning_id is not None and (said := read_texts([row.reasoning_id]).get(row.reasoning_id)):
        texts["reasoning"] = Text(uuid7(), "reasoning", said)
    body = canonical_body(
        request=str(id_), revision=1, session="", call=controls.call_of(salt), tool=tool.name, definition=tool.definition,
        tier=rules.tier(tool), arguments=parsed.canonical, prompt_version=row.prompt_version, precondition="",
    )  # fmt: skip
    told = {"consequence": tool.consequence, "origins": _origins(row, wrong.wrong)}
    (number,) = take_numbers(1)
    new = NewRequest(
        id=id_, number=number, kind="tool_call", body=body, digest=digest(body), summary=summary(tool, parsed.value),
        judgement=judgement, agent=row.agent, environment=row.environment, tool=tool.name, tier=rules.tier(tool),
        blast_radius=radius(tool, parsed.value), raw_arguments_id=texts["raw_arguments"].id,
        reasoning_id=texts["reasoning"].id if "reasoning" in texts else None, cost_microusd=row.cost_microusd,
        prompt_version=row.prompt_version, likeness=likeness(parsed.value.model_dump(mode="json")),
        facts={name: value for name, value in told.items() if value},
        ttl_s=max(60, round((row.expires_at - row.created_at).total_seconds() / (row.extensions + 1))),
    )  # fmt: skip
    return new, tuple(texts.values())


def _origins(row: ApprovalRequest, wrong: str) -> list[dict[str, Any]]:
    """Return the origins of the copied call's values, without the way to its session; what is wrong, the model wrote."""
    kept = [
        {name: value for name, value in part.items() if name not in ("call", "ref")}
        for part in row.facts.get("origins", ())
        if str(part.get("path", "")).partition(".")[0] != wrong
    ]
    return [*kept, {"path": wrong, "kind": "model", "share": 100, "own": 100}]


def _agent(row: ApprovalRequest) -> Actor:
    """Return the agent under whose name it stands until it is resolved."""
    named = next((found.document.get("name") for found in agents() if found.agent.slug == row.agent), "")
    return Actor("agent", row.agent, named or row.agent)
