"""Playing runs in the background: claimed under a lease as sessions are, several cases at once, each result written once.

A run is played in portions: whoever plays it leaves after a while and has itself called again, so that the queue's other
work has its turn. A process that dies leaves its lease, and the next one plays what has no result yet. Results are written
with the run's progress, guarded by the claim: a late worker writes nothing.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID, uuid5

import structlog
from django.db import transaction

from agents.evals import leases
from agents.evals.checks import checked
from agents.evals.document import CaseDocument, Rubric
from agents.evals.judge import Graded, graded
from agents.evals.progress import Piece, Played, charge, fail, finish, give_back, write_progress
from agents.evals.runs import ref_of, run_numbered, total
from agents.evals.uses import Use, of_rehearsal
from agents.lifecycle import EVAL_RUN
from agents.llm.provider import ModelError, Provider
from agents.loading import agent_config, prompt_version
from agents.models import Case, EvalResult, EvalRun
from agents.prompts.variables import rendered
from agents.rehearsals.play import Bounds, Course, Play, Transcript
from agents.rehearsals.rehearse import PARK_S, rehearse
from agents.rehearsals.stage import Interrupted, Stage, staged
from audit.errors import StaleState
from audit.services import After, Batch, Change, Plus
from audit.services import transition as write

log = structlog.get_logger(__name__)
AT_ONCE = 12  # rehearsals of one run side by side
WRITE_S = 0.5  # results gather for so long
PORTION_S = 40.0  # then the queue's other work has its turn


class Lost(Exception):
    """The run is not this worker's any more: it was cancelled, or taken over."""


