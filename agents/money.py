"""The toll of money: the worst case of a question is reserved before it is sent, and settled once its cost is known.

All that a worker has waiting goes into one statement (`agents_meter_round`): what was answered is settled, then each
question reserves on every budget that applies, or on none. While a statement runs, the next ones gather. An outcome
that nobody knows (abandoned, timed out, broken off) counts as spent at its worst case, and so does what a dead worker
left behind, which the sweep settles.
"""

import asyncio
import json
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from agents import budgets
from agents.door import Asking, Caller
from agents.guardrails import money
from agents.ledger import Ledger
from agents.llm.pricing import cost_microusd, worst_case_microusd
from agents.llm.provider import ModelError
from agents.loading import from_json
from audit.connection import read
from audit.ids import uuid7

log = structlog.get_logger(__name__)

CROWDED_S = 0.25  # between two looks at a budget whose rest is reserved by others
PATIENCE_S = 15.0  # then the session is put back instead of holding its place
LOOK_AGAIN_S = 900.0  # a session that waits for a budget looks at it again at least so often
THROTTLED_S = 60.0
LATE_S = 60.0  # a reservation outlives its question's deadline by so much
SWEPT = 500
SILENT_S = 30.0  # a worker that was not heard of for so long holds no reservation

_ROUND = "SELECT agents_meter_round(%s, %s, %s) AS told"
_LEFT_BEHIND = """
SELECT r.id FROM agents_reservation r WHERE r.expires_at < now() OR NOT EXISTS (
    SELECT FROM agents_workerheartbeat h WHERE h.owner = r.owner AND h.beat_at > now() - make_interval(secs => %s))
ORDER BY r.id LIMIT %s"""


class Unpaid(ModelError):
    """{reason}."""

    code: ClassVar[str] = "budget_spent"
    action: Literal["halt", "queue"]
    wait_s: float
    budget: str

    def __init__(self, reason: str, *, action: Literal["halt", "queue"], wait_s: float, budget: str) -> None:
        """Keep what the session does: end with what it has, or wait so long and look again."""
        super().__init__(reason, unsent=True)
        self.action, self.wait_s, self.budget = action, wait_s, budget


class Throttled(Unpaid):
    """{reason}."""

    code: ClassVar[str] = "budget_throttled"


class Crowded(Unpaid):
    """{reason}."""

    code: ClassVar[str] = "budget_crowded"


@dataclass(slots=True)
class Wish:
    """One question's worst case, and what came of it once its round is over."""

    id: UUID
    session: UUID
    agent: str
    tenant: str
    model: str
    purpose: str
    worst: int
    share: int
    lasts_s: float
    withdrawn: bool = False
    told: dict[str, Any] | None = None
    error: Exception | None = None


