"""Sending mail over real SMTP, and the demo's catcher and mailbox (TOOL-2, TOOL-3, TOOL-7)."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from agents.demo import mailbox
from agents.demo.catcher import Catcher
from agents.tools.arguments import Malformed, Parsed, parse
from agents.tools.execute import Outcome, execute, radius, summary
from agents.tools.mail import message_id
from tests.agents.tools.conftest import built_in, make_context
from tests.conftest import FreshDatabase

LETTER = {"to": ["finance@halden.example"], "subject": "Refund policy", "body": "Line one\nGrüße"}


@pytest.fixture
def smtp(settings: Any, tmp_path: Path, fresh_database: FreshDatabase) -> Iterator[Callable[[Any], int]]:
    """Serve SMTP with a handler on loopback and point the settings at it."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.MAIL_CATCHER_DIR = tmp_path / "mail"
    settings.DEFAULT_FROM_EMAIL = "Countersign <countersign@halden.example>"
    settings.EMAIL_HOST, settings.EMAIL_TIMEOUT = "127.0.0.1", 5
    running: list[Controller] = []

    def serve(handler: Any) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        controller = Controller(handler, hostname="127.0.0.1", port=port)
        controller.start()
        running.append(controller)
        settings.EMAIL_PORT = port
        return port

    yield serve
    for controller in running:
        controller.stop()


def send(key: str = "S-1/1.1", **changes: Any) -> Outcome:
    tool = built_in("send_email")
    parsed = parse(tool, json.dumps({**LETTER, **changes}))
    assert isinstance(parsed, Parsed), parsed
    return asyncio.run(execute(tool, parsed.value, make_context(idempotency_key=key)))


def test_a_message_arrives_whole_and_names_its_session(smtp: Callable[[Any], int]) -> None:
    smtp(Catcher())
    outcome = send(cc=["ann@halden.example"])
    told = json.loads(outcome.text)["result"]
    assert (outcome.status, told["sent"]) == ("success", True)
    (mail,) = mailbox.newest()
    assert mail.recipients == ("finance@halden.example", "ann@halden.example")
    assert mail.body.strip().splitlines() == ["Line one", "Grüße"]
    assert (mail.subject, mail.session, mail.message_id) == ("Refund policy", "S-88001", told["message_id"])
    assert mail.sender == "Countersign <countersign@halden.example>"
    assert mailbox.read(mail.id) == mail


def test_the_same_call_has_the_same_message_id(settings: Any) -> None:
    """A copy can be recognised wherever it arrives, should a person have it run again."""
    settings.DEFAULT_FROM_EMAIL = "Countersign <countersign@halden.example>"
    assert message_id("S-1/1.1") == message_id("S-1/1.1") != message_id("S-1/1.2")
    assert message_id("S-1/1.1").endswith("@halden.example>")


def test_no_server_means_that_nothing_was_sent(smtp: Callable[[Any], int], settings: Any) -> None:
    settings.EMAIL_PORT = 1
    outcome = send()
    assert (outcome.error_type, outcome.sure) == ("unavailable", True)


class Refuses(Catcher):
    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, rcpt_options: Any
    ) -> str:
        return "550 no such person"


class RefusesData(Catcher):
    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        return "554 not this one"


