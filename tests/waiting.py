"""Ports and waits of tests: nothing sleeps for a guess, everything waits for a condition with an end."""

import socket
import time
from collections.abc import Callable

PATIENCE_S = 300.0
"""How long anything is waited for that comes: a machine on which much else runs is slow, not wrong."""

DAY_S = 86_400


def one_day(left_s: float = 60) -> None:
    """Wait for the next day where this one is nearly over: budgets begin anew at midnight UTC, and a test would see two days."""
    wait_until(lambda: DAY_S - time.time() % DAY_S > left_s)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(true: Callable[[], object], *, seconds: float = PATIENCE_S) -> None:
    """Wait until something holds; fail loudly when it does not come."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"this did not become true within {seconds} s: {true}")
        time.sleep(0.02)
