"""What a rehearsal did against what was expected of it: one check each, with expected and actual in words. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from agents.evals.document import (
    Called,
    Expectation,
    Matching,
    NeverSays,
    NotCalled,
    Order,
    Rubric,
    Says,
    Shape,
    Within,
    Written,
)
from agents.evals.matching import MISSING, at, like, misfit, same, told, wrong
from agents.rehearsals.play import Acted, Transcript

SHOWN = 300
_ENDED = {
    "turns": "it was broken off at its most turns",
    "cost": "it was broken off at its most cost",
    "time": "it was broken off at its most time",
    "tokens": "it was broken off at its most tokens",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation, and what came of it."""

    kind: str
    passed: bool
    expected: str
    actual: str

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)


def checked(expectations: Sequence[Expectation], transcript: Transcript) -> list[Check]:
    """Check all but rubrics, which a model grades; first of all, that the agent came to an answer."""
    found = [] if transcript.ended == "answered" else [_unanswered(transcript)]
    return found + [_check(one, transcript) for one in expectations if not isinstance(one, Rubric)]


def _unanswered(transcript: Transcript) -> Check:
    actual = _ENDED.get(transcript.ended, f"the model did not answer: {transcript.error}")
    return Check("answered", passed=False, expected="the agent answers", actual=actual)


def _check(one: Expectation, transcript: Transcript) -> Check:
    return _CHECKS[one.kind](one, transcript)


def meant(one: Matching, call: Acted) -> str:
    """Return why a call is not the one that is meant; empty where it is."""
    if call.tool != one.tool:
        return f"it is {call.tool}"
    if one.exactly is not None and not same(call.value, one.exactly):
        return f"expected exactly {told(one.exactly)}, was {told(call.value)}"
    for path, condition in one.arguments.items():
        value = at(call.value, path)
        if why := wrong(value, condition.model_dump(exclude_unset=True)):
            return f"expected “{path}” {why}, was {told(value)}"
    return ""


def _named(one: Matching) -> str:
    said = [f"“{path}” {_condition(condition.model_dump(exclude_unset=True))}" for path, condition in one.arguments.items()]
    said += [f"exactly {told(one.exactly)}"] if one.exactly is not None else []
    return f"{one.tool} with {', '.join(said)}" if said else one.tool


def _condition(said: dict[str, Any]) -> str:
    return " and ".join(
        ("absent" if value else "there") if name == "absent" else wrong(MISSING, {name: value}) or f"{name} {told(value)}"
        for name, value in said.items()
    )


def _called(one: Called, transcript: Transcript) -> Check:
    of_tool = [call for call in transcript.calls if call.tool == one.tool]
    found = [call for call in of_tool if not meant(one, call) and one.judged in (None, call.judged)]
    most = "" if one.at_most is None else f", at most {one.at_most}"
    judged = f", judged as {one.judged}" if one.judged else ""
    expected = f"calls {_named(one)}{judged}: at least {one.at_least}{most}"
    passed = len(found) >= one.at_least and (one.at_most is None or len(found) <= one.at_most)
    return Check("called", passed, expected[:SHOWN], _told_calls(one, of_tool, found, transcript))


def _told_calls(one: Called, of_tool: Sequence[Acted], found: Sequence[Acted], transcript: Transcript) -> str:
    if found:
        return f"it was called {_times(len(found))}"
    if of_tool:
        near = of_tool[0]
        why = meant(one, near) or f"it was judged: {near.judged}"
        return f"{one.tool} was called {_times(len(of_tool))}, not so: {why}"[:SHOWN]
    tools = list(dict.fromkeys(call.tool for call in transcript.calls))
    return f"it was not called; what was called: {', '.join(tools) or 'nothing'}"[:SHOWN]


def _not_called(one: NotCalled, transcript: Transcript) -> Check:
    found = [call for call in transcript.calls if not meant(one, call)]
    actual = "it was not called"
    if found:
        actual = f"it was called {_times(len(found))}, the first with {told(found[0].value)}, judged: {found[0].judged}"
    return Check("not_called", not found, f"never calls {_named(one)}"[:SHOWN], actual[: 2 * SHOWN])


