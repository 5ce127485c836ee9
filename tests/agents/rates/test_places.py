"""Places in a rate over several workers: never too many, fair, kept by whoever waits, given up by whoever is gone (GUARD-5)."""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User

from agents.door import Caller, Door
from agents.guardrails.rate import SLACK_S, spacing
from agents.ledger import Ledger
from agents.limiting import Bounds, set_limit
from agents.llm.provider import Completion, Later, ModelError, Question, RateLimited, Usage, WaitedTooLong
from agents.loads import places_of, uses, waiting
from agents.models import RateWait
from agents.rates.toll import RateToll
from tests.flows.conftest import actor_of, person_of

MODEL = "scripted-1"
SERVER = "llm.example:8443"
pytestmark = pytest.mark.usefixtures("fresh_database")


class Counting:
    """A provider that writes down when it was asked, and by the caller's model name nothing else."""

    def __init__(self, error: ModelError | None = None, *, tokens: int = 10) -> None:
        self.asked: list[tuple[float, str]] = []
        self.error = error
        self.tokens = tokens

    async def complete(self, question: Question, *, on_delta: Callable[[str], None] | None = None) -> Completion:
        self.asked.append((time.monotonic(), str(question.messages[0]["content"])))
        if self.error is not None:
            raise self.error
        return Completion("Yes", (), "stop", Usage(self.tokens, 0), question.model, "r", 1, None)

    def address(self, model: str) -> str:
        """One server for all models."""
        return SERVER

    async def aclose(self) -> None:
        """Nothing is open."""


class Post:
    """One worker's door with the toll in front of it."""

    def __init__(self, provider: Counting) -> None:
        self.ledger = Ledger()
        self.toll = RateToll(self.ledger)
        self.door = Door(provider, [self.toll])

    async def ask(
        self, agent: str, *, session: UUID | None = None, purpose: str = "plan", patience_s: float = 60, model: str = MODEL
    ) -> Completion:
        """Ask as a session of an agent."""
        caller = Caller(session or uuid4(), "S-1", agent, purpose=purpose, patience_s=patience_s)
        question = Question(model, [{"role": "user", "content": agent}], max_output_tokens=90)
        return await self.door.of(caller).complete(question)

    async def refresh(self) -> None:
        """Read the limits, as a worker does twice a second."""
        await self.ledger.read(self.toll.refresh)


@contextlib.asynccontextmanager
async def posts(count: int, provider: Counting) -> AsyncIterator[list[Post]]:
    """Some workers' doors."""
    found = [Post(provider) for _ in range(count)]
    for post in found:
        post.ledger.start()
        await post.refresh()
    try:
        yield found
    finally:
        for post in found:
            if post.toll._rounds is not None:
                await post.toll._rounds  # who left is said yet
            post.ledger.close()


@pytest.fixture
def limit(olga: User) -> Callable[..., None]:
    """Set a limit of the model."""

    def set_(scope: str = f"model:{MODEL}", **bounds: Any) -> None:
        set_limit(scope=scope, bounds=Bounds(**bounds), reason="For a test.", person=person_of(olga), actor=actor_of(olga))

    return set_


def test_where_nothing_is_limited_no_place_is_asked_for() -> None:
    provider = Counting()

    async def story() -> None:
        async with posts(1, provider) as (post,):
            assert (await post.ask("a")).waited_ms == 0
            assert post.toll._rounds is None

    asyncio.run(story())


def test_workers_together_keep_to_the_limit_and_use_it(limit: Callable[..., None]) -> None:
    limit(requests=1_200)
    provider = Counting()

    async def story() -> None:
        async with posts(3, provider) as here:
            await asyncio.gather(*(here[number % 3].ask("a") for number in range(60)))

    asyncio.run(story())
    times = sorted(at for at, _ in provider.asked)
    each = spacing(1_200)
    assert len(times) == 60
    for first in range(60):
        for last in range(first + 1, 60):
            assert times[last] - times[first] >= (last - first) * each - SLACK_S
    assert uses()[f"model:{MODEL}"].requests == 60


def test_workers_together_keep_to_the_limit_of_a_provider_over_its_models(limit: Callable[..., None], settings: Any) -> None:
    settings.OPENAI_BASE_URL = f"https://{SERVER}/v1"
    limit(f"provider:{SERVER}", requests=1_200)
    limit("model:slow", requests=120)
    provider = Counting()

    async def story() -> None:
        async with posts(3, provider) as here:
            fast = [here[number % 3].ask("a", model="fast") for number in range(20)]
            slow = [here[number % 3].ask("slow", model="slow") for number in range(4)]
            other = [here[number % 3].ask("b", model="other") for number in range(20)]
            await asyncio.gather(*fast, *slow, *other)

    asyncio.run(story())
    whole = sorted(at for at, _ in provider.asked)
    slow = sorted(at for at, agent in provider.asked if agent == "slow")
    for times, most in ((whole, 1_200), (slow, 120)):
        each = spacing(most)
        for first, last in itertools.combinations(range(len(times)), 2):
            assert times[last] - times[first] >= (last - first) * each - SLACK_S
    assert uses()[f"provider:{SERVER}"].requests == 44
    assert uses()["model:slow"].requests == 4


