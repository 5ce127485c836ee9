"""All that policy may know of one call, gathered from the session, the tool and the rules of this moment."""

from collections.abc import Sequence

from pydantic import BaseModel

from agents.gate.refused import Like, like
from agents.gate.request import ASK_PERSON
from agents.guardrails.shift import shift
from agents.rules import Rules
from agents.state import Call, Said, State
from agents.tools import registry
from agents.tools.definition import Tool
from agents.tools.execute import radius
from agents.tools.scan import flags, texts_of
from approvals.facts import CallFacts, Origin


def facts(
    state: State, call: Call, tool: Tool, value: BaseModel, rules: Rules, found: tuple[Origin, ...],
    before: Sequence[Like] | None = None, *, refused: int = 0,
) -> CallFacts:  # fmt: skip
    """All that policy may know of a call; `found` are the origins of its values, `before` refused calls that are like it.

    `refused` is how often that counts against asking again: for what is proposed, not for what was put before people.
    """
    if before is None:
        before = like(state, call, tool) if state.refused else []
    return CallFacts(
        tool=tool.name,
        tier=rules.tier(tool),
        blast_radius=radius(tool, value),
        egress=tool.egress,
        scopes=tool.scopes,
        granted=state.config.scopes(state.task_type),
        arguments=value.model_dump(mode="json"),
        tainted=bool(state.taint),
        cost_microusd=state.cost_microusd,
        environment=state.environment,
        agent=state.agent,
        task_type=state.task_type,
        enabled=tool.name not in rules.disabled,
        repeat=call.repeat_of is not None,
        dry_run=state.dry_run,
        denied_before=bool(before),
        refused=refused,
        flags=_flags(state, tool, value, rules, found),
        private=bool(state.taint) and _read_inside(state),
        origins=found,
        suspended=state.suspends(rules.tier(tool)),
    )


def _flags(state: State, tool: Tool, value: BaseModel, rules: Rules, found: Sequence[Origin]) -> tuple[str, ...]:
    """What is unusual about the arguments, and after untrusted content about the turn that they take."""
    unusual = flags(tool, value)
    if not state.taint:
        return unusual
    people = [state.prompt, state.on_behalf_of]
    people += [item.text for item in state.items if isinstance(item, Said) and item.trust != "untrusted"]
    known = (*rules.policy.hosts, *rules.policy.recipients)
    return (*unusual, *shift(texts_of(value), people, found, egress=tool.egress, writes=tool.writes, known=known))


def _read_inside(state: State) -> bool:
    """True if a call of the session read what only somebody inside may: with a scope, and not written by strangers."""
    for call in state.calls():
        tool = registry.get(call.tool) if call.status == "succeeded" and call.trust == "trusted" else None
        if tool is not None and tool.scopes and not tool.writes and not tool.egress and tool.name != ASK_PERSON:
            return True
    return False
