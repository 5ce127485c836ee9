"""A request line or a header that is longer than the web process reads is answered, where Twisted only closes the connection.

Daphne takes no protocol of one's own, so the one that it uses is given the method.
"""

import re
from typing import Any

from twisted.web.http import HTTPChannel

LINGER_S = 2
"""What still comes is read for so long and thrown away: a connection that is closed under it would lose the answer."""
_REQUEST_LINE = re.compile(rb"[A-Z]{1,20} ")
_LINE = (b"414 URI Too Long", b"The address is longer than this server reads.\n")
_HEADER = (b"431 Request Header Fields Too Large", b"A header is longer than this server reads.\n")


def answer(channel: Any, line: bytes) -> None:
    """Answer what the channel could not read, and hear no more of it."""
    status, words = _LINE if _REQUEST_LINE.match(line) else _HEADER
    told = [b"HTTP/1.1 " + status, b"Content-Type: text/plain; charset=utf-8", b"Content-Length: %d" % len(words)]
    channel.transport.write(b"\r\n".join([*told, b"Connection: close", b"", words]))
    channel.dataReceived = _nothing
    channel.callLater(LINGER_S, channel.transport.loseConnection)


def answer_them() -> None:
    """Let the web process answer them from now on."""
    HTTPChannel.lineLengthExceeded = answer  # type: ignore[method-assign]  # see above


def _nothing(_data: Any) -> None:
    """Take what comes and do nothing."""
