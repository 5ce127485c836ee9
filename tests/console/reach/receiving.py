"""A receiver of webhooks on loopback: what came, and the statuses that it answers with, one after the other."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.waiting import free_port


@dataclass
class Receiver:
    """What came as headers and body, and how it answers: `statuses` first, then 204; `elsewhere` is where it redirects to."""

    url: str
    came: list[tuple[dict[str, str], str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    elsewhere: str = ""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver; who sends to it has to allow the host 127.0.0.1."""
    port = free_port()
    here = Receiver(f"http://127.0.0.1:{port}/hook")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            here.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(here.statuses.pop(0) if here.statuses else 204)
            if here.elsewhere:
                self.send_header("Location", here.elsewhere)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
