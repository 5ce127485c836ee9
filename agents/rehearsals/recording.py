"""A session that was, as the start of rehearsals: its conversation up to some turn, and what its tools answered from there on."""

import json
from dataclasses import dataclass

from agents.context import PEOPLE
from agents.rehearsals.document import LONGEST_TEXT, Done, Line, Recorded
from agents.state import Call, Said, State

_KNOWN = ("succeeded", "failed", "rejected", "denied")
_TURNED = {"resolved": "succeeded", "expired": "failed", "withdrawn": "failed", "unknown": "failed", "invalid": "failed"}


@dataclass(frozen=True, slots=True)
class Recording:
    """The lines before a point of a session, the results of its calls behind it, and what people said there, answer by answer."""

    start: tuple[Line, ...]
    recorded: tuple[Recorded, ...]
    later: tuple[tuple[Line, ...], ...] = ()


def recording(state: State, *, before_turn: int = 1) -> Recording:
    """Return a session as it stood before one of its turns, with the results of every call from there on.

    With the first turn that is the goal alone; what people said between later turns is `later`, for whoever goes on with it.
    """
    start: list[Line] = []
    recorded: list[Recorded] = []
    later: list[list[Line]] = []
    begun, between = False, False
    for item in state.items:
        if isinstance(item, Said):
            if not begun and item.covers is None:
                start.append(_said(item))
            elif begun and item.source in PEOPLE:
                later += [] if between else [[]]
                later[-1].append(_said(item))
                between = True
            continue
        begun, between = begun or item.number >= before_turn, False
        if begun:
            recorded += [one for call in item.calls if (one := _recorded(call)) is not None]
        else:
            start.append(Line(source="agent", text=item.text[:LONGEST_TEXT], calls=tuple(_done(call) for call in item.calls)))
    return Recording(tuple(start), tuple(recorded), tuple(map(tuple, later)))


def _said(item: Said) -> Line:
    source = item.source if item.source in ("user", "operator") else "system"
    trust = "untrusted" if item.trust == "untrusted" else "trusted"
    return Line.model_validate({"source": source, "text": item.text[:LONGEST_TEXT], "trust": trust})


def _done(call: Call) -> Done:
    return Done.model_validate(
        {"tool": _tool(call), "arguments": _arguments(call)[:LONGEST_TEXT], "result": (call.result or "")[:LONGEST_TEXT],
         "status": call.status if call.done else "failed", "trust": call.trust, "sources": call.sources}
    )  # fmt: skip


def _recorded(call: Call) -> Recorded | None:
    """What a call was answered; None of one that could not run as it was written, or has no answer yet."""
    if not call.done or call.status in ("invalid", "withdrawn") or call.arguments is None:
        return None
    status = call.status if call.status in _KNOWN else _TURNED[call.status]
    return Recorded.model_validate(
        {"tool": _tool(call), "arguments": json.loads(_arguments(call)), "result": (call.result or "")[:LONGEST_TEXT],
         "status": status, "trust": call.trust, "sources": call.sources}
    )  # fmt: skip


def _arguments(call: Call) -> str:
    """As the call was planned: the model that is rehearsed plans it so again, not as a reviewer changed it."""
    if not call.edited:
        return call.arguments if call.arguments is not None else call.raw
    return call.raw


def _tool(call: Call) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in call.tool)[:64] or "_"
