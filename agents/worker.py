"""The drain: one asyncio loop that carries many sessions at once, because a session mostly waits for a model.

It claims what is ready or orphaned, runs each session as a task, renews the leases, listens for wake-ups and polls
each second besides. A worker may die at any instruction: its sessions are taken over when their leases run out.
"""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import psycopg
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from agents import plan, runner
from agents.claims import News, beat, claim, lease_s, leave, look, renew
from agents.door import Door
from agents.errors import LeaseLost
from agents.failpoints import failpoint
from agents.gate.sweep import sweep
from agents.guardrails.stops import Stops
from agents.hands import Hands
from agents.lasting import lasting
from agents.ledger import Ledger
from agents.llm.provider import Provider
from agents.loading import load
from agents.rules import Cache, RulesChanged
from agents.state import State
from agents.tolls import tolls
from agents.watching import Watchers

log = structlog.get_logger(__name__)

CHANNEL = "countersign_wake"  # payload: id of the session that has something new, or nothing
RULES = "countersign_policy"  # the policy, a tool's setting or a stop changed
POLL_S = 1.0
GATHER_S = 0.03  # a worker that has much to do takes new sessions together
BUSY = 8  # sessions from which on it has
SWEEP_S = 5.0
OBEY_S = 0.5  # the kill switch is looked at so often, besides being told
ABANDON_AFTER_S = 8.0  # open model calls, once the worker is told to leave
LEAVE_WITHIN_S = 9.5


@dataclass(slots=True)
class Carried:
    """A session that this worker runs."""

    state: State
    task: asyncio.Task[None]


