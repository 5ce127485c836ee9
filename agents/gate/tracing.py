"""A session's texts as sources of values, and the origins of a call's values as they are kept beside it.

Who said what stands in the state: the agent's prompt, messages of people, answers of tools with their trust, and what
the model itself wrote, which makes nothing trusted by coming back. The answer of a tool that writes, or that needs no
scope, is made of what the model gave it, so it counts as the model's own.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from agents.gate.request import ASK_PERSON
from agents.guardrails.signs import signs, with_decoded
from agents.origins import LONGEST, Source, plain, trace
from agents.state import Call, Pass, Said, State
from agents.tools import registry
from agents.tools.definition import Tool
from approvals.document import Policy
from approvals.facts import Origin, OriginKind

TITLE, TITLES = 120, 3
_ADDRESS = re.compile(r"[^\s\"“”<>()]{1,200}(?:@|://)[^\s\"“”<>()]{1,500}")


def looked_at(tool: Tool, policy: Policy) -> bool:
    """Say whether policy asks where the values of a call come from; of a plain read it does not unless a rule says so."""
    return tool.writes or tool.egress or policy.reads_origins


def origins(state: State, call: Call, changed: Iterable[Mapping[str, Any]]) -> tuple[Origin, ...]:
    """Return where each value of a planned call first appeared in what was said before it."""
    filled = [str(change["path"]) for change in changed if change.get("added")]
    return trace(json.loads(call.arguments or "{}"), sources(state), filled=filled)


def sources(state: State) -> list[Source]:
    """Return the texts of the session in their compared form; what has one already is not read again."""
    known = state.sources
    if not known:
        known += [
            Source(_prompt(state.prompt), "operator", "The agent’s prompt"),
            Source(plain(state.on_behalf_of), "operator", "Who the session acts for"),
            *_described(state.config.tools),
        ]
    for item in state.items[state.sourced :]:
        if isinstance(item, Said):
            known += _said(item)
        elif all(call.done for call in item.calls):
            known += [source for source in _passed(item) if _fits(state, source)]
        else:
            break
        state.sourced += 1
    return known


def kept(found: Iterable[Origin]) -> list[dict[str, Any]]:
    """Return origins as they are stored, what says nothing left out."""
    return [
        {name: value for name in Origin.__slots__ if (value := getattr(origin, name)) not in ("", False)} for origin in found
    ]


def known(call: Call) -> tuple[Origin, ...]:
    """Return the origins that were stored when the call was submitted or edited."""
    return tuple(Origin(**part) for part in call.judgement.get("origins", ()))


def after_edit(call: Call, arguments: Mapping[str, Any], difference: Iterable[Mapping[str, Any]]) -> tuple[Origin, ...]:
    """Return the origins of what a reviewer made of a call: what he changed is his, the rest is as it was."""
    before = {origin.path: origin for origin in known(call)}
    edited = [str(change["path"]) for change in difference]
    return tuple(
        origin if origin.kind == "reviewer" else before.get(origin.path, origin)
        for origin in trace(arguments, (), edited=edited)
    )


@lru_cache(maxsize=256)
def _prompt(text: str) -> str:
    return plain(text)  # many sessions have the same


@lru_cache(maxsize=256)
def _described(tools: tuple[str, ...]) -> tuple[Source, ...]:
    """Addresses in descriptions of tools: whoever writes a tool says what it does, not where things are sent."""
    known = [tool for tool in map(registry.get, tools) if tool is not None]
    named = [(tool.name, " ".join(_ADDRESS.findall(with_decoded(tool.description)))) for tool in known]
    return tuple(Source(plain(places), "result", f"Description of {name}", trusted=False) for name, places in named if places)


def _fits(state: State, source: Source) -> bool:
    state.source_room -= len(source.text)
    return state.source_room > 0


def _said(item: Said) -> Iterator[Source]:
    if item.source in ("user", "operator"):
        kind: OriginKind = "operator" if item.source == "operator" else "user"
        label = f"Message of {item.author or item.source}"
        text = item.text if item.trust == "trusted" else _texts(item.text)  # what came as JSON hides nothing by its escapes
        yield Source(plain(text[:LONGEST]), kind, label, item.trust != "untrusted")


def _passed(item: Pass) -> Iterator[Source]:
    yield _model(item.text)
    for call in item.calls:
        yield _model(_texts(call.arguments or call.raw), call=call.key)
        if call.result:
            yield _answer(call, call.result)


def _model(text: str, label: str = "", call: str = "") -> Source:
    return Source(plain(text[:LONGEST]), "model", label, call=call)


def _answer(call: Call, result: str) -> Source:
    text = _texts(result)
    if call.trust == "untrusted":
        titles = [str(source.get("title") or source.get("ref") or "")[:TITLE] for source in call.sources]
        label = ", ".join(list(filter(None, titles))[:TITLES]) or call.tool
        ref = next((str(source["ref"]) for source in call.sources if source.get("ref")), "")
        return Source(plain(text[:LONGEST]), "result", label, trusted=False, call=call.key, ref=ref)
    if call.status == "rejected" or (call.tool == ASK_PERSON and call.status == "succeeded"):
        trusted = call.tool == ASK_PERSON or not signs(text)  # a rejection that gives orders to machines is nobody's word
        return Source(plain(text[:LONGEST]), "reviewer", "A reviewer’s words", trusted=trusted, call=call.key)
    tool = registry.get(call.tool)
    if tool is None or tool.writes or not tool.scopes:
        return _model(text, call.tool, call.key)
    return Source(plain(text[:LONGEST]), "result", call.tool, call=call.key)


def _texts(document: str) -> str:
    """Return the texts and numbers inside a JSON document, so that they are found without its escapes."""
    try:
        return "\n".join(_leaves(json.loads(document)))
    except (ValueError, RecursionError):
        return document


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