class Money:
    """One worker's toll; costs nothing where no budget applies."""

    def __init__(self, ledger: Ledger, owner: str) -> None:
        """Take the ledger whose thread asks the database, and the worker's name."""
        self._ledger = ledger
        self._owner = owner
        self._known: dict[UUID, budgets.Known] = {}
        self._wishes: deque[Wish] = deque()
        self._answered: deque[tuple[UUID, int | None]] = deque()

    def refresh(self) -> None:
        """Read which budgets there are; in the ledger's thread."""
        self._known = budgets.known()
        self._settle_waiting()

    def short(self, agent: str, tenant: str, least_microusd: int) -> Unpaid | None:
        """Why nothing more can be paid: a budget, as it was lately read, with less left than the least question costs."""
        for one in self._known.values():
            if one.left_microusd < least_microusd and one.meets(agent, tenant):
                return _spent(one.name, one.left_microusd, least_microusd, one.until_s, one.at_cap, str(one.id))
        return None

    @asynccontextmanager
    async def __call__(self, asking: Asking) -> AsyncIterator[None]:
        """Reserve, let the question be sent, settle. Raises Unpaid."""
        if not any(one.meets(asking.caller.agent, asking.caller.tenant) for one in self._known.values()):
            yield
            return
        if asking.question.max_output_tokens is None:  # what has no bound cannot be paid for
            asking.question = replace(asking.question, max_output_tokens=settings.MODEL_OUTPUT_TOKENS)
        wish = await self._reserve(asking)
        try:
            yield
        except ModelError as error:
            charged = asking.sent and money.charged_for(error.status, unsent=error.unsent)
            self._settle(wish.id, None if charged else 0)
            raise
        except BaseException:
            self._settle(wish.id, None if asking.sent else 0)
            raise
        self._settle(wish.id, _cost(asking))

    async def _reserve(self, asking: Asking) -> Wish:
        """Have the worst case reserved; while only others' reservations are in the way, wait a little for them."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_S
        while True:
            wish = _wish(asking)
            self._wishes.append(wish)
            try:
                told = await self._ledger.read(lambda wish=wish: self._answer(wish))  # type: ignore[misc]  # mypy cannot infer the default
            except BaseException:
                wish.withdrawn = True
                self._settle(wish.id, 0)  # it may have been granted in this very moment
                raise
            if told["granted"]:
                return wish
            if told["why"] != "crowded" or loop.time() >= until:
                raise self._refused(wish, told)
            await asyncio.sleep(CROWDED_S * random.uniform(0.5, 1.5))  # noqa: S311  jitter

    def _refused(self, wish: Wish, told: dict[str, Any]) -> Unpaid:
        known = self._known.get(UUID(told["budget"]))
        name, until_s = known.name if known else "a budget", float(told["until_s"])
        wait_s = _wait(until_s)
        if told["why"] == "spent":
            return _spent(name, told["left"], wish.worst, until_s, told["at_cap"], told["budget"])
        if told["why"] == "throttled":
            reason = f"New sessions of this priority wait: {wish.share} % of the budget of {name} are spent"
            return Throttled(reason, action="queue", wait_s=min(wait_s, THROTTLED_S), budget=told["budget"])
        reason = f"What is left of the budget of {name} is reserved by calls that run"
        return Crowded(reason, action="queue", wait_s=5.0, budget=told["budget"])

    def _settle(self, reservation: UUID, spent: int | None) -> None:
        """Have a reservation settled soon; nobody waits for it. None is the worst case."""
        self._answered.append((reservation, spent))
        self._ledger.later(self._settle_waiting)

    def _settle_waiting(self) -> None:
        if self._answered:
            self._round()

    def _answer(self, wish: Wish) -> dict[str, Any]:
        """What came of a wish; the first that asks has the round of all that wait."""
        if wish.told is None and wish.error is None:
            self._round()
        if wish.error is not None:
            raise wish.error
        assert wish.told is not None
        return wish.told

    def _round(self) -> None:
        """Settle and reserve for all that wait, in one statement; in the ledger's thread."""
        answered = [self._answered.popleft() for _ in range(len(self._answered))]
        wishes = [wish for wish in (self._wishes.popleft() for _ in range(len(self._wishes))) if not wish.withdrawn]
        try:
            told = meter_round(self._owner, answered, wishes)
        except (DatabaseError, InterfaceError) as error:
            self._answered.extendleft(reversed(answered))
            for wish in wishes:
                wish.error = error
            log.warning("money.not_moved", error=type(error).__name__, settled=len(answered), wished=len(wishes))
            if not wishes:
                raise
            return
        for one in told["answers"]:
            wishes[one["n"]].told = one
        if told["crossed"]:
            budgets.tell([UUID(id_) for id_ in told["crossed"]])


def meter_round(owner: str, answered: Sequence[tuple[UUID, int | None]], wishes: Sequence[Wish]) -> dict[str, Any]:
    """Settle and reserve in one statement; see `agents_meter_round`."""
    settled = [{"id": str(id_), "spent": spent} for id_, spent in answered]
    wished = [{**asdict(wish), "id": str(wish.id), "session": str(wish.session), "n": n} for n, wish in enumerate(wishes)]
    for one in wished:
        del one["withdrawn"], one["told"], one["error"]
    (row,) = read(_ROUND, [owner, json.dumps(settled), json.dumps(wished)])
    told: dict[str, Any] = from_json(row["told"])
    return told


def settle_left_behind() -> int:
    """Take as spent, at their worst case, the reservations of workers that are gone; returns how many there were."""
    ids = [row["id"] for row in read(_LEFT_BEHIND, [SILENT_S, SWEPT])]
    if not ids:
        return 0
    told = meter_round("", [(id_, None) for id_ in ids], [])
    if told["crossed"]:
        budgets.tell([UUID(id_) for id_ in told["crossed"]])
    log.warning("money.left_behind", reservations=len(ids))
    return len(ids)


def _wish(asking: Asking) -> Wish:
    question, caller = asking.question, asking.caller
    return Wish(
        uuid7(), caller.session, caller.agent, caller.tenant, question.model, caller.purpose,
        worst_case_microusd(question), _share(caller), question.timeout_s + LATE_S,
    )  # fmt: skip


def _cost(asking: Asking) -> int | None:
    """What the answer cost; None where the server did not tell what it counted."""
    if asking.completion is None or asking.completion.usage.estimated:
        return None
    return cost_microusd(asking.question.model, asking.completion.usage)


def _spent(name: str, left: int, worst: int, until_s: float, at_cap: str, budget: str) -> Unpaid:
    reason = (
        f"The budget of {name} has ${max(0, left) / 1e6:.4f} left, and the next call may cost ${worst / 1e6:.4f}; "
        f"it begins anew in {_span(until_s)}"
    )
    return Unpaid(reason, action="queue" if at_cap == "queue" else "halt", wait_s=_wait(until_s), budget=budget)


def _wait(until_s: float) -> float:
    return min(until_s, LOOK_AGAIN_S) + random.uniform(0.5, 5)  # noqa: S311  jitter


def _share(caller: Caller) -> int:
    return money.share(caller.priority, begun=caller.begun)


def _span(seconds: float) -> str:
    hours = seconds / 3600
    return (
        f"{hours / 24:.0f} days"
        if hours >= 48
        else f"{hours:.0f} hours"
        if hours >= 2
        else f"{max(1, seconds / 60):.0f} minutes"
    )
