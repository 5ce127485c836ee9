"""The door to a model: tolls are passed in order, settled in reverse, and see what came of the call."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from agents.door import Asking, Caller, Door
from agents.llm.provider import Completion, ModelUnavailable, Question, RateLimited, Usage

CALLER = Caller(uuid4(), "S-1", "refunds")
QUESTION = Question("some-model", [])
ANSWER = Completion("Hello", (), "stop", Usage(1, 1), "some-model", "r-1", 1, None)


class Answering:
    """A provider that answers, fails or hangs."""

    def __init__(self, *, error: Exception | None = None, hangs: bool = False) -> None:
        self.error = error
        self.hangs = hangs
        self.asked = 0

    async def complete(self, question: Question, *, on_delta: Callable[[str], None] | None = None) -> Completion:
        self.asked += 1
        if self.error is not None:
            raise self.error
        if self.hangs:
            await asyncio.Event().wait()
        return ANSWER

    async def aclose(self) -> None:
        """Nothing is open."""


class Told:
    """A toll that writes down what it sees."""

    def __init__(self, name: str, seen: list[str], *, refuses: bool = False) -> None:
        self.name = name
        self.seen = seen
        self.refuses = refuses

    @asynccontextmanager
    async def __call__(self, asking: Asking) -> AsyncIterator[None]:
        if self.refuses:
            raise RateLimited("not now", retry_after_s=30)
        self.seen.append(f"{self.name} passed by {asking.caller.agent}")
        try:
            yield
        except BaseException as error:
            self.seen.append(f"{self.name} saw {type(error).__name__}")
            raise
        self.seen.append(f"{self.name} saw {asking.completion.text if asking.completion else 'nothing'}")


def ask(door: Door, *, within_s: float = 30.0) -> Completion:
    """Ask through the door as the one caller."""

    async def asked() -> Completion:
        async with asyncio.timeout(within_s):
            return await door.of(CALLER).complete(QUESTION)

    return asyncio.run(asked())


def test_tolls_are_passed_in_order_and_settled_in_reverse_with_the_answer() -> None:
    seen: list[str] = []
    door = Door(Answering(), [Told("breaker", seen), Told("money", seen)])

    assert ask(door) is ANSWER

    assert seen == ["breaker passed by refunds", "money passed by refunds", "money saw Hello", "breaker saw Hello"]


def test_a_toll_that_is_not_had_keeps_the_question_from_being_sent_and_settles_those_before() -> None:
    seen: list[str] = []
    provider = Answering()
    door = Door(provider, [Told("breaker", seen), Told("rate", seen, refuses=True), Told("money", seen)])

    with pytest.raises(RateLimited):
        ask(door)

    assert provider.asked == 0
    assert seen == ["breaker passed by refunds", "breaker saw RateLimited"]


def test_every_toll_sees_an_error_of_the_provider() -> None:
    seen: list[str] = []
    door = Door(Answering(error=ModelUnavailable("away")), [Told("breaker", seen), Told("money", seen)])

    with pytest.raises(ModelUnavailable):
        ask(door)

    assert seen[2:] == ["money saw ModelUnavailable", "breaker saw ModelUnavailable"]


def test_every_toll_sees_that_a_call_was_abandoned() -> None:
    seen: list[str] = []
    door = Door(Answering(hangs=True), [Told("money", seen)])

    with pytest.raises(TimeoutError):
        ask(door, within_s=0.01)

    assert seen == ["money passed by refunds", "money saw CancelledError"]


def test_a_toll_can_tell_a_question_that_was_sent_from_one_that_never_was() -> None:
    sent: list[bool] = []

    @asynccontextmanager
    async def looks(asking: Asking) -> AsyncIterator[None]:
        try:
            yield
        finally:
            sent.append(asking.sent)

    with pytest.raises(RateLimited):
        ask(Door(Answering(), [looks, Told("rate", [], refuses=True)]))
    with pytest.raises(ModelUnavailable):
        ask(Door(Answering(error=ModelUnavailable("away")), [looks]))
    assert sent == [False, True]


def test_without_tolls_the_provider_itself_is_asked() -> None:
    provider = Answering()

    assert Door(provider).of(CALLER) is provider
