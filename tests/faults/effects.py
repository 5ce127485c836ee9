"""An independent ledger of effects: a process of its own that writes down what tools really did, each line with fsync.

It knows nothing of the product's database, so what it counts is what happened. It can be told to answer late, or never,
after the effect is done. `python -m tests.faults.effects PORT FILE` runs it; `Effects` talks to it.
"""

import json
import os
import socket
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

URL = "FAULTS_EFFECTS_URL"  # where tools and people find it


@dataclass(frozen=True, slots=True)
class Effect:
    """One arrival of a call at the ledger. A `repeat` carried a key that was known already, and changed nothing."""

    tool: str
    key: str
    session: str
    arguments: dict[str, Any]
    keyed: bool
    repeat: bool
    at: float


class Book(ThreadingHTTPServer):
    """The server, its file, and what it was told to do with its answers."""

    daemon_threads = True
    request_queue_size = 512  # many sessions arrive at once; none may be turned away at the door

    def __init__(self, port: int, file: Path) -> None:
        super().__init__(("127.0.0.1", port), Page)
        self.lock = threading.Lock()
        self.lines: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.file = file.open("a", encoding="utf-8")

    def enter(self, told: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
        """Write one effect down durably; returns whether it is welcome, and the order for its answer."""
        with self.lock:
            same = [line for line in self.lines if line["tool"] == told["tool"] and line["key"] == told["key"]]
            repeat = bool(told["keyed"] and same)
            line = {**told, "repeat": repeat, "at": time.time()}
            self.lines.append(line)
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())
            welcome = not (repeat and same[0]["arguments"] != told["arguments"])
            return welcome, self._order(told)

    def _order(self, told: dict[str, Any]) -> dict[str, Any]:
        for order in self.orders:
            if order["tool"] == told["tool"] and order["token"] in ("", told["arguments"].get("token")):
                self.orders.remove(order)
                return order
        return {}


class Page(BaseHTTPRequestHandler):
    """One request to the ledger."""

    server: Book
    protocol_version = "HTTP/1.0"

    def do_POST(self) -> None:
        """Take an effect, or an order about answers to come."""
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/orders":
            with self.server.lock:
                self.server.orders.append(told)
            self._answer(200, {})
            return
        welcome, order = self.server.enter(told)
        time.sleep(order.get("delay_s", 0))
        if order.get("drop"):
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._answer(200 if welcome else 409, {"done": welcome})

    def do_GET(self) -> None:
        """Read the ledger."""
        with self.server.lock:
            lines = list(self.server.lines)
        self._answer(200, lines)

    def _answer(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Keep quiet."""


@dataclass(frozen=True, slots=True)
class Effects:
    """The ledger as its readers and writers see it."""

    url: str

    def do(self, tool: str, *, key: str, session: str, arguments: dict[str, Any], keyed: bool) -> Any:
        """Have an effect. Raises OSError if no answer comes."""
        told = {"tool": tool, "key": key, "session": session, "arguments": arguments, "keyed": keyed}
        return self._ask("/effects", told)

    def order(self, tool: str, *, token: str = "", drop: bool = False, delay_s: float = 0) -> None:
        """Lose or delay the answer to the next effect of a tool."""
        self._ask("/orders", {"tool": tool, "token": token, "drop": drop, "delay_s": delay_s})

    def read(self) -> list[Effect]:
        """All arrivals, oldest first."""
        return [Effect(**line) for line in self._ask("/effects")]

    def of(self, tool: str, key: str) -> list[Effect]:
        """What a call really did."""
        return [effect for effect in self.read() if (effect.tool, effect.key) == (tool, key) and not effect.repeat]

    def _ask(self, path: str, told: Any = None) -> Any:
        data = None if told is None else json.dumps(told).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data=data), timeout=180) as answer:
            return json.loads(answer.read())


if __name__ == "__main__":
    Book(int(sys.argv[1]), Path(sys.argv[2])).serve_forever()
