"""What a standing approval makes of a call that policy asks about: it is put up, and decided at once, or people are asked.

Read only in sessions where one was ever given. It is looked at when the call is planned, and once more before it runs.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q

from agents.gate.request import Put, request_for
from agents.gate.tracing import known
from agents.models import Session, Stop
from agents.rules import Rules
from agents.state import Asked, Call, Pass, State
from agents.tools.execute import radius
from agents.tools.sensitive import same_where_sensitive
from approvals.facts import RequestFacts
from approvals.policy import may_decide
from approvals.sameness import Candidate, prose_of, why_not
from approvals.standing import Standing, given, most_of, use
from audit.ids import uuid7
from audit.services import Batch, Birth, Entry

MOST_STOPS = 100
Reader = Callable[[Callable[[], Any]], Awaitable[Any]]


def standing(
    session_id: UUID, agent: str, *, tools: Sequence[str] | None = None, id_: UUID | None = None, request_id: UUID | None = None
) -> list[Standing]:
    """Return a session's standing approvals, as `approvals.standing.given`; any press of the kill switch ended them."""
    found = given(session_id, tools=tools, id_=id_, request_id=request_id)
    if not found:
        return []
    stops = _stops(session_id, agent, found)
    return [one.fallen("The kill switch held it since.") if _stopped(one, stops) else one for one in found]


def standing_in(session: Session) -> list[Standing]:
    """Return the standing approvals of a session, the newest first; with the session they end."""
    found = standing(session.pk, session.agent.slug) if session.standing else []
    return [one.fallen("The session has ended.") if session.ended else one for one in found]


async def standing_for(state: State, asking: Sequence[Put], read: Reader) -> list[Standing]:
    """Return what stands for the tools of calls that policy asks about; nothing is read where none was ever given."""
    tools = sorted({put.call.tool for put in asking if put.call.needs_approval}) if state.standing else []
    found: list[Standing] = await read(lambda: standing(state.id, state.agent, tools=tools)) if tools else []
    return found


def put_up(
    state: State, put: Put, number: int, reasoning_id: UUID | None, found: list[Standing], rules: Rules
) -> tuple[Birth, Entry, Batch | None]:
    """Return the request of a call that waits, and what decides it at once where one of `found` covers it; that is less then."""
    call, (by, why) = put.call, cover(state, put, found, rules) if put.call.needs_approval else (None, "")
    call.request_id = uuid7()
    told = {"ref": by.given.ref, "by": by.given.by} if by else {"why": why} if why else None
    birth, entry = request_for(state, put, number=number, reasoning_id=reasoning_id, standing=told)
    if by is None:
        return birth, entry, None
    found[found.index(by)] = by.used()
    call.request = Asked(
        id=call.request_id, ref=f"AP-{number}", status="approved", revision=1, digest=birth.values["digest"],
        body=birth.values["body"], due=True, held_s=None, expired=False, required=1,
    )  # fmt: skip
    return birth, entry, use(by, birth.values, trace=state.trace, span=call.span)


def cover(state: State, put: Put, found: Sequence[Standing], rules: Rules) -> tuple[Standing | None, str]:
    """Return the standing approval that covers a call; else none, and why the newest one for its tool does not."""
    why = ""
    for one in (one for one in found if one.given.asked.get("tool") == put.call.tool):
        reason = _why_not(state, put, one, rules)
        if not reason:
            return one, ""
        why = why or f"The standing approval of {one.given.ref} by {one.given.by} does not cover it. {reason}"
    return None, why


def _why_not(state: State, put: Put, one: Standing, rules: Rules) -> str:
    tool, value, judgement, call = put.tool, put.value, put.judgement, put.call
    if tool is None or value is None or judgement is None or call.arguments is None:
        return "It was not judged."
    if not same_where_sensitive(tool, json.loads(call.arguments), one.given.asked.get("arguments")):
        return "A sensitive field of it has another value, which nobody has seen."
    asked = {
        "tool": call.tool, "definition": tool.definition, "tier": call.tier, "prompt_version": state.prompt_version,
        "precondition": put.precondition, "session": state.ref, "arguments": json.loads(call.arguments),
    }  # fmt: skip
    candidate = Candidate(
        asked=asked, judgement=judgement, radius=radius(tool, value), prose=prose_of(known(call)), news=_news(state, one)
    )
    return _may_not(state, one, judgement.groups) or why_not(one.given, candidate, most_of(rules.policy, call.tier))


def _may_not(state: State, one: Standing, groups: tuple[str, ...]) -> str:
    """Return why whoever gave it could not approve this call today."""
    facts = RequestFacts("tool_call", frozenset(state.excluded), state.requester, groups)
    if one.active and may_decide(one.giver, facts, "approve") is None:
        return ""
    return f"{one.giver.name} may not decide such calls any more."


def _news(state: State, one: Standing) -> str:
    """Return what has come into the session since the call that it was given on, as the model wrote that."""
    calls = state.calls()
    first = next((call for call in calls if call.id == one.call_id), None)
    if first is None:
        return "The call that it was given on is not in the session."
    since = [call for call in calls if call.turn >= first.turn]
    begun = next(item.index for item in state.items if isinstance(item, Pass) and item.number == first.turn)
    said = any(item.trust == "untrusted" for item in state.items if not isinstance(item, Pass) and item.index > begun)
    if said or any(call.trust == "untrusted" for call in since):
        return "Untrusted content was read since."
    return next(filter(None, (_told(call, first) for call in since if call.tool == first.tool)), "")


def _told(call: Call, first: Call) -> str:
    if call.status == "rejected":
        return "A person rejected such a call since."
    if call.status in ("unknown", "resolved"):
        return "What became of such a call was not known since."
    return "A reviewer changed such a call since." if call.edited and call is not first else ""


def _stops(session_id: UUID, agent: str, found: Sequence[Standing]) -> list[Stop]:
    """Return the stops that held the session, its agent, one of the tools or everything since the oldest was given."""
    oldest = min(one.made_at for one in found)
    tools = [str(one.given.asked.get("tool")) for one in found]
    reaches = Q(kind="all") | Q(agent__slug=agent) | Q(session_id=session_id) | Q(tool__in=tools)
    held = Q(lifted_at__isnull=True) | Q(lifted_at__gte=oldest)
    return list(Stop.objects.filter(reaches, held).order_by("-pressed_at")[:MOST_STOPS])


def _stopped(one: Standing, stops: Sequence[Stop]) -> bool:
    tool = one.given.asked.get("tool")
    return any(stop.tool in ("", tool) and (stop.lifted_at is None or stop.lifted_at >= one.made_at) for stop in stops)
