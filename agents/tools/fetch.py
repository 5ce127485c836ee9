"""One bounded fetch of a public page: each hop checked and pinned, size and time limited, text taken out of the answer."""

import asyncio
import ssl
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from urllib.parse import urljoin

import httpx2

from agents.tools import egress
from agents.tools.errors import ApiError, NotPermitted, Unavailable

HOPS = 5
LARGEST = 2 * 1024 * 1024
_TIMEOUT = httpx2.Timeout(10.0)
_HEADERS = {"User-Agent": "Countersign/1", "Accept": "text/html,text/plain,application/json;q=0.9,*/*;q=0.1"}
_TEXTUAL = ("text/", "application/json", "application/xml", "application/xhtml+xml")
_MOVED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Page:
    """What came back, as text."""

    url: str
    status: int
    content_type: str
    title: str
    text: str


@cache
def tls() -> ssl.SSLContext:
    """The certificates are read once; reading them costs more than a fetch."""
    return httpx2.create_ssl_context(trust_env=False)


async def fetch(url: str) -> Page:
    """Return the page at a public address, following up to five redirects.

    Raises InvalidInput, NotPermitted, Unavailable (see `egress.resolve`), or ApiError where the answer is an error, too
    large or no text.
    """
    # No proxy of the environment: it would resolve the name again, behind the check.
    async with httpx2.AsyncClient(
        verify=tls(), trust_env=False, timeout=_TIMEOUT, headers=_HEADERS, follow_redirects=False
    ) as client:
        for _ in range(HOPS + 1):
            target = await egress.resolve(url)
            try:
                page, moved = await _get(client, target)
            except httpx2.HTTPError as error:
                raise Unavailable(f"{target.host} could not be read: {type(error).__name__}.") from error
            if page is not None:
                return page
            url = urljoin(target.url, moved)
    raise ApiError(f"The address redirects more than {HOPS} times.")


async def _get(client: httpx2.AsyncClient, target: egress.Target) -> tuple[Page | None, str]:
    """Ask once; return the page, or where it moved to."""
    request = client.build_request(
        "GET", target.dial, headers={"Host": target.authority}, extensions={"sni_hostname": target.host}
    )
    answer = await client.send(request, stream=True)
    try:
        moved = answer.headers.get("location", "")
        if answer.status_code in _MOVED and moved:
            return None, moved
        content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type and not content_type.startswith(_TEXTUAL):
            raise NotPermitted(f"{target.url} is {content_type}; only text is read.")
        body = await _read(answer)
    finally:
        await answer.aclose()
    text = body.decode(answer.charset_encoding or "utf-8", "replace")
    if answer.status_code >= 400:
        raise ApiError(f"{target.url} answered {answer.status_code}.")
    title, plain = await asyncio.to_thread(_extract, text) if "html" in content_type else ("", text)
    return Page(target.url, answer.status_code, content_type, title, plain), ""


async def _read(answer: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > LARGEST:
            raise ApiError(f"The answer is larger than {LARGEST} bytes.")
    return bytes(body)


def _extract(html: str) -> tuple[str, str]:
    """Return title and article text; see `agents.tools.articles`, which only a process loads that reads a page."""
    title, text = import_module("agents.tools.articles").extract(html)
    return str(title), str(text)
