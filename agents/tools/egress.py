"""Where a tool may connect to: public addresses only, never this machine, its neighbours or the console itself.

A name is resolved once, every address it has is checked, and the connection goes to a checked address, so that a name
cannot mean something else a moment later. Each redirect starts over. Nothing here trusts a text form of an address:
`0177.0.0.1`, `2130706433` and `::ffff:127.0.0.1` are read by the resolver and judged as what they are.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from agents.tools.errors import InvalidInput, NotPermitted, Unavailable

PORTS = frozenset({80, 443, 8080, 8443})
_LONGEST = 2_000
RESOLVED_WITHIN_S = 2.0  # at a start; longer waits are for the attempts
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """One checked place to connect to: `address` is what to dial, `host` what to ask it for."""

    scheme: str
    host: str
    port: int
    path: str
    address: str

    @property
    def authority(self) -> str:
        """Host and port as they stand in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.scheme) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as people read it."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def dial(self) -> str:
        """The address to connect to, with the checked number in place of the name."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{host}:{self.port}{self.path}"


async def resolve(url: str, *, webhook: bool = False) -> Target:
    """Return the checked place that a URL names.

    Raises InvalidInput for what is no http address, NotPermitted for a place no tool may reach, Unavailable where the name
    cannot be resolved.
    """
    scheme, host, port, path = _split(url, webhook=webhook)
    found = await _addresses(host, port)
    for address in found:
        if not allowed(address):
            who = "webhooks" if webhook else "tools"
            raise NotPermitted(
                f"{host} is not a public address; {who} reach public addresses only.", hint="Use another source for this."
            )
    await _refuse_console(host, found)
    return Target(scheme, host, port, path, str(found[0]))


def trusted(url: str) -> bool:
    """Whether an operator named the host of a webhook, so that it may be private or without encryption."""
    return (urlsplit(url).hostname or "").lower() in settings.WEBHOOK_ALLOW_HOSTS


def refused_webhook(url: str) -> str:
    """Why a webhook does not go to this address; empty where nothing is wrong that can be seen without resolving it."""
    try:
        scheme, host, _, _ = _split(url, webhook=True)
    except (InvalidInput, NotPermitted) as error:
        return f"cannot be used: {str(error).rstrip('.')}"
    if trusted(url):
        return ""
    if scheme != "https":
        return "is not encrypted; use an https address"
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return "" if allowed(literal) else "is not a public address"


async def refused_name(url: str) -> str:
    """Why a webhook does not go to what the name in its address means now; empty where that cannot be told.

    Whoever starts a session learns so at once what each attempt would find; each attempt looks again all the same.
    """
    if not url or trusted(url):
        return ""
    if wrong := refused_webhook(url):
        return wrong
    try:
        async with asyncio.timeout(RESOLVED_WITHIN_S):
            await resolve(url, webhook=True)
    except NotPermitted as error:
        return f"cannot be used: {str(error).rstrip('.')}"
    except (InvalidInput, Unavailable, TimeoutError):
        return ""
    return ""


def allowed(address: Address) -> bool:
    """Whether a tool may connect to the address: it, and any address hidden in it, is a public one."""
    inner = _hidden(address)
    if inner is not None:
        return allowed(inner)
    if address.is_loopback and loopback_allowed():
        return True
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def loopback_allowed() -> bool:
    """Whether tests opened loopback; raises ImproperlyConfigured where that is tried outside of tests."""
    opened = bool(getattr(settings, "FETCH_ALLOW_LOOPBACK", False))
    if opened and not settings.COUNTERSIGN_TEST:
        raise ImproperlyConfigured("FETCH_ALLOW_LOOPBACK is for tests; it needs COUNTERSIGN_TEST=1.")
    return opened


def _split(url: str, *, webhook: bool = False) -> tuple[str, str, int, str]:
    if len(url) > _LONGEST or any(ord(character) <= 32 or ord(character) == 127 for character in url) or "\\" in url:
        raise InvalidInput("This is not one plain http or https address.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidInput(f"This is not an http address: {error}.") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise InvalidInput("Only http and https addresses with a host are fetched.")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("An address with a user name or password in it is refused.")
    port = port or _default_port(parts.scheme)
    if port not in PORTS and not webhook and not loopback_allowed():
        raise NotPermitted(f"Port {port} is not fetched from.")
    return parts.scheme, host, port, urlunsplit(("", "", parts.path or "/", parts.query, ""))


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


async def _addresses(host: str, port: int) -> list[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"The name {host} cannot be resolved.", hint="Check the spelling of the address.") from error
    # A scope id (fe80::1%eth0) is cut: such an address is refused as link-local anyway.
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _hidden(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one wraps (mapped, 6to4, Teredo, NAT64), None if there is none."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


async def _refuse_console(host: str, found: list[Address]) -> None:
    """An agent must not reach the console that decides about it, by whatever name or address (THREATS 25)."""
    public = urlsplit(settings.COUNTERSIGN_PUBLIC_URL).hostname or ""
    if not public or loopback_allowed():
        return
    if host.rstrip(".").lower() == public.lower():
        raise NotPermitted("The console itself is not fetched from.")
    try:
        own = await _addresses(public, 443)
    except Unavailable:
        return
    if set(own) & set(found):
        raise NotPermitted("The console itself is not fetched from.")
