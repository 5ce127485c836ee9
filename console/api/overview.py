"""How the installation stands, over the API: the numbers of the page of the same name, read by the same service."""

from dataclasses import asdict
from datetime import datetime
from typing import Literal, cast

from ninja import Router, Schema

from agents.lately import Lately, lately
from agents.overview import Overview, overview
from agents.spending import Standing
from console.api.breakers import State
from console.api.endpoint import ApiRequest, endpoint
from console.rights import Right

router = Router(tags=["overview"])
Waited = Literal["people", "money", "rate", "model", "tool"]
Period = Literal["day", "month"]
BudgetState = Literal["open", "half", "low_waits", "normal_waits", "spent"]


class ModesOut(Schema):
    """Sessions that have not ended, by what they work with."""

    full: int
    degraded: int
    minimal: int


class WaitersOut(Schema):
    """How many sessions wait for one thing; `GET /sessions?waits=` lists them. `since` is null where nobody does."""

    waits: Waited
    sessions: int
    since: datetime | None


class OldestOut(Schema):
    """The request that waits for people longest."""

    id: str
    kind: str
    agent: str
    tool: str
    created_at: datetime
    expires_at: datetime


class ShutOut(Schema):
    """A breaker that is not simply closed."""

    key: str
    state: State
    since: datetime
    reason: str


class NearOut(Schema):
    """A budget of which half is spent, or that will not last until its period is over."""

    id: str
    scope: str
    period: Period
    state: BudgetState
    cap_microusd: int
    spent_microusd: int
    reserved_microusd: int
    forecast_microusd: int
    ends_at: datetime


class WorkersOut(Schema):
    """Workers that were just heard of, those that fell silent within the last minute, and the sessions in the former."""

    alive: int
    silent: int
    sessions: int


class QueueOut(Schema):
    """Sessions that wait for a worker, those that are not ready yet, and since when the first waits for one."""

    ready: int
    later: int
    since: datetime | None


class PartOut(Schema):
    """Two minutes of the last hour: how long half and nineteen of twenty answers of models took at most, cost, calls, requests."""

    answers: int
    half_ms: int
    slow_ms: int
    cost_microusd: int
    calls: int
    failed: int
    requests: int


class HourOut(Schema):
    """The last hour as a whole, and in parts of two minutes, the oldest first."""

    whole: PartOut
    parts: list[PartOut]


class OverviewOut(Schema):
    """How the installation stands now. Breakers and budgets are the 20 newest and fullest; `live` have not ended."""

    live: int
    modes: ModesOut
    waiting: list[WaitersOut]
    requests: int
    oldest_request: OldestOut | None
    breakers_shut: int
    breakers: list[ShutOut]
    budgets: list[NearOut]
    workers: WorkersOut
    queue: QueueOut
    dead_letters: int
    last_hour: HourOut


@endpoint(router, "GET", "/overview", right=Right.SEE, scope="sessions:read", answer=OverviewOut)
def get_overview(request: ApiRequest) -> OverviewOut:
    """Return how the installation stands: sessions by mode, who waits for what, breakers, budgets, workers, queue; its last hour."""
    return _shape(overview(), lately())


def _shape(now: Overview, hour: Lately) -> OverviewOut:
    oldest, queue, workers = now.oldest, now.queue, now.workers
    return OverviewOut(
        live=now.live,
        modes=ModesOut(**now.modes),
        waiting=[WaitersOut(waits=cast(Waited, one.kind), sessions=one.sessions, since=one.since) for one in now.waiting],
        requests=now.requests,
        oldest_request=OldestOut(
            id=oldest.ref, kind=oldest.kind, agent=oldest.agent, tool=oldest.tool, created_at=oldest.created_at,
            expires_at=oldest.expires_at,
        ) if oldest else None,
        breakers_shut=now.shut,
        breakers=[
            ShutOut(key=one.key, state=cast(State, one.status), since=one.changed_at, reason=one.reason or one.detail)
            for one in now.breakers
        ],
        budgets=[_near(one) for one in now.budgets],
        workers=WorkersOut(alive=workers.alive, silent=workers.silent, sessions=workers.sessions),
        queue=QueueOut(ready=queue.ready, later=queue.later, since=queue.since),
        dead_letters=now.letters,
        last_hour=HourOut(whole=PartOut(**asdict(hour.whole)), parts=[PartOut(**asdict(part)) for part in hour.parts]),
    )  # fmt: skip


def _near(one: Standing) -> NearOut:
    return NearOut(
        id=str(one.budget.pk), scope=one.budget.scope, period=cast(Period, one.budget.period), state=one.state,
        cap_microusd=one.budget.cap_microusd, spent_microusd=one.meter.spent, reserved_microusd=one.meter.reserved,
        forecast_microusd=one.forecast.microusd, ends_at=one.ends,
    )  # fmt: skip