def test_who_waits_for_a_provider_is_told_so(limit: Callable[..., None], settings: Any) -> None:
    settings.OPENAI_BASE_URL = f"https://{SERVER}/v1"
    limit(f"provider:{SERVER}", requests=2)

    async def story() -> None:
        async with posts(1, Counting()) as (post,):
            await post.ask("a")
            with pytest.raises(Later, match=f"place in the rate of {SERVER}"):
                await post.ask("a")

    asyncio.run(story())
    assert [line.provider for line in waiting()] == [SERVER]


def test_two_agents_with_unequal_demand_get_equal_shares(limit: Callable[..., None]) -> None:
    limit(requests=1_200)
    provider = Counting()

    async def story() -> None:
        async with posts(2, provider) as (one, two):
            many = [asyncio.create_task(one.ask("many")) for _ in range(80)]
            few = [asyncio.create_task(two.ask("few")) for _ in range(20)]
            await asyncio.gather(*few)
            for task in many:
                task.cancel()
            await asyncio.gather(*many, return_exceptions=True)

    asyncio.run(story())
    got = Counter(agent for _, agent in provider.asked)
    assert got["few"] == 20
    assert got["many"] <= 20 + 15  # and those of the first half second, before anybody else asked


def test_a_question_that_will_wait_for_long_gives_its_session_back_and_keeps_its_place(limit: Callable[..., None]) -> None:
    limit(requests=2)
    session = uuid4()

    async def story() -> Later:
        async with posts(1, Counting()) as (post,):
            await post.ask("a")
            with pytest.raises(Later) as caught:
                await post.ask("a", session=session)
            first = (await post.ledger.read(lambda: places_of([session])))[session]
            assert first.until is not None
            with pytest.raises(Later):
                await post.ask("a", session=session)
            again = (await post.ledger.read(lambda: places_of([session])))[session]
            assert again.since == first.since
            return caught.value

    refusal = asyncio.run(story())
    assert "place in the rate of scripted-1" in refusal.detail
    assert refusal.retry_after_s is not None
    assert refusal.retry_after_s > 10
    assert [(line.agent, line.questions, line.parked) for line in waiting()] == [("a", 1, 1)]


def test_waiting_is_bounded_by_the_agent(limit: Callable[..., None]) -> None:
    limit(requests=10)

    async def story() -> None:
        async with posts(1, Counting()) as (post,):
            await post.ask("a")
            with pytest.raises(WaitedTooLong, match="the agent waits 1 s at most"):
                await post.ask("a", patience_s=1)

    asyncio.run(story())
    assert not RateWait.objects.exists()


def test_a_tool_that_asks_waits_in_its_own_time_and_is_not_put_back(limit: Callable[..., None]) -> None:
    limit(requests=2)

    async def story() -> None:
        async with posts(1, Counting()) as (post,):
            await post.ask("a")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    await post.ask("a", purpose="summarise_document")

    asyncio.run(story())
    assert not RateWait.objects.exists()


def test_what_a_dead_worker_waited_for_is_given_to_nobody(limit: Callable[..., None]) -> None:
    limit(requests=1_200)
    RateWait.objects.bulk_create(
        RateWait(owner=uuid4(), session_id=uuid4(), session_ref="S-9", agent="gone", model=MODEL, tokens=0,
                 asked_at="2026-01-01T00:00:00Z", seen_at="2026-01-01T00:00:00Z")
        for _ in range(50)
    )  # fmt: skip
    provider = Counting()

    async def story() -> None:
        async with posts(1, provider) as (post,):
            await asyncio.gather(*(post.ask("a") for _ in range(5)))

    asyncio.run(story())
    assert uses()[f"model:{MODEL}"].requests == 5
    assert waiting() == []


def test_a_provider_that_wants_to_be_left_alone_is_left_alone_by_every_worker() -> None:
    refusing, answering = Counting(RateLimited("slow down", status=429, retry_after_s=30)), Counting()

    async def story() -> None:
        async with posts(1, refusing) as (first,), posts(1, answering) as (second,):
            with pytest.raises(RateLimited):
                await first.ask("a")
            assert first.toll._rounds is not None
            await first.toll._rounds
            await second.refresh()
            with pytest.raises(Later):
                await second.ask("b")

    asyncio.run(story())
    assert answering.asked == []


def test_tokens_are_reserved_before_and_settled_after(limit: Callable[..., None]) -> None:
    limit(tokens=60_000)

    async def story() -> None:
        async with posts(1, Counting(tokens=40)) as (post,):
            await post.ask("a")
            assert post.toll._rounds is not None
            await post.toll._rounds

    asyncio.run(story())
    use = uses()[f"model:{MODEL}"]
    assert (use.requests, use.tokens) == (1, 40)


def test_a_limit_that_is_lifted_lets_those_that_wait_go(limit: Callable[..., None]) -> None:
    limit(requests=6)
    provider = Counting()

    async def story() -> None:
        async with posts(1, provider) as (post,):
            await post.ask("a")
            waits = asyncio.create_task(post.ask("a"))
            await asyncio.sleep(0)
            await post.ledger.read(limit)
            await asyncio.wait_for(waits, 120)

    asyncio.run(story())
    assert len(provider.asked) == 2
