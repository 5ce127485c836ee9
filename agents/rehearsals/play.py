"""One rehearsal whole: what goes in, and the transcript that comes out. Values only."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal
from uuid import UUID

from agents.config import AgentConfig
from agents.rehearsals.document import Line, Recorded

Ended = Literal["answered", "turns", "cost", "time", "tokens", "error", "left"]
Judged = Literal["would run", "would ask", "denied", "invalid"]
KEPT = 4_000  # characters of a result or text that a transcript keeps
TIMES = ("ms", "seconds")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a rehearsal is broken off."""

    turns: int = 20
    cost_microusd: int = 500_000
    seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Play:
    """What is rehearsed: an agent with a prompt, a model and its parameters, from some point of a conversation on.

    `prompt` is the text with its variables filled in, `prompt_version` its `slug version`. `sandbox` names the tools that
    may really run where nothing is recorded; only those that read, and carry nothing out, ever do. With the same `seed`
    a model that keeps to it says the same. `later` is what people said after each of the agent's answers.
    """

    id: UUID
    agent: str
    config: AgentConfig
    prompt: str
    prompt_version: str
    model: str
    parameters: Mapping[str, Any]
    start: tuple[Line, ...]
    recorded: tuple[Recorded, ...] = ()
    later: tuple[tuple[Line, ...], ...] = ()
    sandbox: frozenset[str] = frozenset()
    environment: str = "production"
    task_type: str = "default"
    tenant: str = ""
    on_behalf_of: str = ""
    seed: int = 0
    bounds: Bounds = Bounds()


@dataclass(frozen=True, slots=True)
class Acted:
    """A planned call: how it was judged, and what answered it. `arguments` is JSON, or as it was written where that is none.

    `whole` is its result where `result` is cut; it is stored only while the rehearsal is under way.
    """

    tool: str
    arguments: str
    judged: Judged
    reasons: tuple[str, ...]
    tier: str
    by: str  # record, sandbox, dry run, nothing, or rules: see `agents.gate.rehearsing`
    status: str
    result: str
    whole: str = ""

    @property
    def value(self) -> Any:
        """The arguments as JSON; an empty object where they are none."""
        try:
            return json.loads(self.arguments or "{}")
        except ValueError:
            return {}


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of a rehearsal. `whole` is its text where `text` is cut: for checks, and stored only while it is under way."""

    number: int
    text: str
    calls: tuple[Acted, ...]
    input_tokens: int
    output_tokens: int
    cost_microusd: int
    ms: int
    whole: str = ""

    @property
    def written(self) -> str:
        """All that the agent wrote, as far as it is known."""
        return self.whole or self.text


@dataclass(frozen=True, slots=True)
class Transcript:
    """What came of a rehearsal. `ended` says whether the agent answered or what broke it off, `error` why it failed.

    One that was `left` is not over: it goes on from here later.
    """

    turns: tuple[Said, ...] = ()
    ended: Ended = "answered"
    error: str = ""
    seconds: float = 0.0
    extra_cost_microusd: int = 0  # of questions that were asked again

    @property
    def answer(self) -> str:
        """The final text; empty where there is none."""
        return self.turns[-1].written if self.turns and self.ended == "answered" else ""

    @property
    def calls(self) -> tuple[Acted, ...]:
        """All calls, in order."""
        return tuple(call for turn in self.turns for call in turn.calls)

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return sum(turn.input_tokens + turn.output_tokens for turn in self.turns)

    @property
    def cost_microusd(self) -> int:
        """What the models cost."""
        return sum(turn.cost_microusd for turn in self.turns) + self.extra_cost_microusd

    @property
    def unrecorded(self) -> int:
        """Calls that nothing was recorded for, and that no sandbox answered."""
        return sum(call.by == "nothing" for call in self.calls)

    @property
    def fingerprint(self) -> str:
        """Equal for rehearsals in which the same was said and done, whatever time they took."""
        told = json.dumps(_timeless(self.as_json()), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()

    def as_json(self, *, whole: bool = False) -> dict[str, Any]:
        """As it is stored, long texts cut; with `whole` nothing is, for one that goes on later."""
        told = asdict(self)
        for turn in told["turns"] if not whole else ():
            del turn["whole"]
            for call in turn["calls"]:
                del call["whole"]
        return told


def transcript(stored: Mapping[str, Any]) -> Transcript:
    """Return a stored transcript."""
    turns = tuple(
        Said(**{**turn, "calls": tuple(Acted(**{**call, "reasons": tuple(call["reasons"])}) for call in turn["calls"])})
        for turn in stored["turns"]
    )
    return Transcript(**{**stored, "turns": turns})


def storable(value: Any) -> Any:
    """Return a transcript's JSON without what no database text holds."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: storable(part) for name, part in value.items()}
    return [storable(part) for part in value] if isinstance(value, list | tuple) else value


def shortened(text: str, most: int = KEPT) -> str:
    """Return a text as a transcript keeps it."""
    return text if len(text) <= most else f"{text[:most]}… [{len(text) - most:,} more characters]"


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(part) for name, part in value.items() if name not in TIMES}
    return [_timeless(part) for part in value] if isinstance(value, list | tuple) else value


@dataclass(slots=True)
class Course:
    """A rehearsal under way."""

    turns: list[Said] = field(default_factory=list)
    extra_cost_microusd: int = 0
    seconds: float = 0.0  # that it took before it was last left

    @property
    def cost_microusd(self) -> int:
        """What it has cost so far."""
        return sum(turn.cost_microusd for turn in self.turns) + self.extra_cost_microusd

    def told(self, ended: Ended, error: str = "") -> Transcript:
        """Return what has come of it so far."""
        return Transcript(tuple(self.turns), ended, error, round(self.seconds, 3), self.extra_cost_microusd)

    @classmethod
    def of(cls, told: Transcript) -> "Course":
        """Return a rehearsal that was left, as it goes on."""
        return cls(list(told.turns), told.extra_cost_microusd, told.seconds)
