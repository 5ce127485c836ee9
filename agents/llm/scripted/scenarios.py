"""Written conversations: TOML files that say, turn by turn, what the model answers.

A scenario is chosen by `scenario: NAME key=value …` in the first user or system message, or by
its exact `goal`. Which step comes next follows from how often the model has answered, so a
repeated request gets the same answer. `docs/scripted-model.md` describes the format.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.llm.scripted.answer import Answer, AnswerCall
from agents.llm.scripted.conversation import Conversation
from agents.llm.scripted.faults import FaultQueue, read_fault

SHIPPED = Path(__file__).parent / "scenarios"

_MARKER = re.compile(r"\bscenario:\s*(?P<name>[\w.-]+)(?P<rest>[^\n]*)")
_PARAMETER = re.compile(r"([\w-]+)=(\"[^\"]*\"|\S+)")
_TEMPLATE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_STEP_KEYS = frozenset({"text", "calls", "finish_reason", "fault", "cases", "if"})


@dataclass(frozen=True, slots=True)
class Scenario:
    """One written conversation."""

    name: str
    goal: str
    steps: Sequence[Mapping[str, Any]]
    loop: bool


class ScenarioError(ValueError):
    """A scenario file cannot be used; the text names the file and the reason."""


def load(folders: Iterable[Path]) -> dict[str, Scenario]:
    """Read all scenario files; later folders win over earlier ones.

    Raises:
        ScenarioError: a file is not valid.
    """
    files = (path for folder in folders for path in sorted(folder.glob("*.toml")))
    return {scenario.name: scenario for scenario in map(_read, files)}


def choose(conversation: Conversation, scenarios: Mapping[str, Scenario]) -> tuple[Scenario, dict[str, str]] | None:
    """Return the scenario that a request asks for with its parameters, or None."""
    first = conversation.user_texts[:1]
    for text in (*first, conversation.system):
        match = _MARKER.search(text)
        if match and match.group("name").rstrip(".") in scenarios:
            values = {key: value.strip('"') for key, value in _PARAMETER.findall(match.group("rest"))}
            return scenarios[match.group("name").rstrip(".")], values
    goal = first[0].strip() if first else ""
    found = next((item for item in scenarios.values() if item.goal and item.goal == goal), None)
    return (found, {}) if found else None


def play(scenario: Scenario, values: Mapping[str, str], conversation: Conversation, faults: FaultQueue) -> Answer:
    """Return the answer of the step that is due; after the last one a short closing text."""
    count, turn = len(scenario.steps), conversation.turn
    if turn >= count and not scenario.loop:
        return Answer("That was all this scenario had to say.")
    step = _case(scenario.steps[turn % count], conversation)
    fault = None
    if "fault" in step:
        digest = hashlib.sha256(json.dumps(list(conversation.messages)).encode()).hexdigest()
        if faults.first_times(f"{scenario.name}:{turn}:{digest}", int(step["fault"].get("times", 1))):
            fault = read_fault(step["fault"])
    fill = _Filler(conversation, values)
    return Answer(
        text=fill.text(str(step.get("text", ""))),
        calls=tuple(answer for item in step.get("calls", ()) for answer in _calls(item, fill)),
        finish_reason=str(step.get("finish_reason", "")),
        fault=fault,
    )


def _calls(item: Mapping[str, Any], fill: _Filler) -> Iterable[AnswerCall]:
    """Yield the calls that one entry means; `repeat` makes many, numbered by `{{ n }}`."""
    for number in range(int(item.get("repeat", 1))):
        raw = item.get("raw")
        if raw is None:
            arguments = json.dumps(fill.value(item.get("arguments", {}), number), ensure_ascii=False)
        else:
            arguments = fill.text(str(raw), number)
        yield AnswerCall(fill.text(str(item["name"]), number), arguments, item.get("id"))


def _case(step: Mapping[str, Any], conversation: Conversation) -> Mapping[str, Any]:
    """Return the first case whose pattern is found in what came since the last answer; else the step itself."""
    news = "\n".join(_news(conversation))
    return next((case for case in step.get("cases", ()) if re.search(str(case["if"]), news, re.IGNORECASE | re.DOTALL)), step)


def _news(conversation: Conversation) -> list[str]:
    texts: list[str] = []
    for message in reversed(conversation.messages):
        if message.get("role") == "assistant":
            break
        texts.append(str(message.get("content") or ""))
    return texts


class _Filler:
    """Fills `{{ … }}`: parameters, `goal`, `user`, `n`, `turn`, and `TOOL.path.to.value` of the newest result."""

    def __init__(self, conversation: Conversation, values: Mapping[str, str]) -> None:
        users = conversation.user_texts
        self._conversation = conversation
        self._values = {
            "goal": users[0] if users else "",
            "user": users[-1] if users else "",
            "turn": str(conversation.turn),
            **values,
        }

    def value(self, value: Any, number: int) -> Any:
        if isinstance(value, str):
            return self.text(value, number)
        if isinstance(value, dict):
            return {key: self.value(item, number) for key, item in value.items()}
        return [self.value(item, number) for item in value] if isinstance(value, list) else value

    def text(self, text: str, number: int = 0) -> str:
        return _TEMPLATE.sub(lambda match: self._look_up(match.group(1), number), text)

    def _look_up(self, path: str, number: int) -> str:
        name, _, fallback = (part.strip() for part in path.partition("|"))
        if name == "n":
            return str(number)
        if name in self._values:
            return self._values[name]
        tool, *keys = name.split(".")
        exchange = next((item for item in reversed(self._conversation.exchanges) if item.name == tool), None)
        found: Any = exchange.data if exchange and keys else exchange.plain if exchange else None
        for key in keys:
            found = _below(found, key)
        return fallback if found is None else found if isinstance(found, str) else json.dumps(found)


def _below(value: Any, key: str) -> Any:
    if isinstance(value, list) and key.isdigit() and int(key) < len(value):
        return value[int(key)]
    return value.get(key) if isinstance(value, dict) else None


def _read(path: Path) -> Scenario:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    steps = document.get("steps", [])
    if not steps:
        raise ScenarioError(f"{path}: a scenario needs at least one [[steps]]")
    for step in steps:
        _check(path, step)
    return Scenario(path.stem, str(document.get("goal", "")), steps, bool(document.get("loop", False)))


def _check(path: Path, step: Mapping[str, Any]) -> None:
    unknown = set(step) - _STEP_KEYS
    if unknown:
        raise ScenarioError(f"{path}: unknown key {min(unknown)!r} in a step; known are {sorted(_STEP_KEYS)}")
    if "fault" in step:
        try:
            read_fault(step["fault"])
        except ValueError as error:
            raise ScenarioError(f"{path}: {error}") from error
    if any("name" not in item for item in step.get("calls", ())):
        raise ScenarioError(f"{path}: every entry of calls needs a name")
    for case in step.get("cases", ()):
        if "if" not in case:
            raise ScenarioError(f"{path}: every case needs an `if`")
        _check(path, case)
