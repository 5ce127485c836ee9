"""Ports and waits of tests: nothing sleeps for a guess, everything waits for a condition with an end."""

import socket
import time
from collections.abc import Callable


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(true: Callable[[], object], *, seconds: float = 10) -> None:
    """Wait until something holds; fail loudly when it does not come."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"this did not become true within {seconds} s: {true}")
        time.sleep(0.02)
