"""What stands on the way between a worker and what it talks to, and breaks there: between it and the model, or the database.

All of it runs in threads of the test's own process. A `Way` hands bytes on, until it is told to do something else.
"""

import contextlib
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Manner = Literal["open", "swallow", "deaf"]
Cut = Literal["before", "after"]
COMMIT = b"COMMIT\0"
CHUNK = 65536


class Way:
    """Takes connections at one socket and hands each on to another.

    `manner`: "open" hands on, "swallow" takes and hands nothing on, "deaf" hands on what is sent and swallows answers.
    `cuts`: what happens to the next commits that pass: the connection ends before one reaches the database, or after it
    is done and before its answer is back. `questions` counts those to a model,
    `unheard` those of them that it did not hand on both ways.
    """

    def __init__(self, listener: socket.socket, to: tuple[str, int] | str) -> None:
        self.manner: Manner = "open"
        self.cuts: deque[Cut] = deque()
        self.made: list[Cut] = []  # cuts that happened
        self.questions = self.unheard = 0
        self._listener, self._to = listener, to
        self._ends: list[socket.socket] = [listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End it, with every connection."""
        for end in list(self._ends):
            _end(end)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.socket(socket.AF_UNIX if isinstance(self._to, str) else socket.AF_INET)
                try:
                    there.connect(self._to)
                except OSError:
                    _end(here)
                    continue
                self._ends += [here, there]
                cut = threading.Event()  # set: the next answer is a commit's, and is kept back
                threading.Thread(target=self._ask, args=(here, there, cut), daemon=True).start()
                threading.Thread(target=self._answer, args=(here, there, cut), daemon=True).start()

    def _ask(self, here: socket.socket, there: socket.socket, cut: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while chunk := here.recv(CHUNK):
                if COMMIT in chunk and self.cuts:
                    self.made.append(how := self.cuts.popleft())
                    if how == "before":
                        break
                    cut.set()
                if chunk.startswith(b"POST "):
                    self.questions += 1
                    self.unheard += self.manner != "open"
                if self.manner != "swallow":
                    there.sendall(chunk)
        if not cut.is_set():
            _end(here, there)

    def _answer(self, here: socket.socket, there: socket.socket, cut: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while chunk := there.recv(CHUNK):
                if cut.is_set():
                    break
                if self.manner == "open":
                    here.sendall(chunk)
        _end(here, there)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextlib.contextmanager
def way_to_postgres(folder: Path) -> Iterator[tuple[str, Way]]:
    """A way to the server whose socket is in `folder`; yields the folder of its own socket, to connect to instead."""
    name = ".s.PGSQL.5432"
    with tempfile.TemporaryDirectory(prefix="countersign-way-") as here:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{here}/{name}")
        listener.listen(64)
        way = Way(listener, str(folder / name))
        try:
            yield here, way
        finally:
            way.close()


@contextlib.contextmanager
def way_to_model(port: int) -> Iterator[tuple[int, Way]]:
    """A way to a port of this machine; yields the port to connect to instead."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    way = Way(listener, ("127.0.0.1", port))
    try:
        yield listener.getsockname()[1], way
    finally:
        way.close()


@contextlib.contextmanager
def nobody_accepts() -> Iterator[int]:
    """A port that drops what comes: its queue is full and nobody ever takes from it; yields it."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
