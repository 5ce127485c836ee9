"""Which calls of a plan run now: reads side by side, writes one by one, none that waits for people or is stopped."""

from collections.abc import Iterable

from agents.guardrails.stops import ActiveStop, Stops
from agents.state import Call, State


def next_wave(state: State, stops: Stops) -> list[Call]:
    """The calls that run now: reads of the plan side by side, or the next write; a write behind a waiting one waits."""
    last = state.last
    wave: list[Call] = []
    blocked = False
    for call in last.calls if last else ():
        if call.done or call.status == "executing":
            continue
        if not _runnable(call) or stops.of_tool(call.tool):
            blocked = True
        elif call.tier == "read_only":
            wave.append(call)
        elif not blocked:
            return wave or [call]
    return wave


def first_wave(state: State, stops: Stops) -> list[Call]:
    """The reads of a turn that was just planned, as far as the session's allowance of calls goes: they run at once."""
    wave = [call for call in next_wave(state, stops) if call.tier == "read_only" and call.status == "allowed"]
    room = state.config.limits.tool_calls + state.notes.get("allowance", {}).get("tool_calls", 0) - state.tool_calls
    return wave[: max(0, room)]


def behind(state: State, stops: Stops) -> ActiveStop | None:
    """The stop of a tool that the turn waits for, where nothing else of it can go on and no person is asked."""
    last = state.last
    left = [call for call in (last.calls if last else ()) if not call.done and call.status != "executing"]
    if state.asks_about_session or not all(_runnable(call) for call in left):
        return None
    return next((stop for call in left if (stop := stops.of_tool(call.tool))), None)


def stop_of(state: State, calls: Iterable[Call], stops: Stops) -> ActiveStop | None:
    """The first stop that keeps one of the calls from being entered."""
    return next((stop for call in calls if (stop := stops.of_call(state.agent, state.ref, call.tool))), None)


def _runnable(call: Call) -> bool:
    return call.status == "allowed" or (call.status == "awaiting" and call.request is not None and call.request.due)
