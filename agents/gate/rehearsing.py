"""Calls of a rehearsal: checked and judged as any, and answered without an effect.

What was recorded answers; else the sandbox, in which a tool is entered only if it is named there and declares that it
reads and carries nothing out; else what a dry run would tell. A tool's own check of the world is left out: a rehearsal
plays in the world of its record. Nothing is written and nobody is asked.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, Protocol
from uuid import uuid5

from agents.gate import words
from agents.gate.flagging import flag
from agents.gate.request import ASK_PERSON
from agents.gate.submit import context_of, early, judged, new_call, offer
from agents.llm.provider import Completion
from agents.rules import Rules
from agents.state import Call, State
from agents.tools import registry
from agents.tools.arguments import restore
from agents.tools.definition import Tool
from agents.tools.execute import execute, rehearse

By = Literal["record", "sandbox", "dry run", "nothing", "rules"]
"""What answered a call; `rules` where it was refused or could not run as written."""
NOTHING = "Nothing is recorded for this call, and in a rehearsal it is not run."
NOBODY = "In a rehearsal nobody answers questions. Go on with what you know, or say what you would need."


class Answer(Protocol):
    """A result that was recorded."""

    @property
    def status(self) -> str:
        """How the call ended."""
        ...

    @property
    def result(self) -> str:
        """What the model reads."""
        ...

    @property
    def trust(self) -> str:
        """Whether strangers wrote in it."""
        ...

    @property
    def sources(self) -> Sequence[Mapping[str, str]]:
        """Which strangers."""
        ...


async def planned(state: State, completion: Completion, rules: Rules) -> list[Call]:
    """Check and judge every call of a plan, in order. Ids follow from the rehearsal's own, so that a repeat is the same."""
    offered = {tool.name: replace(tool, check=None) for tool in offer(state, rules)}
    known = dict(state.fingerprints)
    calls = []
    for place, one in enumerate(completion.calls):
        call = new_call(state, place, one)
        call.id = uuid5(state.id, call.key)
        if early(call, one, completion, place, offered) is None:
            await judged(state, call, offered[one.name], rules, known)
        if call.status in ("allowed", "awaiting"):
            known.setdefault(call.fingerprint, call.id)
        calls.append(call)
    return calls


async def answered(
    state: State, call: Call, recorded: Answer | None, sandbox: frozenset[str], rules: Callable[[], Awaitable[Rules]]
) -> By:
    """Give a judged call its one tool message, and return what answered it."""
    by: By = "rules" if call.done else await _answer(state, call, recorded, sandbox, rules)
    state.mark(call.sources if call.trust == "untrusted" else ())
    state.remember(call)
    return by


async def _answer(
    state: State, call: Call, recorded: Answer | None, sandbox: frozenset[str], rules: Callable[[], Awaitable[Rules]]
) -> By:
    if recorded is not None:
        call.status, call.result = recorded.status, recorded.result
        call.trust, call.sources = recorded.trust, [dict(source) for source in recorded.sources]
        return "record"
    tool = registry.get(call.tool)
    if tool is not None and call.tool in sandbox and call.status == "allowed" and harmless(tool, await rules()):
        await _sandboxed(state, call, tool, rules)
        return "sandbox"
    if tool is not None and tool.writes:
        call.status, call.result = "succeeded", rehearse(tool, restore(tool, (call.arguments or "{}").encode())).text
        return "dry run"
    told = NOBODY if call.tool == ASK_PERSON else NOTHING
    call.status, call.error_type, call.result = "failed", "unavailable", words.told("unavailable", told)
    return "nothing"


def harmless(tool: Tool, rules: Rules) -> bool:
    """Say whether a tool may really run in a rehearsal: by its own word and the operator's it reads, and carries nothing out."""
    reads = tool.tier == "read_only" and rules.tier(tool) == "read_only" and not tool.egress
    return reads and tool.name != ASK_PERSON and tool.name not in rules.disabled and not rules.stops.of_tool(tool.name)


async def _sandboxed(state: State, call: Call, tool: Tool, rules: Callable[[], Awaitable[Rules]]) -> None:
    outcome = await execute(tool, restore(tool, (call.arguments or "{}").encode()), context_of(state, call))
    call.status = "succeeded" if outcome.status == "success" else "failed"
    call.result, call.error_type = outcome.text, outcome.error_type
    call.trust, call.sources = outcome.trust, outcome.sources
    await flag(state, call, outcome, rules)
