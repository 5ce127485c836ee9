"""The demo's mail as files: written by the catcher, read by the page of sent mail.

One file a message, named by the time it came, so that names sort by time. A file appears whole or not at all.
"""

import datetime as dt
import email
import email.policy
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings

from audit.errors import CountersignError

KEPT = 500
_NAME = re.compile(r"\d{20}-[0-9a-f]{8}")
_RECIPIENTS = "X-Envelope-To"
_SENDER = "X-Envelope-From"


class UnknownMessage(CountersignError):
    """There is no such message."""

    code = "unknown_message"


@dataclass(frozen=True, slots=True)
class Mail:
    """One message that was caught. `recipients` are those of the envelope, copies included."""

    id: str
    received_at: dt.datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str
    session: str
    message_id: str
    size: int
    headers: tuple[tuple[str, str], ...]
    body: str


def store(sender: str, recipients: Sequence[str], content: bytes) -> str:
    """Keep one message and return its id; the oldest go where there are more than are kept."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{_now_us():020d}-{secrets.token_hex(4)}"
    envelope = f"{_SENDER}: {_line(sender)}\r\n{_RECIPIENTS}: {_line(', '.join(recipients))}\r\n"
    part = folder / f".{name}.part"
    part.write_bytes(envelope.encode("ascii", "replace") + content)
    part.replace(folder / f"{name}.eml")
    for old in _files()[KEPT:]:
        old.unlink(missing_ok=True)
    return name


def newest(limit: int = 50, *, before: str = "") -> list[Mail]:
    """Return the newest messages, those older than the id `before` if one is given."""
    files = [path for path in _files() if not before or path.stem < before]
    return [_read(path) for path in files[:limit]]


def read(name: str) -> Mail:
    """Return one message; raise UnknownMessage if there is none."""
    path = _folder() / f"{name}.eml"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise UnknownMessage
    return _read(path)


def count() -> int:
    """Return how many messages are kept."""
    return len(_files())


def _read(path: Path) -> Mail:
    content = path.read_bytes()
    message = email.message_from_bytes(content, EmailMessage, policy=email.policy.default)
    told = [(name, str(value)) for name, value in message.items() if name not in {_SENDER, _RECIPIENTS}]
    microseconds = int(path.stem.partition("-")[0])
    return Mail(
        id=path.stem,
        received_at=dt.datetime.fromtimestamp(microseconds / 1_000_000, dt.UTC),
        sender=str(message.get("From", message.get(_SENDER, ""))),
        recipients=tuple(part.strip() for part in str(message.get(_RECIPIENTS, "")).split(",") if part.strip()),
        subject=str(message.get("Subject", "")),
        session=str(message.get("X-Countersign-Session", "")),
        message_id=str(message.get("Message-ID", "")),
        size=len(content),
        headers=tuple(told),
        body=_body(message),
    )


def _body(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, KeyError):
        return bytes(part.get_payload(decode=True) or b"").decode("utf-8", "replace")


def _files() -> list[Path]:
    """Return the messages' files, newest first."""
    return sorted((path for path in _folder().glob("*.eml") if _NAME.fullmatch(path.stem)), reverse=True)


def _folder() -> Path:
    return Path(settings.MAIL_CATCHER_DIR)


def _now_us() -> int:
    return int(dt.datetime.now(dt.UTC).timestamp() * 1_000_000)


def _line(text: str) -> str:
    return " ".join(text.split())