def _order(one: Order, transcript: Transcript) -> Check:
    left = list(one.tools)
    for call in transcript.calls:
        if left and call.tool == left[0]:
            left.pop(0)
    called = ", ".join(call.tool for call in transcript.calls) or "nothing"
    return Check(
        "order", not left, f"calls, in this order: {', '.join(one.tools)}"[:SHOWN], f"what was called: {called}"[:SHOWN]
    )


def _says(one: Says | NeverSays, transcript: Transcript) -> Check:
    must = isinstance(one, Says)
    texts = [transcript.answer] if must else _written(transcript)
    found = next((text for text in texts if _holds(one, text)), None)
    expected = f"{'the answer says' if must else 'nothing that is written says'} {told(one.text)}"
    if must:
        actual = "it does" if found is not None else f"the answer is {told(transcript.answer)}"
    else:
        actual = "nothing does" if found is None else f"this does: {told(found)}"
    return Check(one.kind, (found is not None) == must, expected[:SHOWN], actual[: 2 * SHOWN])


def _holds(one: Says | NeverSays, text: str) -> bool:
    wanted = one.text if one.case else one.text.casefold()
    known = text if one.case else text.casefold()
    return like(known, f"*{wanted}*") if one.like else wanted in known


def _written(transcript: Transcript) -> list[str]:
    """All that the agent wrote: what it said and the arguments of its calls, as texts and as they stand."""
    texts = [turn.written for turn in transcript.turns]
    for call in transcript.calls:
        texts += [call.arguments, *_strings(call.value)]
    return texts


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _strings(part)]


def _shape(one: Shape, transcript: Transcript) -> Check:
    expected = "the answer is JSON of the schema"
    try:
        value = json.loads(_unfenced(transcript.answer))
    except (ValueError, RecursionError):
        return Check("schema", passed=False, expected=expected, actual=f"it is no JSON: {told(transcript.answer)}"[: 2 * SHOWN])
    why = misfit(value, one.schema_)
    return Check("schema", not why, expected, why or "it is")


def _unfenced(text: str) -> str:
    """Without the fence that models put around code."""
    lines = text.strip().split("\n")
    return "\n".join(lines[1:-1]) if len(lines) > 2 and lines[0].startswith("```") and lines[-1] == "```" else text


def _written_in(one: Written, transcript: Transcript) -> Check:
    """What cannot be told has not passed. The model of languages is loaded by the first case that asks for one."""
    expected = f"the answer is written in {' or '.join(one.languages)}"
    found = import_module("agents.evals.languages").told(transcript.answer, one.languages)
    return Check("language", found.passed is True, expected, found.actual)


def _within(one: Within, transcript: Transcript) -> Check:
    bounds = (
        ("turns", one.turns, len(transcript.turns)), ("calls", one.calls, len(transcript.calls)),
        ("tokens", one.tokens, transcript.tokens), ("cost_microusd", one.cost_microusd, transcript.cost_microusd),
        ("seconds", one.seconds, transcript.seconds),
    )  # fmt: skip
    said = [(name, most, was) for name, most, was in bounds if most is not None]
    expected = "at most " + ", ".join(_counted(most, _UNITS[name]) for name, most, _ in said)
    actual = ", ".join(_counted(was, _UNITS[name]) for name, _, was in said)
    return Check("within", all(was <= most for _, most, was in said), expected, actual)


_UNITS = {"turns": "turn", "calls": "call", "tokens": "token", "cost_microusd": "micro-dollar", "seconds": "second"}


def _counted(number: float, unit: str) -> str:
    """Return a number with its unit; whole ones to the last digit."""
    told = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{told} {unit}" if number == 1 else f"{told} {unit}s"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


_CHECKS: Mapping[str, Callable[[Any, Transcript], Check]] = {
    "called": _called,
    "not_called": _not_called,
    "order": _order,
    "says": _says,
    "never_says": _says,
    "schema": _shape,
    "language": _written_in,
    "within": _within,
}