class Worker:
    """One drain loop. `run` returns when its time is over or it is told to stop."""

    def __init__(self, provider: Provider, *, capacity: int, cluster: str = "drain") -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._ledger = Ledger()
        self._tolls = tolls(self._ledger, self.owner)
        self._hands = Hands(
            self._ledger, Door(provider, self._tolls.passed), Cache(), Watchers(self._ledger), self._tolls.money,
            self._tolls.permits,
        )  # fmt: skip
        self._capacity = capacity
        self._cluster = cluster
        self._carried: dict[UUID, Carried] = {}
        self._wake = asyncio.Event()
        self._leaving = False
        self._looked_for_orphans = 0.0

    async def run(self, *, lifetime_s: float, told_to_stop: Callable[[], bool]) -> None:
        """Work until `lifetime_s` is over or `told_to_stop`; then finish the steps that are under way, and leave."""
        self._ledger.start()
        helpers = [asyncio.create_task(lasting(work)) for work in (self._listen, self._keep, self._tidy, self._obey)]
        ends = time.monotonic() + lifetime_s
        try:
            while time.monotonic() < ends and not told_to_stop():
                await self._claim()
                await self._rest(told_to_stop)
            await self._leave()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._goodbye()  # first: whoever keeps this drain waits for it, not for connections to close
            await self._hands.door.aclose()
            self._ledger.close()

    async def _claim(self) -> None:
        free = self._capacity - len(self._carried)
        if free <= 0:
            return
        orphans = time.monotonic() - self._looked_for_orphans >= POLL_S
        if orphans:
            self._looked_for_orphans = time.monotonic()
        asked = time.monotonic()
        try:
            states = await self._ledger.read(lambda: self._take_up(free, orphans=orphans))
        except (OperationalError, InterfaceError) as error:
            log.warning("worker.database_away", error=type(error).__name__)
            return
        failpoint("worker.after_claim")
        for state in states:
            state.lease_until = asked + lease_s()  # never later than the database has it
            if (before := self._carried.get(state.id)) is not None:
                before.task.cancel()  # its lease had run out, and this very worker took it up anew
            task = asyncio.create_task(self._carry(state), name=state.ref)
            self._carried[state.id] = Carried(state, task)
        self._ledger.crowd = len(self._carried)

    def _take_up(self, free: int, *, orphans: bool) -> list[State]:
        self._tolls.make_ready()
        return claim(self.owner, free, orphans=orphans)

    async def _rest(self, told_to_stop: Callable[[], bool]) -> None:
        """Wait for a wake-up, or for the next poll; look for the stop sign meanwhile."""
        until = time.monotonic() + POLL_S
        while not self._wake.is_set() and time.monotonic() < until and not told_to_stop():
            try:
                await asyncio.wait_for(self._wake.wait(), timeout=0.1)
            except TimeoutError:
                continue
        if len(self._carried) >= BUSY:
            await asyncio.sleep(GATHER_S)
        self._wake.clear()

    async def _carry(self, state: State) -> None:
        """Run one session until it rests, ends, or is somebody else's."""
        with structlog.contextvars.bound_contextvars(session=state.ref, trace=state.trace):
            try:
                current: State | None = state
                while current is not None:
                    current = await self._carry_on(current)
            except (OperationalError, InterfaceError) as error:
                log.warning("session.dropped", reason=type(error).__name__)
            except Exception:
                # Its lease runs out and another worker tries; the count of attempts ends in a dead letter.
                log.exception("session.crashed")
            finally:
                if (mine := self._carried.get(state.id)) and mine.task is asyncio.current_task():
                    del self._carried[state.id]
                self._ledger.crowd = len(self._carried)
                if len(self._carried) == self._capacity - 1:
                    self._wake.set()  # there is a place again

    async def _carry_on(self, state: State) -> State | None:
        """Run it as it was read; returns it read anew if something came in meanwhile."""
        steps = runner.run(state, self._hands)
        try:
            async for step in steps:
                if not await self._ledger.write(step):
                    state.nudged = True  # only its second form holds: what the runner would begin was not written
                    break
                failpoint("gate.after_result")
        except (LeaseLost, RulesChanged):
            self._hands.rules.forget()
            state.nudged = True
        finally:
            await steps.aclose()
        if not state.nudged:
            return None
        fresh = await self._ledger.read(lambda: load([state.id], self.owner))
        if not fresh:
            return None
        fresh[0].lease_until, fresh[0].leaving = state.lease_until, self._leaving
        self._carried[state.id].state = fresh[0]
        return fresh[0]

    async def _keep(self) -> None:
        """Renew leases and leave a sign of life."""
        while True:
            try:
                await self._ledger.read(lambda: beat(self.owner, self._cluster, len(self._carried)))
                if ids := list(self._carried):
                    asked = time.monotonic()
                    news = await self._ledger.read(lambda ids=ids: renew(self.owner, ids))  # type: ignore[misc]  # mypy cannot infer the default
                    self._heard(ids, news, asked + lease_s())
            except (OperationalError, InterfaceError):
                log.warning("leases.not_renewed", sessions=len(self._carried))
            await asyncio.sleep(min(3.0, lease_s() / 3))

    def _heard(self, ids: list[UUID], news: dict[UUID, News], lease_until: float | None = None) -> None:
        for id_ in ids:
            carried = self._carried.get(id_)
            if carried is None:
                continue
            if id_ in news:
                _take(carried.state, news[id_], lease_until)
            elif lease_until is not None and carried.state.lease_until < time.monotonic():
                carried.task.cancel()

    async def _tidy(self) -> None:
        """What time does: requests that ran out, sessions past their time."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self._ledger.read(sweep)
            except (OperationalError, InterfaceError):
                log.warning("sweep.database_away")

    async def _listen(self) -> None:
        """Hear wake-ups on a connection of its own; a lost one costs a second, because there is a poll besides."""
        while True:
            try:
                await self._hear()
            except (psycopg.Error, OSError) as error:
                log.warning("listener.lost", error=type(error).__name__)
            await asyncio.sleep(1)

    async def _hear(self) -> None:
        params = connection.get_connection_params()
        plain = {name: params[name] for name in ("dbname", "user", "password", "host", "port", "options") if params.get(name)}
        async with await psycopg.AsyncConnection.connect(**plain, autocommit=True) as listener:
            await listener.execute(f"LISTEN {CHANNEL}; LISTEN {RULES}")
            self._hands.rules.forget()
            async for notice in listener.notifies():
                if notice.channel == RULES:
                    self._hands.rules.forget()
                    await self._look_at_stops()
                else:
                    await self._woken(notice.payload)

    async def _obey(self) -> None:
        """Look at the kill switch, should nobody have told of it."""
        while True:
            await self._look_at_stops()
            await asyncio.sleep(OBEY_S)

    def _look(self) -> Stops:
        self._tolls.refresh()
        return self._hands.rules.look()

    async def _look_at_stops(self) -> None:
        """Tell the sessions that are stopped or recalled: nothing more is begun in them, and an open model call ends at once."""
        try:
            await self._ledger.read(self._look)
        except (OperationalError, InterfaceError):
            log.warning("stops.not_read")
            return
        for carried in self._carried.values():
            if self._hands.rules.tell(carried.state):
                plan.abandon(carried.state)

    async def _woken(self, payload: str) -> None:
        id_ = UUID(payload) if len(payload) == 36 else None
        if id_ is None or id_ not in self._carried:
            self._wake.set()
            return
        try:
            self._heard([id_], await self._ledger.read(lambda: look(self.owner, [id_])))
        except (OperationalError, InterfaceError):
            log.warning("nudge.not_read")

    async def _leave(self) -> None:
        """Give every session back after the step that it is in; abandon model calls that take too long."""
        self._leaving = True
        for carried in self._carried.values():
            carried.state.leaving = True
        tasks = [carried.task for carried in self._carried.values()]
        if not tasks:
            return
        _, open_ = await asyncio.wait(tasks, timeout=ABANDON_AFTER_S)
        for carried in list(self._carried.values()):
            carried.state.leaving = True
            plan.abandon(carried.state)
        if open_:
            await asyncio.wait(open_, timeout=LEAVE_WITHIN_S - ABANDON_AFTER_S)
        for task in open_:
            task.cancel()

    async def _goodbye(self) -> None:
        try:
            await self._ledger.read(lambda: leave(self.owner))
        except (OperationalError, InterfaceError):
            log.info("heartbeat.left_behind")


def _take(state: State, news: News, lease_until: float | None) -> None:
    """Tell a running session what its row says; the runner looks at it between steps."""
    if lease_until is not None:
        state.lease_until = lease_until
    state.watched = news.watched
    if news.stop and news.stop != state.stop:
        state.stop, state.stop_note = news.stop, news.stop_note
        if news.stop != "pause":
            plan.abandon(state)
    elif news.nudges != state.nudges:
        state.nudged = True


def capacity() -> int:
    """Sessions that one worker carries at once."""
    return int(settings.WORKER_SESSIONS)
