"""Chat through apprise: which services, which addresses, and where a message may go.

The address is a person's own text, so it is held narrow: a service of the list below, no options behind a `?` (some
read files or switch certificates off), encryption, and at the moment of connecting, redirects included, a public
address; the connection goes to the address that was checked. CHAT_ALLOW_PRIVATE opens private and plain ones.
"""

import ipaddress
import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from apprise import Apprise, LogCapture, NotifyFormat
from apprise.plugins.base import NotifyBase
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.google_chat import NotifyGoogleChat
from apprise.plugins.gotify import NotifyGotify
from apprise.plugins.mattermost import NotifyMattermost
from apprise.plugins.ntfy import NotifyNtfy
from apprise.plugins.rocketchat import NotifyRocketChat
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram
from apprise.plugins.workflows import NotifyWorkflows
from apprise.plugins.zulip import NotifyZulip
from django.conf import settings
from urllib3.util import connection as dialling

from agents.tools.egress import Address, allowed
from console.reach.errors import ChatRefused, NotDelivered

PATIENCE_S = 10.0
LONGEST_REASON = 300
SERVICES: Mapping[str, tuple[str, type[NotifyBase], str]] = {
    "slack": ("Slack", NotifySlack, "slack://A/B/C"),
    "workflows": ("Microsoft Teams", NotifyWorkflows, "workflows://host/workflow/signature"),
    "discord": ("Discord", NotifyDiscord, "discord://id/token"),
    "gchat": ("Google Chat", NotifyGoogleChat, "gchat://space/key/token"),
    "tgram": ("Telegram", NotifyTelegram, "tgram://bot/chat"),
    "mmosts": ("Mattermost", NotifyMattermost, "mmosts://host/token"),
    "rockets": ("Rocket.Chat", NotifyRocketChat, "rockets://webhook@host"),
    "zulip": ("Zulip", NotifyZulip, "zulip://bot@organisation/token"),
    "ntfys": ("ntfy", NotifyNtfy, "ntfys://host/topic"),
    "gotifys": ("Gotify", NotifyGotify, "gotifys://host/token"),
    "jsons": ("a JSON receiver", NotifyJSON, "jsons://host/path"),
}
"""By the word before `://`: name, apprise's plug-in, how an address looks."""
PLAIN = {"mmost": "mmosts", "rocket": "rockets", "ntfy": "ntfys", "gotify": "gotifys", "json": "jsons"}
"""The same without encryption, for a service on the same private net."""

_refusals: ContextVar[list[str] | None] = ContextVar("refusals", default=None)
"""While guarded: what was refused so far, because apprise itself only says that it could not connect."""


def examples() -> list[dict[str, str]]:
    """Return the services with how their addresses look."""
    return [{"name": name, "example": example} for name, _, example in SERVICES.values()]


def name_of(address: str) -> str:
    """Return the name of an address's service; empty for none."""
    schema = address.partition("://")[0].lower()
    return SERVICES[PLAIN.get(schema, schema)][0] if PLAIN.get(schema, schema) in SERVICES else ""


def service_of(address: str) -> NotifyBase:
    """Return apprise's plug-in for an address; raises ChatRefused with what is wrong about it."""
    schema = address.partition("://")[0].lower()
    if schema in PLAIN and not settings.CHAT_ALLOW_PRIVATE:
        raise ChatRefused(reason=f"{schema}:// is not encrypted; use {PLAIN[schema]}://.")
    found = SERVICES.get(PLAIN.get(schema, schema))
    if found is None:
        raise ChatRefused(reason="This is not an address of one of the services below.")
    if "?" in address or any(ord(character) <= 32 or ord(character) == 127 for character in address):
        raise ChatRefused(reason="An address has neither spaces nor options behind a question mark.")
    _check_literal(address)
    name, plugin, example = found
    try:
        return plugin(**(plugin.parse_url(address) or {}))
    except (TypeError, ValueError) as error:
        raise ChatRefused(reason=f"{name} does not understand this address. It looks like {example}.") from error


def send(address: str, title: str, text: str) -> None:
    """Send one message; raises NotDelivered with the reason."""
    try:
        service = service_of(address)
    except ChatRefused as refused:
        raise NotDelivered(reason=refused.detail, final=True) from refused
    service.socket_connect_timeout = service.socket_read_timeout = PATIENCE_S
    service.verify_certificate = True
    sender = Apprise()
    sender.add(service)
    with guarded() as refusals, LogCapture(level=logging.WARNING) as said:  # type: ignore[no-untyped-call]  # apprise
        done = sender.notify(title=title, body=text, body_format=NotifyFormat.TEXT)
        reason = said.getvalue()
    if not done:
        raise NotDelivered(reason=" ".join(refusals) or _reason(reason), final=bool(refusals))


@contextmanager
def guarded() -> Iterator[list[str]]:
    """Let connections of apprise's client, made here and now, go to allowed addresses only; gives what was refused."""
    refusals: list[str] = []
    token = _refusals.set(refusals)
    try:
        yield refusals
    finally:
        _refusals.reset(token)


def may_reach(address: Address) -> bool:
    """Return whether a chat message may go to an address; link-local ones (metadata services) never."""
    if allowed(address):
        return True
    inner = getattr(address, "ipv4_mapped", None) or address
    if inner.is_link_local or inner.is_multicast or inner.is_unspecified or inner.is_reserved:
        return False
    return bool(settings.CHAT_ALLOW_PRIVATE)


def _check_literal(address: str) -> None:
    """Refuse at once what can be seen to be private; names are judged when they are resolved, at each connection."""
    try:
        host = urlsplit(address).hostname or ""
        literal = ipaddress.ip_address(host)
    except ValueError:
        return
    if not may_reach(literal):
        raise ChatRefused(reason=f"{host} is not a public address.")


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = " ".join(line.partition(" - ")[2].rpartition(" - ")[2] or line for line in lines)
    return (told or "The service did not take the message.")[:LONGEST_REASON]


def _numbers(host: str, port: int) -> list[str]:
    """Return the addresses that a host has; a number needs no resolver."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


_dial = dialling.create_connection


def _checked_dial(address: tuple[str, int], *rest: Any, **named: Any) -> socket.socket:
    """Connect as urllib3 does; while guarded, to a checked number in place of the name."""
    refusals = _refusals.get()
    if refusals is None:
        return _dial(address, *rest, **named)
    host, port = address
    numbers = _numbers(host.strip("[]"), port)
    for number in numbers:
        if not may_reach(ipaddress.ip_address(number.partition("%")[0])):
            refusals.append(f"{host} is not a public address.")
            raise OSError(refusals[-1])
    return _dial((numbers[0], port), *rest, **named)


dialling.create_connection = _checked_dial
