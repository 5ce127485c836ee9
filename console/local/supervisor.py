"""Keeps the processes of one installation running, and stops them together.

Every child leads a session of its own: a Ctrl-C at the terminal reaches the supervisor alone, and whatever a child
leaves behind can be ended with its session. A child that ends is started again after a growing pause.
"""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from console.local.children import Child
from console.local.paths import write_private

_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _SETTLED_S = 0.5, 15.0, 30.0
# All of it, the database included, must be over within 20 s; workers take up to 10.
_GRACE_S = 14.0
_GONE_WITHIN_S = 5.0
_OUR_PROGRAMS = frozenset({b"console.asgi:application", b"worker", b"seal", b"agents.llm.scripted", b"mail_catcher"})


@dataclass(slots=True)
class Supervisor:
    """Runs children until told to stop. `data` keeps the note by which a later start finds what a killed one left behind."""

    data: Path
    say: Callable[[str], None]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    started_at: dict[str, float] = field(default_factory=dict)

    async def run(self, children: Iterable[Child], *duties: Callable[[], Awaitable[None]]) -> None:
        """Keep the children running, do the duties beside that, and return when all have ended after `stopping` is set."""
        self._listen_for_signals()
        kept = [asyncio.create_task(self._keep(child)) for child in children]
        others = [asyncio.create_task(_as_coroutine(duty)) for duty in duties]
        try:
            await self.stopping.wait()
        finally:
            for task in others:
                task.cancel()
            await self._end_all()
            await asyncio.gather(*kept, *others, return_exceptions=True)
            (self.data / "children.json").unlink(missing_ok=True)

    def restart(self, name: str) -> None:
        """End a child's whole session at once; it is started again like any child that ended."""
        process = self.running.get(name)
        if process:
            _end_session(process.pid, signal.SIGKILL)

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stopping.set)

    async def _keep(self, child: Child) -> None:
        pause = _FIRST_PAUSE_S
        while not self.stopping.is_set():
            began = time.monotonic()
            code = await self._run_once(child)
            if self.stopping.is_set():
                return
            if time.monotonic() - began > _SETTLED_S:
                pause = _FIRST_PAUSE_S
            self.say(f"{child.name} ended ({_how(code)}), again in {pause:.1f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _run_once(self, child: Child) -> int:
        process = await asyncio.create_subprocess_exec(
            *child.command, env=dict(child.environment), stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        self.running[child.name], self.started_at[child.name] = process, time.monotonic()
        self._note()
        try:
            return await process.wait()
        finally:
            # A cluster's workers outlive their killed parent; nothing of a child may.
            _end_session(process.pid, signal.SIGKILL)
            self.running.pop(child.name, None)
            self._note()

    async def _end_all(self) -> None:
        for process in list(self.running.values()):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()  # to the main process alone: queue workers must not get it
        ending = [asyncio.create_task(process.wait()) for process in self.running.values()]
        if ending:
            await asyncio.wait(ending, timeout=_GRACE_S)
        for name, process in list(self.running.items()):
            self.say(f"{name} did not stop in time and is killed")
            _end_session(process.pid, signal.SIGKILL)

    def _note(self) -> None:
        with contextlib.suppress(OSError):
            write_private(self.data / "children.json", json.dumps([process.pid for process in self.running.values()]))


async def _as_coroutine(duty: Callable[[], Awaitable[None]]) -> None:
    await duty()


def end_leftovers(data: Path) -> int:
    """End the children of a supervisor that was killed, and return how many there were.

    A process counts only if it still leads a session and runs one of our programs: ids are reused.
    """
    note = data / "children.json"
    try:
        known = [int(number) for number in json.loads(note.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return 0
    left = [number for number in known if _is_ours(number)]
    for number in left:
        _end_session(number, signal.SIGKILL)
    # Their port is free when they are gone, not when they are told.
    deadline = time.monotonic() + _GONE_WITHIN_S
    while any(map(_holds_files, left)) and time.monotonic() < deadline:
        time.sleep(0.02)
    note.unlink(missing_ok=True)
    return len(left)


def _is_ours(number: int) -> bool:
    try:
        command = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        return os.getsid(number) == number and bool(_OUR_PROGRAMS.intersection(command))
    except OSError:
        return False


def _holds_files(number: int) -> bool:
    """Tell whether a process may still hold ports: one that is being ended loses its memory first, its files later.

    They go with its last thread; the first one may be long gone by then.
    """
    return any(_lives(thread) for thread in Path(f"/proc/{number}/task").glob("[0-9]*"))


def _lives(thread: Path) -> bool:
    try:
        state = (thread / "stat").read_text().rsplit(") ", 1)[1]
    except OSError:
        return False
    return not state.startswith(("Z", "X"))


def _end_session(number: int, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(number, how)


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
