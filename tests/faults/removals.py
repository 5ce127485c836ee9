"""Takes one guard out of a worker process, to see that the test of that guard turns red without it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from agents import steps
from agents.gate import effect, intent
from approvals.services import consume
from audit.services import Change


def take_out(guard: str) -> None:
    """Take a guard out of this process, for the rest of its life."""
    for target, stand_in in REMOVALS[guard].items():
        patch(target, stand_in).start()


_move, _run, _prepare, _settle = steps.move, effect.run, intent.prepare, effect.settle


def _unguarded(*args: Any, **named: Any) -> Change:
    """Write whoever holds the lease, and whatever step it is."""
    return replace(_move(*args, **named), guard={})


async def _without_a_look_at_the_clock(state: Any, *rest: Any) -> Any:
    """Run a call however long the process stood still since its intent."""
    state.lease_until = float("inf")
    return await _run(state, *rest)


async def _unconsumed(*args: Any, **named: Any) -> intent.Intent:
    """Run an approved call without using the approval up."""
    found = await _prepare(*args, **named)
    found.changes = [change for change in found.changes if "consume" not in change.event]
    return found


class _Equal(bytes):
    """Bytes that are what anybody expects."""

    def __ne__(self, other: object) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = bytes.__hash__


def _trusting(now: Any, _digest: str, **named: Any) -> Any:
    """Use an approval for whatever bytes stand in the row."""
    return consume(now, now.digest, **named)


async def _repeated(state: Any, calls: Any, take_numbers: Any) -> Any:
    """Take every call that a dead worker left for one that may safely run again."""
    for call in calls:
        call.dry = True  # as far as settling goes: nothing of it had an effect
    try:
        return await _settle(state, calls, take_numbers)
    finally:
        for call in calls:
            call.dry = False


REMOVALS: dict[str, dict[str, Callable[..., Any]]] = {
    "fencing": {"agents.runner.move": _unguarded, "agents.steps.move": _unguarded, "agents.rests.move": _unguarded},
    "lease": {"agents.gate.effect.run": _without_a_look_at_the_clock},
    "doubt": {"agents.gate.effect.settle": _repeated},
    "consume": {"agents.gate.intent.prepare": _unconsumed},
    "digest": {"agents.gate.intent._arguments": _Equal, "agents.gate.intent.consume": _trusting},
}
