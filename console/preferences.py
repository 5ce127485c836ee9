"""A person's own settings: how the console looks to them, which keys it has, and what reaches them where.

Read once per page. The address of a chat holds keys of another service, so it is kept encrypted under the
installation's secret and never shown again whole.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac

from audit.actors import Actor
from audit.canonical import Json
from audit.events import EventKind
from audit.index import index_soon
from audit.services import Entry, record
from console.models import CHANNELS, OCCASIONS, Preference


@dataclass(frozen=True, slots=True)
class Settings:
    """What one person chose; without a row, what everybody begins with."""

    theme: str = ""
    density: str = ""
    letters: bool = True
    occasions: tuple[str, ...] = OCCASIONS
    channels: tuple[str, ...] = ()
    chat: str = ""
    guide_hidden: bool = False
    stored: bool = False


def settings_of(user_id: int) -> Settings:
    """Return a person's settings."""
    row = Preference.objects.filter(user_id=user_id).first()
    return Settings() if row is None else read(row)


def read(row: Preference) -> Settings:
    """Return a stored row as values; an address that the present secret cannot read counts as none."""
    return Settings(
        row.theme, row.density, row.letters, tuple(row.occasions), tuple(row.channels), _open(bytes(row.chat)),
        row.guide_hidden, True,
    )  # fmt: skip


def set_look(user_id: int, *, theme: str | None = None, density: str | None = None, letters: bool | None = None) -> None:
    """Keep how the console looks to a person; what is None stays as it is."""
    given = {"theme": theme, "density": density, "letters": letters}
    _keep(user_id, {name: value for name, value in given.items() if value is not None})


def set_notifications(
    user_id: int, *, occasions: Iterable[str], channels: Iterable[str], chat: str | None, actor: Actor
) -> None:
    """Keep what a person is told of and where, with an entry in the log; `chat` None leaves the address as it is.

    The address itself stays out of the log: it is a key.
    """
    wanted, ways = _known(occasions, OCCASIONS), _known(channels, CHANNELS)
    values: dict[str, object] = {"occasions": wanted, "channels": ways}
    if chat is not None:
        values["chat"] = _cipher().encrypt(chat.encode()) if chat else b""
    facts: dict[str, Json] = {
        "changed": "notifications",
        "occasions": [*wanted],
        "channels": [*ways],
        "chat_changed": chat is not None,
    }
    me = f"user:{user_id}"
    with transaction.atomic():
        _keep(user_id, values)
        record([Entry(me, EventKind.USER_CHANGED, actor, facts, (me,))])
    index_soon()


def hide_guide(user_id: int) -> None:
    """Put the list of first steps away for good."""
    _keep(user_id, {"guide_hidden": True})


def _known(named: Iterable[str], known: tuple[str, ...]) -> list[str]:
    given = set(named)
    return [name for name in known if name in given]


def _keep(user_id: int, values: dict[str, object]) -> None:
    Preference.objects.update_or_create(user_id=user_id, defaults=values)


def _cipher() -> Fernet:
    digest = salted_hmac("console.preferences", "chat", secret=settings.SECRET_KEY, algorithm="sha256").digest()
    return Fernet(urlsafe_b64encode(digest))


def _open(kept: bytes) -> str:
    try:
        return _cipher().decrypt(kept).decode() if kept else ""
    except InvalidToken:
        return ""
