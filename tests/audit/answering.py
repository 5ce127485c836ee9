"""A program on the net that gives the same answer to everybody, byte for byte, be it HTTP or not."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def _handler(said: bytes) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = 0
            while line := self.rfile.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            self.rfile.read(length)
            self.wfile.write(said)

    return Handler


@contextmanager
def answering(said: bytes) -> Iterator[str]:
    """Yield the address of a server that answers so."""
    with socketserver.TCPServer(("127.0.0.1", 0), _handler(said)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
