"""Servers that take what is sent to people, and people who want it."""

import http.server
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Mail
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.contrib.auth.models import User
from django.db.models.functions import Now

from audit.actors import Actor
from console.models import OCCASIONS, Delivery
from console.preferences import set_notifications
from console.reach import outbox
from tests.flows.conftest import model_url, world
from tests.waiting import free_port

__all__ = ["model_url", "world"]


@dataclass
class PostOffice:
    """An SMTP server on loopback. `answer` is what it says to a message; `kill` is a process that it ends instead."""

    port: int
    answer: str = "250 Kept"
    kill: int = 0
    mails: list[Mail] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  the library's name
        """Take a message."""
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.original_content))
        if self.kill:
            os.kill(self.kill, signal.SIGKILL)
        return self.answer

    def text(self, index: int = -1) -> str:
        """The text of a message."""
        content = self.mails[index].get_payload(decode=True)
        assert isinstance(content, bytes)
        return content.decode()


@pytest.fixture
def post(settings: Any) -> Iterator[PostOffice]:
    """A running SMTP server that the settings point at."""
    office = PostOffice(free_port())
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", office.port, 5
    controller = Controller(office, hostname="127.0.0.1", port=office.port)
    controller.start()
    yield office
    controller.stop()


@dataclass
class Room:
    """A chat on loopback: what came, and the statuses that it answers with, one after the other."""

    port: int
    said: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    elsewhere: str = ""

    @property
    def address(self) -> str:
        """Where messages for it go."""
        return f"json://127.0.0.1:{self.port}/room"


@pytest.fixture
def room(settings: Any) -> Iterator[Room]:
    """A running chat; private addresses are allowed."""
    settings.CHAT_ALLOW_PRIVATE = True
    here = Room(free_port())

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = here.statuses.pop(0) if here.statuses else 200
            if status == 200:
                here.said.append(said)
            self.send_response(status)
            if here.elsewhere:
                self.send_header("Location", here.elsewhere)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", here.port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield here
    server.shutdown()
    server.server_close()


Wants = Callable[..., User]


@pytest.fixture
def wants() -> Wants:
    """Lets somebody be told: `wants(remy, "email")`, `wants(remy, "chat", chat=room.address)`."""

    def of(user: User, *channels: str, occasions: tuple[str, ...] = OCCASIONS, chat: str | None = None) -> User:
        me = Actor("user", str(user.pk), user.first_name)
        set_notifications(user.pk, occasions=occasions, channels=channels, chat=chat, actor=me)
        outbox.gather()  # from here on the log is followed
        return user

    return of


def due_now() -> None:
    """Let a back-off, a lease and the minute of gathering be over."""
    Delivery.objects.filter(sent_at=None, given_up_at=None).update(ready_at=Now())
    Delivery.objects.update(created_at=Delivery.objects.earliest("created_at").created_at.replace(year=2020))
