"""Playing re-runs in the background: claimed under a lease as runs of suites are, and written turn by turn.

A worker that leaves gives the re-run back, and one that dies leaves its lease; the next one goes on behind the last turn that
was written. Every write is guarded by the claim: a late worker writes nothing.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import structlog
from django.db import transaction

from agents.evals import leases
from agents.lifecycle import RERUN
from agents.llm.provider import Provider
from agents.loading import agent_config, prompt_version
from agents.models import Rerun
from agents.prompts.variables import rendered
from agents.rehearsals.play import Bounds, Course, Play, Transcript, storable
from agents.rehearsals.rehearse import PARK_S, rehearse
from agents.rehearsals.stage import Interrupted, Stage, staged
from agents.reruns.reruns import AT_WORK, entry_of, recorded, ref_of, rerun_numbered, spent, told
from audit.actors import SYSTEM
from audit.errors import StaleState
from audit.events import EventKind
from audit.index import index_soon
from audit.services import NOW, After, Batch, Change, Plus
from audit.services import transition as write

log = structlog.get_logger(__name__)
WRITE_S = 0.5  # how often is looked whether there is a new turn
RENEW_S = 5.0  # without a new turn the lease is renewed so often
PORTION_S = 20.0  # then the queue's other work has its turn
ATTEMPT_S = 75.0  # of one claim; a task that takes longer is killed (`Q_CLUSTER`), and one question may be that slow
OVER = {"ended_at": NOW, "lease_expires": None}
NAMESPACE = UUID("0b1f6a52-9d0f-4f7e-8a53-0a4c1f9f2d77")


def work_open(provider: Callable[[], Provider], *, seconds: float = PORTION_S) -> bool:
    """Play re-runs that are open, for a while; true if something may be left to be played now."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        row = claim()
        if row is None:
            return False
        asyncio.run(play_rerun(row, provider(), until=until))
    return True


def is_open() -> bool:
    """Say whether some re-run waits to be played now."""
    return leases.is_open(Rerun.objects.all())


@transaction.atomic
def claim() -> Rerun | None:
    """Take the oldest re-run that is ready, or whose worker was not heard of."""
    number = leases.oldest_open(Rerun.objects.all())
    if number is None:
        return None
    row = rerun_numbered(f"R-{number}")
    taken = {"lease_token": Plus(1), "lease_expires": After(leases.LEASE_S)}
    write(Batch((Change(RERUN, row.pk, row.status, "claim", taken),)))
    row.lease_token, row.status = row.lease_token + 1, "running"
    return row


async def play_rerun(row: Rerun, provider: Provider, *, until: float) -> None:
    """Play a claimed re-run until it ends, is told to end, or its time is over."""
    async with staged(provider, run=row.pk, ref=ref_of(row)) as stage:
        try:
            await _Playing(row, stage, until).play()
        except StaleState:
            log.info("rerun.lost", rerun=ref_of(row))


