"""What models were asked for an evaluation, told apart by purpose and model: calls, tokens, cost."""

from dataclasses import asdict, dataclass
from typing import Any

from agents.llm.pricing import cost_microusd
from agents.llm.provider import Usage
from agents.rehearsals.play import Transcript


@dataclass(slots=True)
class Use:
    """What one model was asked for one purpose."""

    purpose: str  # evaluate | judge
    model: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0

    def add(self, usage: Usage) -> None:
        """Count one more answer."""
        self.calls += 1
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.cost_microusd += cost_microusd(self.model, usage)

    def as_json(self) -> dict[str, Any]:
        """As it is stored with a result."""
        return asdict(self)


def of_rehearsal(transcript: Transcript, model: str) -> Use:
    """Return what a rehearsal itself asked."""
    tokens_in = sum(turn.input_tokens for turn in transcript.turns)
    tokens_out = sum(turn.output_tokens for turn in transcript.turns)
    return Use("evaluate", model, len(transcript.turns), tokens_in, tokens_out, transcript.cost_microusd)
