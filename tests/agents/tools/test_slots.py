"""Places in a tool: counted over all workers, free again when a worker dies, bounded by the tool's own time (TOOL-1)."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone
from pydantic import BaseModel, ConfigDict

from agents.limiting import Bounds as Set
from agents.limiting import set_limit
from agents.models import ToolRun
from agents.rates.round import kept
from agents.tools import ToolContext, slots
from agents.tools.definition import Tool
from agents.tools.execute import Outcome, execute
from agents.tools.slots import Bounds, bounds_of
from approvals.errors import NotAllowedToSet
from tests.agents.tools.conftest import Declare, make_context
from tests.flows.conftest import actor_of, person_of

READ: dict[str, Any] = {"tier": "read_only"}
pytestmark = pytest.mark.usefixtures("fresh_database")


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


@pytest.fixture(autouse=True)
def _nothing_set() -> Iterator[None]:
    yield
    slots.keep({})


def run(tool: Tool, times: int = 1) -> list[Outcome]:
    """Run a tool some times side by side."""

    async def all_at_once() -> list[Outcome]:
        return await asyncio.gather(*(execute(tool, Nothing(), make_context()) for _ in range(times)))

    return asyncio.run(all_at_once())


def quick(args: Nothing, context: ToolContext) -> None:
    """Do."""


def set_(olga: User, tool: Tool, **bounds: Any) -> None:
    """Set a limit of the tool, and let this process read it."""
    set_limit(scope=f"tool:{tool.name}", bounds=Set(**bounds), reason="A test.", person=person_of(olga), actor=actor_of(olga))
    slots.keep(kept().tools)


def test_no_more_calls_run_at_once_than_a_tool_allows_over_all_workers(declare: Declare) -> None:
    running: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    async def slow(args: Nothing, context: ToolContext) -> None:
        """Wait a little."""
        with lock:
            running.append(1)
            most.append(len(running))
        await asyncio.sleep(0.02)
        with lock:
            running.pop()

    tool = declare(slow, concurrency=3, **READ)
    outcomes: list[Outcome] = []

    def worker() -> None:
        outcomes.extend(run(tool, 6))
        connections.close_all()

    workers = [threading.Thread(target=worker) for _ in range(3)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()

    assert {outcome.status for outcome in outcomes} == {"success"}
    assert len(outcomes) == 18
    assert max(most) <= 3
    assert not ToolRun.objects.exists()


def test_a_call_that_finds_no_place_in_the_tools_time_is_told_so_and_never_ran(declare: Declare) -> None:
    tool = declare(quick, concurrency=1, timeout_s=0.3, tier="irreversible_write", idempotent=False)
    ToolRun.objects.create(tool=tool.name, until=timezone.now() + timedelta(minutes=1))

    (outcome,) = run(tool)

    assert (outcome.error_type, outcome.sure) == ("unavailable", True)
    assert "All 1 places of quick are taken" in outcome.text


def test_the_place_of_a_worker_that_died_is_free_once_its_call_cannot_run_any_more(declare: Declare) -> None:
    tool = declare(quick, concurrency=1, timeout_s=30, **READ)
    ToolRun.objects.create(tool=tool.name, started_at=timezone.now() - timedelta(minutes=1), until=timezone.now())

    assert run(tool)[0].status == "success"


def test_starts_a_minute_are_bounded_over_all_workers(declare: Declare) -> None:
    tool = declare(quick, rate_per_minute=2, timeout_s=10, **READ)

    outcomes = [run(tool)[0] for _ in range(3)]

    assert [outcome.error_type for outcome in outcomes] == ["", "", "unavailable"]
    assert "Try again in" in outcomes[2].hint
    assert ToolRun.objects.filter(ended_at__isnull=False).count() == 2


def test_a_call_waits_where_its_start_comes_within_the_tools_time(declare: Declare) -> None:
    tool = declare(quick, rate_per_minute=1, timeout_s=30, **READ)
    ToolRun.objects.create(
        tool=tool.name, started_at=timezone.now() - timedelta(seconds=59.5), until=timezone.now(), ended_at=timezone.now()
    )

    assert run(tool)[0].status == "success"


def test_an_operator_limits_a_tool_that_declares_nothing(declare: Declare, olga: User) -> None:
    tool = declare(quick, timeout_s=10, **READ)
    assert bounds_of(tool) == Bounds()

    set_(olga, tool, requests=1)

    assert [run(tool)[0].error_type for _ in range(2)] == ["", "unavailable"]


@pytest.mark.parametrize(
    ("bounds", "declared"), [({"at_once": 9}, "4 calls at once"), ({"requests": 61}, "60 starts a minute")]
)
def test_more_than_a_tool_declares_needs_an_admin(
    declare: Declare, olga: User, ada: User, bounds: dict[str, int], declared: str
) -> None:
    tool = declare(quick, concurrency=4, rate_per_minute=60, **READ)

    with pytest.raises(NotAllowedToSet, match=declared):
        set_(olga, tool, **bounds)
    set_(ada, tool, **bounds)

    assert bounds_of(tool) != Bounds(4, 60)
