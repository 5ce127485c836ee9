"""Putting a call before people: the request with its canonical bytes, their digest, and what a reviewer will read.

Values only; they are written with the turn, or with the intent that found that people must be asked again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from agents.state import Call, State
from agents.tools.definition import Tool
from agents.tools.execute import radius, summary
from agents.tools.sensitive import sensitive_places
from approvals.digest import canonical_body, digest, other_body
from approvals.likeness import likeness
from approvals.policy import Judgement
from approvals.sensitive import Place, masked_changes
from approvals.services import NewRequest, open_request
from audit.actors import Actor
from audit.services import Birth, Entry

ASK_PERSON = "ask_person"


def stored(judgement: Judgement) -> dict[str, Any]:
    """What is kept of a judgement beside its call; who has to agree stands in the request."""
    return {"verdict": judgement.verdict, "risk": judgement.risk, "reasons": judgement.reasons_json()}


def kept_places(places: Sequence[Place]) -> dict[str, Any]:
    """What a request keeps of its sensitive fields: where they stand; nothing where there is none."""
    return {"sensitive": [place.as_json() for place in places]} if places else {}


@dataclass(frozen=True, slots=True)
class Put:
    """One judged call before it is a row, and what belongs to it."""

    call: Call
    changed: Sequence[dict[str, Any]] = ()
    tool: Tool | None = None
    value: BaseModel | None = None
    judgement: Judgement | None = None
    precondition: str = ""


def request_for(
    state: State, put: Put, *, number: int, reasoning_id: UUID | None, standing: Mapping[str, str] | None = None
) -> tuple[Birth, Entry]:
    """A new request about a call, as values: a question from the agent, or a call that needs an approval.

    `standing` says which standing approval decides it, or why none does, where the session has one.
    """
    call, tool, value, judgement = put.call, put.tool, put.value, put.judgement
    if tool is None or value is None or judgement is None or call.arguments is None or call.request_id is None:
        raise ValueError(f"{call.key} was not judged, so it cannot be put before people")
    request_id = call.request_id
    kind = "question" if tool.name == ASK_PERSON else "tool_call"
    if kind == "question":
        told: dict[str, Any] = {"question": str(getattr(value, "question", "")), "call": call.key}
        body = other_body(request=str(request_id), revision=1, kind=kind, session=state.ref, facts=told)
    else:
        hidden = sensitive_places(tool, call.arguments, call.raw)
        found = {
            "consequence": tool.consequence,
            "changed": masked_changes(put.changed, hidden),
            "origins": call.judgement.get("origins", []),
            "refused": call.judgement.get("refused", []),
            "standing": dict(standing or {}),
        }
        told = {"key": call.key, **{name: value for name, value in found.items() if value}, **kept_places(hidden)}
        body = canonical_body(
            request=str(request_id), revision=1, session=state.ref, call=str(call.id), tool=tool.name,
            definition=tool.definition, tier=call.tier, arguments=call.arguments.encode(),
            prompt_version=state.prompt_version, precondition=put.precondition,
        )  # fmt: skip
    new = NewRequest(
        id=request_id, number=number, kind=kind, body=body, digest=digest(body), summary=summary(tool, value),
        judgement=judgement, session_id=state.id, session_ref=state.ref, call_id=call.id, agent=state.agent,
        environment=state.environment, tool=tool.name, tier=call.tier, blast_radius=radius(tool, value), facts=told,
        taint=tuple(state.taint), reasoning_id=reasoning_id, raw_arguments_id=call.raw_id,
        cost_microusd=state.cost_microusd, prompt_version=state.prompt_version, requested_by=state.started_name,
        requested_for=state.on_behalf_of, requester=state.requester, excluded=frozenset(state.excluded),
        ttl_s=state.config.limits.approval_ttl_s, likeness=likeness(value.model_dump(mode="json")),
    )  # fmt: skip
    return open_request(new, actor=agent_of(state), trace=state.trace, span=call.span)


def agent_of(state: State) -> Actor:
    """The agent as a principal."""
    return Actor("agent", state.agent, state.config.name or state.agent)
