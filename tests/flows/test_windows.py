"""Each model is given as much of a session as its own window holds, the fallback too (GUARD-8, LOOP-4)."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.llm.provider import Completion, ContextOverflow, ModelUnavailable, PlannedCall, Question
from agents.llm.tokens import estimate_request
from agents.llm.windows import window
from agents.models import Session
from tests.flows.conftest import World
from tests.flows.test_long_sessions import _said, work

SMALL = 3_000  # tokens that the fallback reads and writes at most
ANSWER = 200
FACT = "A long fact of the quarter. " * 60


class Chain:
    """A large model that is away for some turns, and a small one beside it that refuses what is too long for it."""

    def __init__(self, *, away: range, small: int = SMALL) -> None:
        self.away = away
        self.small = small
        self.asked: dict[str, list[Question]] = {"large": [], "small": []}
        self.overflown = 0

    async def complete(self, question: Question, *, on_delta: Callable[[str], None] | None = None) -> Completion:
        """Plan the next call; end after twelve turns."""
        turn = sum(message["role"] == "assistant" for message in question.messages) + 1
        number = max(turn, len(self.asked["large"]) + 1)
        if question.model == "large":
            self.asked["large"].append(question)
            if len(self.asked["large"]) in self.away:
                raise ModelUnavailable("it is away", status=503)
        elif estimate_request(question.messages, question.tools) + ANSWER > self.small:
            self.overflown += 1
            raise ContextOverflow("this model's maximum context length is smaller", status=400)
        else:
            self.asked["small"].append(question)
        if len(self.asked["large"]) >= 12:
            return _said("That was all.", model=question.model)
        arguments = f'{{"key": "fact-{len(self.asked["large"])}", "value": "{FACT}{number}"}}'
        return _said(
            f"Step {number}.", PlannedCall(f"c{number}-{len(self.asked['large'])}", "remember", arguments), model=question.model
        )

    async def aclose(self) -> None:
        """Nothing is open."""


def run(world: World, model: Chain) -> Session:
    """A session whose conversation outgrows the fallback, until it rests."""
    agent = world.agent(
        slug="chained", model="large", fallbacks=["small"], cheap_model="", tools=["remember"], max_output_tokens=ANSWER,
        retries={"model": 0, "base_backoff_s": 0.01},
        limits={"turns": 100, "tool_calls": 100, "tokens": 10_000_000, "cost_microusd": 10**9, "context_tokens": 20_000},
    )  # fmt: skip
    session = world.start("Work for long.", agent=agent)
    work(model, lambda: Session.objects.filter(pk=session.pk).exclude(status__in=["queued", "running"]).exists())  # type: ignore[arg-type]  # both are models
    session.refresh_from_db()
    return session


def told(question: Question) -> int:
    """How long a question is."""
    return estimate_request(question.messages, question.tools)


def test_a_fallback_is_given_what_its_window_holds_and_the_agents_own_model_all_of_it(world: World, settings: Any) -> None:
    """Nothing is refused for its length, and the large model reads the whole conversation again once it is back."""
    settings.MODEL_WINDOWS = {"small": SMALL}
    model = Chain(away=range(10, 12))
    session = run(world, model)
    assert session.status == "waiting_input", session.error
    assert model.overflown == 0
    assert len(model.asked["small"]) == 2
    assert all(told(question) + ANSWER <= SMALL for question in model.asked["small"])
    assert any("left out here for length" in str(message["content"]) for message in model.asked["small"][0].messages)
    assert told(model.asked["large"][-1]) > 1.5 * SMALL
    assert world.log_is_whole()


def test_a_window_that_nobody_knows_is_found_out_for_that_model_alone(world: World) -> None:
    """The fallback refuses what is too long, is given less, and the next time at once; the other model loses nothing."""
    model = Chain(away=range(10, 12))
    session = run(world, model)
    assert session.status == "waiting_input", session.error
    assert model.overflown > 0
    assert len(model.asked["small"]) == 2
    assert told(model.asked["large"][-1]) > 1.5 * SMALL


@pytest.mark.parametrize(
    ("name", "tokens"), [("gpt-4o", 128_000), ("openai/gpt-4o", 128_000), ("my-own", 8_192), ("nobody-knows", None)]
)
def test_windows_are_known_from_the_installation_and_from_the_kept_list(settings: Any, name: str, tokens: int | None) -> None:
    """GUARD-8: what the installation says comes first."""
    settings.MODEL_WINDOWS = {"my-own": 8_192}
    assert window(name) == tokens
