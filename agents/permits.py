"""A worker's permits: who of its callers comes past a breaker, and what is told of how it went (GUARD-7).

The first toll before a model, and what the runner asks before a call's intent. While no breaker counts anything, nothing
is read or written: what went well is only remembered here. A permit of a breaker that has cooled down is the one probe
among all workers; its outcome closes the breaker or opens it again, and a worker that dies with it loses it by time.
"""

import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from agents import breakers
from agents.door import Asking
from agents.guardrails.breaker import Passage, Standing, Tally, passage, refuses_all, split, to_blame
from agents.ledger import Ledger
from agents.llm.provider import BreakerOpen, BrokenAnswer, ModelError

MARGIN_S = 30.0  # a probe's lease outlasts the call by so much: it may wait for its place in the rate
TOOL_LEASE_S = 120.0  # a tool's probe: tools have time-outs of their own
HELD_S = 60.0  # a person holds it; who releases it wakes what waits
MOST_BROKEN = 1_000  # sessions that are remembered; many times what opens a breaker
SOON_S = 2.0  # another worker's probe is under way: it is looked again so soon


@dataclass(slots=True)
class _Kept:
    """A breaker as it was last read; `due` is by the process's clock."""

    standing: Standing
    due: float


@dataclass(slots=True)
class _Seen:
    """What this worker saw of one breaker since it told last."""

    errors: int = 0
    good: int = 0
    good_at: float | None = None
    detail: str = ""
    refused: bool = False


