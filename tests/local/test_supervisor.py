"""The supervisor with real processes: restarts, stops in time, leaves nothing behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from console.local.children import Child
from console.local.supervisor import Supervisor, _holds_files, end_leftovers
from tests.waiting import PATIENCE_S, wait_until

# Writes its own id and that of a process it starts, then waits.
FAMILY = """
import os, subprocess, sys, time
kin = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "a").write(f"{os.getpid()} {kin.pid}\\n")
time.sleep(600)
"""
DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "a").write("up\\n")
time.sleep(600)
"""


def _child(name: str, program: str, *arguments: object) -> Child:
    return Child(name, (sys.executable, "-c", program, *map(str, arguments)), dict(os.environ))


def _alive(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


async def _until(true: Callable[[], bool], limit_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_killed_child_is_started_again_and_its_kin_are_ended(tmp_path: Path) -> None:
    """OPS-4: what a killed child leaves behind does not live on beside its successor."""
    note, said = tmp_path / "note", list[str]()

    async def scene() -> None:
        supervisor = Supervisor(tmp_path, said.append)
        running = asyncio.create_task(supervisor.run([_child("family", FAMILY, note)]))
        await _until(lambda: len(_lines(note)) == 1)
        parent, kin = map(int, _lines(note)[0].split())
        os.kill(parent, signal.SIGKILL)
        await _until(lambda: len(_lines(note)) == 2)
        await _until(lambda: not _alive(kin))  # it was sent the signal before its successor was started
        supervisor.stopping.set()
        await running
        await _until(lambda: not any(_alive(int(number)) for line in _lines(note) for number in line.split()))

    asyncio.run(scene())
    assert said == ["family ended (signal 9), again in 0.5 s"]


def test_a_child_that_keeps_failing_is_started_ever_more_rarely(tmp_path: Path) -> None:
    """OPS-4: back-off, so that a broken child does not burn the machine."""
    said = list[str]()

    async def scene() -> None:
        supervisor = Supervisor(tmp_path, said.append)
        running = asyncio.create_task(supervisor.run([_child("broken", "raise SystemExit(3)")]))
        await _until(lambda: len(said) == 3)
        supervisor.stopping.set()
        await running

    asyncio.run(scene())
    assert [line.rsplit(" ", 2)[1] for line in said] == ["0.5", "1.0", "2.0"]


def test_a_restart_on_request_ends_the_whole_session(tmp_path: Path) -> None:
    """The watchdog's lever: a stalled cluster is killed with its workers, and comes back."""
    note = tmp_path / "note"

    async def scene() -> None:
        supervisor = Supervisor(tmp_path, lambda line: None)
        running = asyncio.create_task(supervisor.run([_child("worker", FAMILY, note)]))
        await _until(lambda: len(_lines(note)) == 1)
        supervisor.restart("worker")
        await _until(lambda: len(_lines(note)) == 2)
        await _until(lambda: not any(map(_alive, map(int, _lines(note)[0].split()))))
        supervisor.stopping.set()
        await running

    asyncio.run(scene())


def test_a_child_deaf_to_the_request_is_killed_within_the_time(tmp_path: Path) -> None:
    """OPS-4: everything is over within 20 s of SIGTERM."""
    note = tmp_path / "note"

    async def scene() -> float:
        supervisor = Supervisor(tmp_path, lambda line: None)
        running = asyncio.create_task(supervisor.run([_child("deaf", DEAF, note), _child("family", FAMILY, tmp_path / "kin")]))
        await _until(lambda: bool(_lines(note)) and bool(_lines(tmp_path / "kin")))
        began = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        await running
        took = time.monotonic() - began
        await _until(lambda: not any(_alive(int(number)) for line in _lines(tmp_path / "kin") for number in line.split()))
        return took

    before = signal.getsignal(signal.SIGTERM)
    try:
        assert asyncio.run(scene()) < 18
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_a_killed_supervisor_left_is_ended_by_the_next_start_and_strangers_are_not(tmp_path: Path) -> None:
    """A process id in the old note counts only where it still runs one of our programs."""
    ours = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "worker"], start_new_session=True)
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        # For a moment after its start a process has no command line yet.
        wait_until(lambda: all(Path(f"/proc/{one.pid}/cmdline").read_bytes() for one in (ours, stranger)))
        (tmp_path / "children.json").write_text(f"[{ours.pid}, {stranger.pid}, 999999999]")
        assert end_leftovers(tmp_path) == 1
        assert ours.wait(timeout=120) == -signal.SIGKILL
        assert stranger.poll() is None
        assert end_leftovers(tmp_path) == 0
    finally:
        stranger.communicate(b"\n", timeout=120)
        ours.kill()


def test_a_process_holds_its_port_until_its_last_thread_is_gone() -> None:
    """OPS-4: the first thread of a server that is being killed may be dead while another one still has the socket."""
    program = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(600,)).start();"
        "libc = ctypes.PyDLL(None); libc.syscall(ctypes.c_long({'x86_64': 60}.get(__import__('platform').machine(), 93)), 0)"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        stat = Path(f"/proc/{process.pid}/stat")
        wait_until(lambda: stat.read_text().rsplit(") ", 1)[1].startswith("Z"))
        assert _holds_files(process.pid)
    finally:
        process.kill()
        process.wait()
    assert not _holds_files(process.pid)