class _Playing:
    """A re-run while it is played."""

    def __init__(self, row: Rerun, stage: Stage, until: float) -> None:
        self._row = row
        self._stage = stage
        self._until = until
        self._course = Course.of(told(row))
        self._begun = self._written = len(self._course.turns)
        self._renewed = time.monotonic()

    async def play(self) -> None:
        playing = asyncio.create_task(self._rehearsed())
        try:
            while not playing.done():
                await asyncio.wait([playing], timeout=WRITE_S)
                if not playing.done():
                    await self._progress()
        finally:
            playing.cancel()
            (found,) = await asyncio.gather(playing, return_exceptions=True)
        await self._stage.hands.ledger.read(lambda: self._end(found))

    async def _rehearsed(self) -> Transcript:
        if self._row.session.status in AT_WORK:
            raise Interrupted(reason=f"{self._row.session.ref} still works", wait_s=PARK_S)
        play = await self._stage.hands.ledger.read(lambda: play_of(self._row, self._course.seconds))
        return await rehearse(play, self._stage, course=self._course, until=self._until)

    async def _progress(self) -> None:
        """Write turns that are new; without any, renew the lease before it runs out."""
        now = time.monotonic()
        if len(self._course.turns) == self._written and now - self._renewed < RENEW_S:
            return
        values = {**self._values(self._course.told("left")), "lease_expires": After(leases.LEASE_S)}
        await self._stage.hands.ledger.read(lambda: self._move("progress", values))
        self._renewed = now

    def _end(self, found: Transcript | BaseException) -> None:
        """Write what became of it: it ended, cannot go on, or goes on later."""
        if isinstance(found, Transcript) and found.ended != "left" and not self._has_time(found):
            facts = {"ended": found.ended, "unrecorded": found.unrecorded, "tokens": found.tokens}
            self._move("finish", {**self._values(found, whole=False), **OVER, "error": ""}, EventKind.RERUN_DONE, facts)
            return
        left = self._course.told("left")
        if isinstance(found, Transcript):
            self._move("release", {**self._values(left), "ready_at": NOW, "lease_expires": None, "error": ""})
        elif isinstance(found, Interrupted) and found.wait_s is not None:
            waits = {"ready_at": After(found.wait_s), "lease_expires": None, "error": found.detail[:500]}
            self._move("release", {**self._values(left), **waits})
        else:
            why = self._broken(found)
            self._move("fail", {**self._values(left, whole=False), **OVER, "error": why}, EventKind.RERUN_FAILED, {"why": why})

    def _broken(self, found: BaseException) -> str:
        """Say why it cannot go on; a defect is told to the operator too."""
        if isinstance(found, Interrupted):
            return found.detail[:500]
        log.error("rerun.broke", rerun=ref_of(self._row), exc_info=found)
        return f"It could not be played: {type(found).__name__}."

    def _has_time(self, found: Transcript) -> bool:
        """Say whether only this claim's time was over, and it came further meanwhile."""
        return found.ended == "time" and len(found.turns) > self._begun and found.seconds < self._row.most_seconds

    def _values(self, found: Transcript, *, whole: bool = True) -> dict[str, Any]:
        """What is written of it: while it goes on all that was said, as the model is told its own words again."""
        self._written = self._row.turns = len(found.turns)
        self._row.cost_microusd = found.cost_microusd
        return {"transcript": storable(found.as_json(whole=whole)), **spent(self._row)}

    def _move(
        self, event: str, values: dict[str, Any], kind: EventKind | None = None, facts: dict[str, Any] | None = None
    ) -> None:
        row = self._row
        entries = (entry_of(row, kind, SYSTEM, {**spent(row), **(facts or {})}),) if kind else ()
        change = Change(RERUN, row.pk, "running", event, values, {"lease_token": row.lease_token})
        with transaction.atomic():
            write(Batch((change,), (), entries))
            transaction.on_commit(index_soon)


def play_of(row: Rerun, took: float) -> Play:
    """Return a re-run as a rehearsal. Its id and seed follow from session and turn alone: the same again gives the same."""
    session, config = row.session, agent_config(row.revision_id)
    text, variables, parameters, named = prompt_version(row.version_id)
    known = {"agent": config.slug, "environment": session.environment, "task_type": session.task_type, "tenant": session.tenant,
             "feature": session.feature}  # fmt: skip
    was, id_ = recorded(session, row.from_turn), uuid5(NAMESPACE, f"{session.pk}:{row.from_turn}")
    return Play(
        id=id_, agent=config.slug, config=config, prompt=rendered(text, variables, known), prompt_version=named,
        model=row.model, parameters=parameters, start=was.start, recorded=was.recorded, later=was.later,
        environment=session.environment, task_type=session.task_type, tenant=session.tenant, on_behalf_of=session.on_behalf_of,
        seed=id_.int % 2**28,
        bounds=Bounds(row.most_turns, row.cap_microusd, max(0.001, min(ATTEMPT_S, row.most_seconds - took))),
    )  # fmt: skip