@dataclass(slots=True)
class Permits:
    """One worker's permits. The runner's thread asks and tells, the ledger's thread reads and writes."""

    ledger: Ledger
    worker: str = "worker"
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _broke: dict[str, set[UUID]] = field(default_factory=dict)  # sessions, by model
    _wakes: int = 0

    def refresh(self) -> None:
        """Read the breakers that are not simply closed; say of those that count failures what went well since."""
        now = time.monotonic()
        counting = [key for key, kept in self._kept.items() if kept.standing.status == "closed"]
        breakers.clear({key: now - at for key in counting if (at := self._good_at(key)) is not None})
        barred = self.shut(self._kept)
        self._keep()
        # Twice: a session that was refused a moment ago may put itself back only now.
        self._wakes = 2 if any(self.passage(key) == "free" for key in barred) else max(0, self._wakes - 1)
        if self._wakes:
            breakers.wake_waiting()

    def _keep(self) -> None:
        self._kept = {one.key: _Kept(one, time.monotonic() + one.due_s) for one in breakers.standings()}

    def _good_at(self, key: str) -> float | None:
        seen = self._seen.get(key)
        return seen.good_at if seen else None

    @asynccontextmanager
    async def __call__(self, asking: Asking) -> AsyncIterator[None]:
        """Let a question through if the breakers of its address and its model do; tell them what came of it."""
        keys = (f"provider:{asking.address}", f"model:{asking.question.model}")
        probes = await self._enter(keys, asking.question.timeout_s) if self._kept else {}
        try:
            yield
        except ModelError as error:
            if isinstance(error, BrokenAnswer) and self._broke_before(keys[1], asking.caller.session):
                await self._leave(probes)
            else:
                await self._went_wrong(keys, probes, error)
            raise
        except BaseException:
            await self._leave(probes)
            raise
        await self._went_well(keys, probes)

    def _broke_before(self, key: str, session: UUID) -> bool:
        """Whether a model already gave this session a broken answer since it gave anybody a good one.

        What one conversation does to a model, time and again, says nothing of the others.
        """
        sessions = self._broke.setdefault(key, set())
        if session in sessions:
            return True
        if len(sessions) < MOST_BROKEN:
            sessions.add(session)
        return False

    async def _enter(self, keys: Sequence[str], timeout_s: float) -> dict[str, int]:
        probes: dict[str, int] = {}
        for key in keys:
            how = await self._pass(key, timeout_s, probes)
            if how == "shut":
                await self._leave(probes)
                raise BreakerOpen(self.told(key), retry_after_s=self.wait_s(key))
        return probes

    async def _pass(self, key: str, timeout_s: float, probes: dict[str, int]) -> Passage:
        how = self.passage(key)
        if how != "probe":
            return how
        number = await self.ledger.read(partial(breakers.probe, key, lease_s=timeout_s + MARGIN_S, by=self.worker))
        if number is not None:
            probes[key] = number
            return "probe"
        await self.ledger.read(self.refresh)
        return "free" if self.passage(key) == "free" else "shut"

    async def _went_well(self, keys: Sequence[str], probes: Mapping[str, int]) -> None:
        for key in keys:
            self._good(key)
        for key, number in probes.items():
            await self._settle(breakers.passed, key, number)

    async def _went_wrong(self, keys: Sequence[str], probes: Mapping[str, int], error: ModelError) -> None:
        blamed = to_blame(error)
        if blamed is None and error.status is None:
            await self._leave(probes)  # nothing was sent: another toll refused
            return
        for key in keys:
            probe = probes.get(key)
            if blamed is None or split(key)[0] != blamed:
                settle = breakers.left if blamed == "provider" else breakers.passed  # else it answered, somehow
                await self._settle(settle, key, probe)
            elif probe is not None:
                await self.ledger.read(partial(breakers.failed, key, probe, error.detail))
            else:
                await self._bad(key, error.detail, refused=refuses_all(error))

    async def _settle(self, how: Callable[[str, int], None], key: str, probe: int | None) -> None:
        if probe is not None:
            await self.ledger.read(partial(how, key, probe))

    async def _leave(self, probes: Mapping[str, int]) -> None:
        for key, number in probes.items():
            await self._settle(breakers.left, key, number)

    async def tools(self, names: Collection[str]) -> "ToolPermits":
        """Say which of these tools a call may enter now; nothing is asked while no breaker counts anything."""
        permits = ToolPermits()
        if not self._kept:
            return permits
        for name in names:
            key = f"tool:{name}"
            how = await self._pass(key, TOOL_LEASE_S, permits.probes)
            if how == "shut":
                permits.shut[name] = self.wait_s(key)
        return permits

    async def tool_ended(self, name: str, *, failed: bool, detail: str, probe: int | None) -> None:
        """Tell how a call of a tool ended; `failed` where its service is to blame."""
        key = f"tool:{name}"
        if not failed:
            self._good(key)
            await self._settle(breakers.passed, key, probe)
        elif probe is not None:
            await self.ledger.read(partial(breakers.failed, key, probe, detail))
        else:
            await self._bad(key, detail)

    async def tool_left(self, name: str, probe: int) -> None:
        """Give a tool's probe back: the call was not made."""
        await self._settle(breakers.left, f"tool:{name}", probe)

    def shut_tools(self, names: Collection[str]) -> dict[str, float]:
        """Which of these tools let nobody in now, and for how many seconds still."""
        shut = self.shut([f"tool:{name}" for name in names])
        return {split(key)[1]: self.wait_s(key) for key in shut}

    def _good(self, key: str) -> None:
        seen = self._seen.setdefault(key, _Seen())
        seen.good += 1
        self._broke.pop(key, None)
        seen.good_at = time.monotonic()

    async def _bad(self, key: str, detail: str, *, refused: bool = False) -> None:
        seen = self._seen.setdefault(key, _Seen())
        seen.errors += 1
        seen.refused = refused
        seen.detail = detail
        await self.ledger.read(self._tell)

    def _tell(self) -> None:
        """Write the failures that nobody wrote yet: of many callers in the same moment, the first does it for all."""
        failing = {key: seen for key, seen in self._seen.items() if seen.errors}
        if not failing:
            return
        now = time.monotonic()
        for key in failing:
            del self._seen[key]
        breakers.tell(
            [
                Tally(
                    key, seen.errors, seen.good, None if seen.good_at is None else now - seen.good_at, seen.detail, seen.refused
                )
                for key, seen in failing.items()
            ]
        )
        self._keep()

    def passage(self, key: str) -> Passage:
        """How a caller comes past a breaker, as far as this worker knows."""
        kept = self._kept.get(key)
        return passage(kept.standing if kept else None, self.due_s(key))

    def due_s(self, key: str) -> float:
        """Seconds until a breaker may be probed; 0 where it may, or need not be."""
        kept = self._kept.get(key)
        return max(0.0, kept.due - time.monotonic()) if kept else 0.0

    def wait_s(self, key: str) -> float:
        """After how many seconds it is worth to come again to a breaker that let nobody through."""
        kept = self._kept.get(key)
        if kept is not None and kept.standing.status == "forced_open":
            return HELD_S
        if kept is not None and kept.standing.status == "half_open":
            return SOON_S  # the probe is under way, and may end any moment
        return max(SOON_S, self.due_s(key))

    def shut(self, keys: Collection[str]) -> list[str]:
        """Which of these breakers let nobody through now."""
        return [key for key in keys if self.passage(key) == "shut"] if self._kept else []

    def told(self, key: str) -> str:
        """Say in a sentence's words why nobody comes past a breaker."""
        kind, name = split(key)
        kept = self._kept.get(key)
        if kept is not None and kept.standing.status == "forced_open":
            return f"an operator holds the breaker of the {kind} {name} open"
        wait = self.due_s(key)
        return f"the breaker of the {kind} {name} is open; it is tried again " + (
            f"in {wait:.0f} s" if wait >= 1 else "at this moment"
        )


@dataclass(slots=True)
class ToolPermits:
    """What the runner was told of the tools that it is about to enter: which are shut, for how long, and its probes."""

    shut: dict[str, float] = field(default_factory=dict)
    probes: dict[str, int] = field(default_factory=dict)

    def probe(self, name: str) -> int | None:
        """The number of this caller's probe of a tool."""
        return self.probes.get(f"tool:{name}")
