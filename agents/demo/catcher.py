"""The demo's mail server: speaks SMTP on loopback and keeps what it is given as files. Nothing is passed on."""

import asyncio
import signal
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from agents.demo import mailbox

LARGEST = 2 * 1024 * 1024


class Catcher:
    """The handler behind the server."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  the library's name
        """Keep the message; the sender is told that it is accepted only when it is on the disk."""
        content = envelope.original_content or b""
        try:
            await asyncio.to_thread(mailbox.store, envelope.mail_from or "", envelope.rcpt_tos, content)
        except OSError as error:
            return f"452 The message could not be kept: {error.strerror}"
        return "250 Kept"


async def serve(port: int) -> None:
    """Answer on loopback until SIGTERM or SIGINT comes. Raises OSError where the port is taken."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    handler: Any = Catcher()
    server = await loop.create_server(
        lambda: SMTP(handler, data_size_limit=LARGEST, hostname="localhost", ident="Countersign", loop=loop), "127.0.0.1", port
    )
    async with server:
        await stopped.wait()
