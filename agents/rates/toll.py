"""The toll in front of a model whose rate is limited: a place in the rate before the question, its use settled after it.

One per worker. Its questions are asked for in rounds, all together; where nothing is limited there are none. A question
that will wait for long gives its session back instead of holding it, and keeps its place in the order. A provider that
says how long it wants to be left alone is left alone by all workers.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4, uuid5

import structlog
from django.db import Error as DatabaseError

from agents.door import Asking
from agents.guardrails import money
from agents.guardrails.rate import PROVIDER, Limit, scopes_of
from agents.ledger import Ledger
from agents.llm import tokens
from agents.llm.provider import Later, ModelError, RateLimited, WaitedTooLong
from agents.rates.round import Given, Heard, Said, Wish, kept, park, play
from agents.tools import slots

log = structlog.get_logger(__name__)

EVERY_S = 0.2  # between two rounds, while somebody waits
GATHER_S = 0.03  # questions that come together are asked for together
PATIENT_S = 0.5  # after a round that failed
STILL_THERE_S = 3.0
HOW_LONG_S = 2.0
PARK_ABOVE_S = 10.0  # whoever waits longer gives the session back meanwhile
LONGEST_PARK_S = 120.0
NOTED_S = 1.0  # a shorter wait is not worth a word
LONGEST_HOLD_S = 300.0  # a provider's wish beyond it is not believed
ANSWER = 1_000  # tokens that are reserved for an answer without a bound


@dataclass(slots=True)
class _Waiting:
    wish: Wish
    since: float
    patience_s: float
    parks: bool  # a session's own question; a tool's waits within the tool's time
    place: asyncio.Future[Given]
    before_s: float = 0.0  # waited before its session was put back


class RateToll:
    """A place in the rate of the model, for one worker's questions."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._owner = uuid4()
        self._limits: dict[str, Limit] = {}
        self._held: dict[str, float] = {}  # by model, by the process's monotonic clock
        self._waiting: dict[UUID, _Waiting] = {}
        self._said = Said(self._owner)
        self._rounds: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._told_at = self._asked_at = 0.0

    def refresh(self) -> None:
        """Read the limits, those of tools too, and which providers want to be left alone; in the ledger's thread."""
        now, read = time.monotonic(), kept()
        self._limits, self._held = read.limits, {model: now + seconds for model, seconds in read.held.items()}
        slots.keep(read.tools)

    @asynccontextmanager
    async def __call__(self, asking: Asking) -> AsyncIterator[None]:
        """Wait for a place where there is a limit; see `agents.door.Toll`. Raises Later, WaitedTooLong."""
        model, provider = asking.question.model, asking.address
        limited = scopes_of(model, provider, self._limits)
        reserved = 0
        if limited or self._held.get(model, 0.0) > time.monotonic():
            reserved = self._reserve(asking, limited)
            await self._place(asking, reserved)
        try:
            yield
        except ModelError as error:
            self._failed(model, provider, reserved, error)
            raise
        if reserved and asking.completion is not None:
            usage = asking.completion.usage
            self._correct(model, provider, usage.input_tokens + usage.output_tokens - reserved)

    def _reserve(self, asking: Asking, limited: Sequence[str]) -> int:
        """How many tokens the question may take, as far as can be told; 0 where they are not limited."""
        if not any(self._limits[scope].tokens for scope in limited):
            return 0
        question = asking.question
        return tokens.estimate_request(question.messages, question.tools) + (question.max_output_tokens or ANSWER)

    def _failed(self, model: str, provider: str, reserved: int, error: ModelError) -> None:
        if error.status == 429 and isinstance(error, RateLimited) and error.retry_after_s:
            self._hold(model, min(error.retry_after_s, LONGEST_HOLD_S))
        if not money.charged_for(error.status, unsent=error.unsent):
            self._correct(model, provider, -reserved)  # whatever else happened counts as spent

    def _correct(self, model: str, provider: str, difference: int) -> None:
        if difference:
            self._said.corrections.append((model, provider, difference))
            self._go()

    def _hold(self, model: str, seconds: float) -> None:
        self._held[model] = max(self._held.get(model, 0.0), time.monotonic() + seconds)
        self._said.held[model] = max(seconds, self._said.held.get(model, 0.0))
        self._go()

    async def _place(self, asking: Asking, reserved: int) -> None:
        """Wait until the question may be sent."""
        caller, loop = asking.caller, asyncio.get_running_loop()
        plans = caller.purpose == "plan"
        key = uuid5(caller.session, "plan") if plans else uuid4()
        wish = Wish(key, caller.session, caller.ref, caller.agent, asking.question.model, asking.address, reserved)
        waiting = _Waiting(wish, time.monotonic(), caller.patience_s, plans, loop.create_future())
        try:
            while True:
                self._waiting[key] = waiting
                self._said.came.append(wish)
                self._go()
                given = await waiting.place
                await asyncio.sleep(given.at - time.monotonic())
                if time.monotonic() < given.until:
                    break
                waiting.place = loop.create_future()  # too late: the place is another minute's now
        finally:
            self._leave(key)
        waited = time.monotonic() - waiting.since + waiting.before_s
        asking.waited_s = waited if waited > NOTED_S else 0.0

    def _leave(self, key: UUID) -> None:
        waiting = self._waiting.pop(key, None)
        if waiting is not None and (waiting.place.cancelled() or waiting.place.exception() is not None):
            self._said.left.append(key)
            self._go()

    def _go(self) -> None:
        self._news.set()
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.get_running_loop().create_task(self._play())

    async def _play(self) -> None:
        """Play rounds as long as somebody waits or there is something to say."""
        while self._waiting or self._said != Said(self._owner):
            self._news.clear()
            await asyncio.sleep(GATHER_S)
            await self._one()
            if any(not waiting.place.done() for waiting in self._waiting.values()):
                await self._pause()
            elif self._said == Said(self._owner):
                break

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._news.wait(), EVERY_S)
        except TimeoutError:
            return

    async def _one(self) -> None:
        said, self._said = self._said, Said(self._owner)
        now = time.monotonic()
        said.still_there = bool(self._waiting) and now - self._told_at > STILL_THERE_S
        said.ask_how_long = bool(self._waiting) and now - self._asked_at > HOW_LONG_S
        try:
            heard = await self._ledger.read(lambda: play(said))
        except Exception as error:  # noqa: BLE001  whoever waits must not wait for a task that is gone
            log.warning("rate.no_round", error=type(error).__name__, detail=str(error)[:300])
            self._say_again(said)
            heard = Heard()
            await asyncio.sleep(PATIENT_S)
        self._told_at = now if said.still_there else self._told_at
        self._asked_at = now if heard.expected else self._asked_at
        for key, before in heard.waited.items():
            if key in self._waiting:
                self._waiting[key].before_s = max(before, self._waiting[key].before_s)
        for key, given in heard.given.items():
            if key in self._waiting and not self._waiting[key].place.done():
                self._waiting[key].place.set_result(given)
        for key, waiting in list(self._waiting.items()):
            if not waiting.place.done():
                await self._judge(key, waiting, heard.expected.get(key, 0.0))

    def _of(self, wish: Wish) -> str:
        """Whose rate a question waits for, in words: of several limits the narrowest."""
        scopes = scopes_of(wish.model, wish.provider, self._limits)
        return (scopes[-1].removeprefix(PROVIDER) or "all models") if scopes else "the model"

    def _say_again(self, said: Said) -> None:
        """The round was not played: all of it is said in the next, but for who left meanwhile."""
        still = [wish for wish in said.came if wish.key in self._waiting]
        self._said.came = [*still, *self._said.came]
        self._said.left = [*said.left, *self._said.left]
        self._said.corrections = [*said.corrections, *self._said.corrections]
        self._said.held = {**said.held, **self._said.held}

    async def _judge(self, key: UUID, waiting: _Waiting, expected_s: float) -> None:
        """Give up what waited too long; give back the session of what will wait for long."""
        of = self._of(waiting.wish)
        waited = time.monotonic() - waiting.since + waiting.before_s
        if waited > waiting.patience_s:
            reason = (
                f"in {waited:.0f} s no place came free in the rate of {of}; the agent waits {waiting.patience_s:g} s at most"
            )
            waiting.place.set_exception(WaitedTooLong(reason, unsent=True))
        elif waiting.parks and expected_s > PARK_ABOVE_S:
            seconds = min(expected_s * 0.9, LONGEST_PARK_S)
            try:
                await self._ledger.read(lambda: park(key, seconds))
            except DatabaseError:
                return
            if not waiting.place.done():
                self._waiting.pop(key, None)
                reason = f"it waits for a place in the rate of {of}, about {_about(expected_s)}"
                waiting.place.set_exception(Later(reason, retry_after_s=seconds, unsent=True))


def _about(seconds: float) -> str:
    """Write a length of time in the one unit that says enough."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