class HangsUp(Catcher):
    """Takes the message, and the line is cut before it says so."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        await super().handle_DATA(server, session, envelope)
        server.transport.abort()
        return "250 nobody hears it"


@pytest.mark.parametrize("handler", [Refuses, RefusesData])
def test_a_refusal_of_the_server_is_sure(smtp: Callable[[Any], int], handler: Any) -> None:
    smtp(handler())
    outcome = send()
    assert (outcome.error_type, outcome.sure) == ("api_error", True)
    assert mailbox.count() == 0


def test_a_lost_answer_is_an_unknown_outcome(smtp: Callable[[Any], int]) -> None:
    """TOOL-2: it may have arrived, and here it has."""
    smtp(HangsUp())
    outcome = send()
    assert (outcome.error_type, outcome.sure) == ("unknown_outcome", False)
    assert mailbox.count() == 1


@pytest.mark.parametrize(
    "address",
    [
        "", "ann", "ann@", "@example.com", "ann@example.com\nBcc: eve@example.com", "ann@example.com\r\n",
        "ann@example.com, eve@example.com",
        "ann@example.com;eve@example.com", "Ann <ann@example.com>", '"a b"@example.com', "ann@exаmple.com", "änn@example.com",
        "ann@example.com%0aBcc:eve@example.com x", "ann@" + "a" * 250 + ".com", "ann@example.com\u2028", "ann@-example.com",
    ],
)  # fmt: skip
def test_only_one_plain_address_is_a_recipient(address: str) -> None:
    """TOOL-4, THREATS 35: no header injection, no look-alike letters."""
    for field in ("to", "cc"):
        raw = {**LETTER, field: [address]}
        parsed = parse(built_in("send_email"), json.dumps(raw))
        if isinstance(parsed, Parsed):
            assert address.strip() == "ann@example.com"
            assert json.loads(parsed.canonical)[field] == ["ann@example.com"]
        else:
            assert parsed.error_type == "invalid_input"


@pytest.mark.parametrize("subject", ["a\nBcc: eve@example.com", "a\r\nb", "a\x0bb", "a\u2028b", "", "x" * 201])
def test_a_subject_stays_on_its_line(subject: str) -> None:
    for tool in ("send_email", "draft_message"):
        assert isinstance(parse(built_in(tool), json.dumps({**LETTER, "subject": subject})), Malformed)


def test_a_message_needs_a_recipient_and_text() -> None:
    changes: list[dict[str, Any]] = [{"to": []}, {"body": ""}, {"to": "finance@halden.example"}, {"to": ["a@b.example"] * 21}]
    for change in changes:
        assert isinstance(parse(built_in("send_email"), json.dumps({**LETTER, **change})), Malformed)


def test_the_card_says_to_whom_and_many_recipients_reach_wide() -> None:
    tool = built_in("send_email")
    values = [parse(tool, json.dumps({**LETTER, "to": [f"p{n}@halden.example" for n in range(count)]})) for count in (1, 3, 4)]
    radii = [radius(tool, parsed.value) for parsed in values if isinstance(parsed, Parsed)]
    assert radii == ["narrow", "narrow", "wide"]
    assert isinstance(values[0], Parsed)
    assert summary(tool, values[0].value) == "Send an e-mail to p0@halden.example: “Refund policy”"


def test_the_mailbox_lists_the_newest_first_by_page_and_keeps_a_bounded_number(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAIL_CATCHER_DIR = tmp_path
    monkeypatch.setattr(mailbox, "KEPT", 5)
    for number in range(8):
        mailbox.store("a@b.example", ["c@d.example"], f"Subject: {number}\r\n\r\nx".encode())
    first = mailbox.newest(3)
    assert [mail.subject for mail in first] == ["7", "6", "5"]
    assert [mail.subject for mail in mailbox.newest(3, before=first[-1].id)] == ["4", "3"]
    assert mailbox.count() == 5


@pytest.mark.parametrize("name", ["", "..", "../secret", "a/b", "0" * 20 + "-zzzzzzzz", "0" * 20 + "-00000000"])
def test_a_message_that_is_not_there_is_unknown(settings: Any, tmp_path: Path, name: str) -> None:
    settings.MAIL_CATCHER_DIR = tmp_path
    (tmp_path.parent / "secret.eml").write_text("x")
    with pytest.raises(mailbox.UnknownMessage):
        mailbox.read(name)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"Subject: =?x-unknown?q?a?=\r\n\r\nx", b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xe9",
     b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n", b"Content-Type: image/png\r\n\r\nx"],
)  # fmt: skip
def test_odd_messages_can_be_read_too(settings: Any, tmp_path: Path, content: bytes) -> None:
    settings.MAIL_CATCHER_DIR = tmp_path
    name = mailbox.store("a@b.example\r\nX: y", ["c@d.example"], content)
    mail = mailbox.read(name)
    assert mail.recipients == ("c@d.example",)
    assert "X" not in dict(mail.headers)


def test_the_catcher_runs_as_a_command_and_stops_when_told(tmp_path: Path) -> None:
    """The process that `make up` starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = Path(__file__).resolve().parents[3]
    environment = {"COUNTERSIGN_DATA": str(tmp_path), "SECRET_KEY": "x" * 60, "PATH": "/usr/bin:/bin"}
    command = [sys.executable, str(root / "manage.py"), "mail_catcher", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            greeting = _greeting(port, process)
            taken = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        finally:
            process.terminate()
            assert process.wait(120) == 0
    assert greeting.startswith("220 ")
    assert taken.returncode != 0
    assert "cannot listen on port" in taken.stderr


def _greeting(port: int, process: subprocess.Popen[str]) -> str:
    """Wait until the server answers, or has ended."""
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5) as line:
            return line.recv(100).decode()
        threading.Event().wait(0.05)
    raise AssertionError(process.stderr.read() if process.stderr else "")