def work_open(provider: Callable[[], Provider], *, seconds: float = PORTION_S) -> bool:
    """Play runs that are open, for a while; true if something is left to be played now."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        run = claim()
        if run is None:
            return False
        asyncio.run(play_run(run, provider(), until=until))
    return True


def is_open() -> bool:
    """Say whether some run waits to be played now."""
    return leases.is_open(EvalRun.objects.all())


@transaction.atomic
def claim() -> EvalRun | None:
    """Take the oldest run that is ready, or whose worker was not heard of."""
    number = leases.oldest_open(EvalRun.objects.all())
    if number is None:
        return None
    run = run_numbered(f"E-{number}")
    taken = {"lease_token": Plus(1), "lease_expires": After(leases.LEASE_S)}
    write(Batch((Change(EVAL_RUN, run.pk, run.status, "claim", taken),)))
    run.lease_token, run.status = run.lease_token + 1, "running"
    return run


async def play_run(run: EvalRun, provider: Provider, *, until: float) -> None:
    """Play what a claimed run has no result of yet, until it is done, told to end, or its time is over."""
    async with staged(provider, run=run.pk, ref=ref_of(run)) as stage:
        playing = _Playing(run, stage, until)
        try:
            await playing.play()
        except (Lost, StaleState):
            log.info("evaluation.lost", run=ref_of(run))
            await stage.hands.ledger.read(lambda: charge(run, playing.owed))


class _Playing:
    """A run while it is played."""

    def __init__(self, run: EvalRun, stage: Stage, until: float) -> None:
        self._run = run
        self._stage = stage
        self._until = until
        self._cost = run.cost_microusd
        self._unkept = 0  # paid for what came to no result, and not written yet
        self._done: list[Played] = []
        self._interrupted: Interrupted | None = None
        self._broken: Exception | None = None

    @property
    def owed(self) -> int:
        """What was paid for and is not written: for results that could not be, and for what came to none."""
        return self._unkept + sum(one.cost_microusd for one in self._done)

    async def play(self) -> None:
        left = await self._stage.hands.ledger.read(lambda: pieces(self._run))
        work = iter(left)
        players = [asyncio.create_task(self._player(work)) for _ in range(min(AT_ONCE, len(left)))]
        try:
            while any(not player.done() for player in players):
                await asyncio.wait(players, timeout=WRITE_S)
                await self._progress()
        finally:
            for player in players:
                player.cancel()
            await asyncio.gather(*players, return_exceptions=True)
        await self._progress()
        await self._end()

    async def _player(self, work: Iterator[Piece]) -> None:
        """Play piece after piece, as long as nothing says to stop."""
        for piece in work:
            if self._told_to_stop():
                return
            try:
                played = await self._one(piece)  # first: meanwhile the list is handed on, and another one taken
                self._done.append(played)
            except Interrupted as error:
                self._interrupted = error
            except Exception as error:  # a defect fails the run, and is told
                log.exception("evaluation.broke", run=ref_of(self._run), case=piece.case.name)
                self._broken = error

    def _told_to_stop(self) -> bool:
        late = time.monotonic() >= self._until
        return late or self._interrupted is not None or self._broken is not None or self._cost >= self._run.cap_microusd

    async def _one(self, piece: Piece) -> Played:
        course, judged = Course(), list[Use]()
        try:
            return await self._played(piece, course, judged)
        except BaseException:
            self._unkept += course.cost_microusd + sum(one.cost_microusd for one in judged)
            raise
        finally:
            self._cost += course.cost_microusd + sum(one.cost_microusd for one in judged)

    async def _played(self, piece: Piece, course: Course, judged: list[Use]) -> Played:
        play = await self._stage.hands.ledger.read(lambda: play_of(self._run, piece))
        play = replace(play, bounds=replace(play.bounds, cost_microusd=max(1, self._run.cap_microusd - self._cost)))
        transcript = await rehearse(play, self._stage, course=course)
        checks = checked(piece.document.expect, transcript)
        for rubric in piece.document.expect:
            if isinstance(rubric, Rubric):
                found = await self._grade(rubric, transcript, play)
                checks.append(found.check)
                judged.append(found.use)
        uses = [of_rehearsal(transcript, play.model), *judged]
        return Played(piece, transcript, [one.as_json() for one in checks], all(one.passed for one in checks), uses)

    async def _grade(self, rubric: Rubric, transcript: Transcript, play: Play) -> Graded:
        await self._stage.may_go_on(play.agent)
        provider = self._stage.asked("judge", play.agent, prompt_version=play.prompt_version)
        try:
            return await graded(rubric, transcript, provider, model=self._run.judge, seed=play.seed, mark=play.id)
        except ModelError as error:
            raise Interrupted(reason=error.detail, wait_s=PARK_S if error.retryable else None) from error

    async def _progress(self) -> None:
        """Write what was played since; it also renews the lease."""
        done, self._done = self._done, []
        unkept, self._unkept = self._unkept, 0
        try:
            await self._stage.hands.ledger.read(lambda: write_progress(self._run, done, unkept))
        except BaseException:
            self._unkept += unkept + sum(one.cost_microusd for one in done)
            raise

    async def _end(self) -> None:
        await self._stage.hands.ledger.read(self._ended)

    def _ended(self) -> None:
        run = EvalRun.objects.select_related("suite", "suite__prompt", "version").get(pk=self._run.pk)
        run.lease_token = self._run.lease_token
        if run.done >= total(run):
            finish(run)
        elif self._broken is not None:
            fail(run, f"A case could not be played: {type(self._broken).__name__}.")
        elif self._cost >= run.cap_microusd:
            fail(run, f"It cost ${self._cost / 1e6:.4f} of at most ${run.cap_microusd / 1e6:.4f} before all was played.")
        elif self._interrupted is not None and self._interrupted.wait_s is None:
            fail(run, self._interrupted.detail)
        else:
            give_back(run, self._interrupted)


def pieces(run: EvalRun) -> list[Piece]:
    """Return what of a run has no result yet, repeat by repeat."""
    ids = {UUID(str(id_)) for id_ in run.plan}
    cases = {case.pk: case for case in Case.objects.filter(pk__in=ids)}
    documents = {id_: CaseDocument.model_validate(case.document) for id_, case in cases.items()}
    there = set(EvalResult.objects.filter(run=run).values_list("case_id", "repeat"))
    order = [UUID(str(id_)) for id_ in run.plan]
    return [
        Piece(cases[id_], documents[id_], repeat)
        for repeat in range(1, run.repeats + 1)
        for id_ in order
        if (id_, repeat) not in there
    ]


def play_of(run: EvalRun, piece: Piece) -> Play:
    """Return a piece as a rehearsal. Its id and seed follow from case and repeat alone: the same run gives the same."""
    config = agent_config(run.revision_id)
    text, variables, parameters, named = prompt_version(run.version_id)
    document = piece.document
    known = {"agent": config.slug, "environment": config.environment, "task_type": document.task_type, "tenant": document.tenant,
             "feature": ""}  # fmt: skip
    seed = int(hashlib.sha256(f"{run.seed}:{piece.case.name}:{piece.repeat}".encode()).hexdigest()[:7], 16)
    return Play(
        id=uuid5(NAMESPACE, f"{run.seed}:{piece.case.name}:{piece.repeat}"), agent=config.slug, config=config,
        prompt=rendered(text, variables, known), prompt_version=named, model=run.model, parameters=parameters,
        start=document.start, recorded=document.recorded, sandbox=frozenset(document.sandbox), environment=config.environment,
        task_type=document.task_type, tenant=document.tenant, on_behalf_of=document.on_behalf_of, seed=seed,
        bounds=Bounds(turns=document.turns, seconds=document.seconds),
    )  # fmt: skip


NAMESPACE = UUID("5b3d7c1e-6d0e-4f0a-9a5c-2f6f1d1c9e11")
