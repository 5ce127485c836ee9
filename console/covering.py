"""Sensitive fields on pages and in answers: what is covered for whom, and what a person is told of it.

A request shows them to whom they were revealed; the story of a session never does, its requests are the place to ask.
Where no tool has sensitive fields, nothing is read and nothing is looked for.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.urls import reverse

from agents.models import ToolCall
from agents.tools import registry
from agents.tools.sensitive import sensitive_places
from approvals.models import ApprovalRequest
from approvals.reveals import refusal_to_see, seen
from approvals.sensitive import UNREAD, Mask, Place, masked, places_of, read_json
from audit.content import read_texts
from console.auth import Caller
from console.rights import Right


@dataclass(frozen=True, slots=True)
class Cover:
    """What is covered of one request for one person; of nearly every request nothing."""

    places: tuple[Place, ...] = ()
    mask: Mask = field(default_factory=Mask)

    def arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments with marks in place of what is covered."""
        found: dict[str, Any] = self.mask.value(masked(arguments, self.places))
        return found

    def text(self, text: str) -> str:
        """Return a text without the covered values."""
        return self.mask.text(text)

    def value(self, value: Any) -> Any:
        """Return a value of JSON, or of a page's context, without the covered values."""
        return self.mask.value(value)

    def document(self, text: str) -> str:
        """Return arguments as they were written, without what is covered."""
        return self.mask.document(text, self.places)

    def facts(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the facts of a request without what is covered; its places are told beside them."""
        told = {name: value for name, value in facts.items() if name not in ("sensitive", "refused")}
        if self.places and told.get("arguments"):
            told["arguments"] = self.document(str(told["arguments"]))
        return {name: self.value(value) for name, value in told.items()}


BARE = Cover()


def cover_of(row: ApprovalRequest, caller: Caller) -> Cover:
    """Return what of a request is covered for the caller."""
    return covers_of([row], caller).get(row.id, BARE)


def covers_of(rows: Sequence[ApprovalRequest], caller: Caller) -> dict[UUID, Cover]:
    """Return what is covered of requests for the caller, by id; those of which nothing is are not in it."""
    hiding = [row for row in rows if places_of(row.facts)]
    shown = seen(hiding, caller.user_id) if caller.kind in ("user", "personal") else set()
    hiding = [row for row in hiding if row.id not in shown]
    if not hiding:
        return {}
    bodies = dict(ApprovalRequest.objects.filter(id__in=[row.id for row in hiding]).values_list("id", "body"))
    written = read_texts([row.raw_arguments_id for row in hiding if row.raw_arguments_id])
    return {row.id: _cover(row, bytes(bodies[row.id]), written) for row in hiding}


def _cover(row: ApprovalRequest, body: bytes, written: Mapping[UUID, str]) -> Cover:
    """Return the cover of a request: of what is asked now, and of what the model wrote before somebody edited it."""
    raw = written.get(row.raw_arguments_id, "") if row.raw_arguments_id else ""
    places = tuple({place.parts: place for place in (*places_in(row.tool, raw), *places_of(row.facts))}.values())
    asked = json.loads(row.facts.get("arguments") or "{}") or json.loads(body).get("arguments") or {}
    return Cover(places, Mask([(asked, places), (read_json(raw), places)]))


def sensitive_of(row: ApprovalRequest, caller: Caller, cover: Cover) -> dict[str, Any] | None:
    """Return what a page says of the sensitive fields of a request; None where it has none."""
    places = places_of(row.facts)
    if not places:
        return None
    refusal = refusal_to_see(caller.person(), row, reads_all=caller.has(Right.REVEAL))
    return {
        "fields": [{"name": place.path, "kind": place.kind} for place in places],
        "covered": bool(cover.places),
        "may": caller.has(Right.REVEAL_DECIDED) and not refusal,
        "refusal": refusal or "Your role does not read raw content.",
        "url": reverse("approval-reveal", args=[row.ref]),
    }


def story_mask(calls: Iterable[ToolCall], texts: Mapping[UUID, str]) -> Mask:
    """Return what covers the sensitive values of these calls wherever their session's texts repeat them."""
    known = []
    for call in calls:
        document = texts.get(call.arguments_id, "") if call.arguments_id else ""
        if document and (places := places_in(call.tool, document)):
            known.append((json.loads(document), places))
    return Mask(known)


def masks_of(session_ids: Iterable[UUID]) -> dict[UUID, Mask]:
    """Return what covers the texts of sessions, by id; without a query where no tool has sensitive fields."""
    calls = _hiding_calls(session_ids)
    texts = read_texts([call.arguments_id for call in calls if call.arguments_id]) if calls else {}
    found: dict[UUID, list[ToolCall]] = {}
    for call in calls:
        found.setdefault(call.session_id, []).append(call)
    return {session_id: story_mask(part, texts) for session_id, part in found.items()}


def mask_of_session(session_id: UUID) -> tuple[Mask, list[ToolCall]]:
    """Return what covers the texts of one session, and the calls that hide something."""
    calls = _hiding_calls([session_id])
    texts = read_texts([call.arguments_id for call in calls if call.arguments_id]) if calls else {}
    return story_mask(calls, texts), calls


def _hiding_calls(session_ids: Iterable[UUID]) -> list[ToolCall]:
    tools = [tool.name for tool in registry.all_tools().values() if tool.sensitive]
    ids = list(session_ids) if tools else []
    return list(ToolCall.objects.filter(session_id__in=ids, tool__in=tools)) if ids else []


def places_in(tool: str, document: str) -> tuple[Place, ...]:
    """Return the sensitive places in the arguments of a call of `tool`."""
    found = registry.get(tool)
    return sensitive_places(found, document) if found is not None and found.sensitive else ()


def covered_texts(calls: Iterable[ToolCall], texts: Mapping[UUID, str], mask: Mask) -> dict[UUID, str]:
    """Return a session's texts as its story shows them: arguments by where their values stand, all else by what it repeats."""
    written = {id_: call for call in calls for id_ in (call.arguments_id, call.raw_id) if id_ and hides(call.tool)}
    if not mask and not written:
        return dict(texts)
    return {id_: _arguments(written[id_], text, mask) if id_ in written else mask.document(text) for id_, text in texts.items()}


def hides(tool: str) -> bool:
    """Return whether a tool takes sensitive fields."""
    found = registry.get(tool)
    return found is not None and found.sensitive


def _arguments(call: ToolCall, document: str, mask: Mask) -> str:
    # What could not be validated may hold a sensitive value anywhere.
    return UNREAD if call.arguments_id is None else mask.document(document, places_in(call.tool, document))
