"""What rehearsals work with: a door to models with its tolls, and the rules of this moment. Not a worker: it holds no session.

Live sessions go first: a rehearsal's questions are of low priority and never count as begun, so that they wait where a
budget runs short, and they have no place kept in a rate.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError

from agents.claims import beat, leave
from agents.door import Caller, Door
from agents.errors import AgentsError
from agents.guardrails.purse import Purse
from agents.hands import Hands
from agents.lasting import lasting
from agents.ledger import Ledger
from agents.llm.provider import Provider
from agents.rehearsals.play import Play
from agents.rules import Cache, Rules
from agents.scrubbing import Scrubbing
from agents.state import State
from agents.tolls import Tolls, tolls
from agents.watching import Watchers

log = structlog.get_logger(__name__)
CLUSTER = "evaluation"  # in the sign of life; no worker of sessions
FEATURE = "evaluation"
LOOK_S = 0.5
BEAT_S = 3.0
HELD_S = 15.0
PATIENCE_S = 900.0


class Interrupted(AgentsError):
    """Nothing can be asked now: {reason}."""

    code: ClassVar[str] = "rehearsal_interrupted"
    wait_s: float | None  # before it is tried again; None where that cannot help


@dataclass(slots=True)
class Stage:
    """The hands of rehearsals; `run` is what their money is attributed to, `ref` how people name that."""

    hands: Hands
    owner: str
    run: UUID
    ref: str

    async def rules(self) -> Rules:
        """Policy, tool settings and stops, at most a second old."""
        return await self.hands.current_rules()

    async def may_go_on(self, agent: str) -> None:
        """Obey the kill switch. Raises Interrupted."""
        stop = (await self.rules()).stops.of_agent(agent)
        if stop is not None:
            raise Interrupted(reason=f"{stop.what} is stopped by {stop.by}: {stop.reason}", wait_s=HELD_S)

    def model(self, play: Play, state: State) -> Provider:
        """The model as a rehearsal may ask it."""
        provider = self.asked("evaluate", play.agent, tenant=play.tenant, prompt_version=play.prompt_version, purse=state.purse)
        return Scrubbing(provider, state) if state.config.scrub else provider

    def asked(
        self, purpose: str, agent: str, *, tenant: str = "", prompt_version: str = "", purse: Purse | None = None
    ) -> Provider:
        """A model for something else that an evaluation asks, as its judge."""
        caller = Caller(
            self.run, self.ref, agent, tenant, FEATURE, prompt_version, purpose, "low", begun=False, patience_s=PATIENCE_S,
            purse=purse,
        )  # fmt: skip
        return self.hands.door.of(caller)


@contextlib.asynccontextmanager
async def staged(provider: Provider, *, run: UUID, ref: str) -> AsyncIterator[Stage]:
    """Set a stage up, keep its settings fresh while it stands, and take it down."""
    ledger = Ledger()
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    passed = tolls(ledger, owner)
    door = Door(provider, passed.passed)
    hands = Hands(ledger, door, Cache(), Watchers(ledger), passed.money, passed.permits)
    ledger.start()
    keeping: list[asyncio.Task[None]] = []
    try:
        await ledger.read(lambda: _first(passed, owner))
        keeping = [asyncio.create_task(lasting(work)) for work in (_looking(ledger, passed, hands), _living(ledger, owner))]
        yield Stage(hands, owner, run, ref)
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        with contextlib.suppress(DatabaseError, InterfaceError):
            await ledger.read(lambda: leave(owner))
        await door.aclose()
        await asyncio.to_thread(ledger.close)


def _first(passed: Tolls, owner: str) -> None:
    passed.make_ready()
    beat(owner, CLUSTER, 0)


def _looking(ledger: Ledger, passed: Tolls, hands: Hands) -> Callable[[], Awaitable[None]]:
    """Look at limits, budgets and stops again and again."""

    def look() -> None:
        passed.refresh()
        hands.rules.look()

    async def looking() -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            with contextlib.suppress(DatabaseError, InterfaceError):
                await ledger.read(look)

    return looking


def _living(ledger: Ledger, owner: str) -> Callable[[], Awaitable[None]]:
    """Leave a sign of life, so that what is reserved here is not taken for what a dead worker left."""

    async def living() -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            with contextlib.suppress(DatabaseError, InterfaceError):
                await ledger.read(lambda: beat(owner, CLUSTER, 0))

    return living
