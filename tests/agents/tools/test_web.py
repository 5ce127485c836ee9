"""Fetching: public addresses only, each hop checked and pinned, sizes bounded (TOOL-4; THREATS 25, 54)."""

import _socket
import asyncio
import ipaddress
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from django.core.exceptions import ImproperlyConfigured

from agents.tools import egress
from agents.tools.arguments import Parsed, parse
from agents.tools.errors import InvalidInput, NotPermitted, Unavailable
from agents.tools.execute import Outcome, execute
from agents.tools.fetch import LARGEST
from tests.agents.tools.conftest import built_in, make_context
from tests.conftest import FreshDatabase


class Pages(BaseHTTPRequestHandler):
    """A small site: `pages` maps a path to (status, headers, body)."""

    pages: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}
    asked: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Host"]))
        status, headers, body = self.pages.get(self.path, (404, {"Content-Type": "text/plain"}, b"nothing"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client had enough

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def site(settings: Any, fresh_database: FreshDatabase) -> Iterator[str]:
    """The site's address; loopback is opened for this test."""
    settings.FETCH_ALLOW_LOOPBACK = True
    Pages.pages, Pages.asked = {}, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def call(name: str, **arguments: Any) -> Outcome:
    tool = built_in(name)
    parsed = parse(tool, json.dumps(arguments))
    assert isinstance(parsed, Parsed), parsed
    return asyncio.run(execute(tool, parsed.value, make_context()))


def resolve(url: str) -> egress.Target:
    return asyncio.run(egress.resolve(url))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names that resolve to what a test says; each look-up is counted."""
    known: dict[str, list[str]] = {}

    async def look_up(host: str, port: int) -> list[egress.Address]:
        found = known.get(host)
        if found is None:
            raise Unavailable(f"The name {host} cannot be resolved.")
        # A list that changes between look-ups is a rebinding name.
        return [ipaddress.ip_address(address) for address in (found.pop(0).split() if len(found) > 1 else found[0].split())]

    monkeypatch.setattr(egress, "_addresses", look_up)
    return known


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the real resolver read addresses written as numbers, in whatever form; it asks nobody for that."""

    def read(host: str, port: int, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:  # noqa: A002
        host = "127.0.0.1" if host == "localhost" else host
        return _socket.getaddrinfo(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)

    monkeypatch.setattr(socket, "getaddrinfo", read)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1",
        "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_no_address_of_this_machine_or_its_neighbours_is_public(address: str) -> None:
    assert egress.allowed(ipaddress.ip_address(address)) is False


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert egress.allowed(ipaddress.ip_address(address)) is True


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.1/",
        "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://0/", "http://0.0.0.0/",
        "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "https://10.0.0.1/",
    ],
)  # fmt: skip
def test_no_way_of_writing_it_reaches_this_machine(url: str, numbers: None) -> None:
    """Also written decimal, octal, hexadecimal, shortened, or mapped into IPv6."""
    with pytest.raises((NotPermitted, Unavailable)):
        resolve(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)", "http://", "http:///x", "example.com",
        "http://user:secret@example.com/", "http://user@example.com/", "http://exa mple.com/", "http://example.com/\n", "http://example.com:99999/",
        "http://example.com\\@127.0.0.1/", "http://[::1/", "http://" + "a" * 2_100 + ".com/",
    ],
)  # fmt: skip
def test_what_is_no_plain_http_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        resolve(url)


def test_other_ports_are_refused(names: dict[str, list[str]]) -> None:
    names["example.com"] = ["93.184.215.14"]
    with pytest.raises(NotPermitted):
        resolve("http://example.com:22/")


def test_one_private_address_among_public_ones_refuses_the_name(names: dict[str, list[str]]) -> None:
    names["mixed.example"] = ["93.184.215.14 10.0.0.1"]
    with pytest.raises(NotPermitted):
        resolve("http://mixed.example/")


def test_the_connection_goes_to_the_checked_address_and_asks_for_the_name(names: dict[str, list[str]]) -> None:
    """A name cannot mean something else a moment later: it is looked up once."""
    names["rebind.example"] = ["93.184.215.14", "127.0.0.1"]
    target = resolve("https://rebind.example/a?b=c#d")
    assert target.dial == "https://93.184.215.14:443/a?b=c"
    assert target.authority == "rebind.example"
    with pytest.raises(NotPermitted):
        resolve("https://rebind.example/a")


def test_the_console_is_not_fetched_by_its_name_or_its_address(names: dict[str, list[str]], settings: Any) -> None:
    """THREATS 25: an agent must not reach what decides about it."""
    settings.COUNTERSIGN_PUBLIC_URL = "https://console.example"
    names |= {"console.example": ["93.184.215.14"], "other.example": ["93.184.215.14"], "third.example": ["93.184.215.15"]}
    for url in ("https://console.example/api/v1/approvals", "https://CONSOLE.example./", "https://other.example/"):
        with pytest.raises((NotPermitted, Unavailable)):
            resolve(url)
    assert resolve("https://third.example/").address == "93.184.215.15"


def test_loopback_is_opened_by_tests_alone(settings: Any) -> None:
    settings.FETCH_ALLOW_LOOPBACK = True
    settings.COUNTERSIGN_TEST = False
    with pytest.raises(ImproperlyConfigured):
        resolve("http://127.0.0.1/")


def test_a_page_becomes_its_article_and_taints(site: str) -> None:
    html = b"<html><head><title>Drift</title><script>bad()</script></head><body><article><h1>Drift</h1><p>" + (
        b"The balance drifted by 0.8 milligrams in May, and the load cells were replaced. " * 5
    )
    Pages.pages["/a"] = (200, {"Content-Type": "text/html; charset=utf-8"}, html + b"</p></article></body></html>")
    outcome = call("fetch_url", url=f"{site}/a")
    told = json.loads(outcome.text)["result"]
    assert "0.8 milligrams" in told["text"]
    assert "bad()" not in told["text"]
    assert (told["title"], outcome.trust) == ("Drift", "untrusted")
    assert outcome.sources[0]["ref"] == f"{site}/a"


def test_a_long_page_is_read_part_by_part(site: str) -> None:
    Pages.pages["/long"] = (200, {"Content-Type": "text/plain"}, b"a" * 9_000 + b"b" * 100)
    first = json.loads(call("fetch_url", url=f"{site}/long").text)["result"]
    assert first["next_offset"] == 9_000
    rest = json.loads(call("fetch_url", url=f"{site}/long", offset=9_000).text)["result"]
    assert rest["text"] == "b" * 100
    assert "next_offset" not in rest


def test_each_redirect_is_checked_again(site: str, numbers: None) -> None:
    """THREATS 54: a public page that redirects inside."""
    Pages.pages["/away"] = (302, {"Location": "http://169.254.169.254/latest/meta-data/"}, b"")
    outcome = call("fetch_url", url=f"{site}/away")
    assert outcome.error_type == "not_permitted"
    Pages.pages["/file"] = (302, {"Location": "file:///etc/passwd"}, b"")
    assert call("fetch_url", url=f"{site}/file").error_type == "invalid_input"


def test_redirects_are_followed_and_bounded(site: str) -> None:
    Pages.pages |= {"/1": (301, {"Location": "/2"}, b""), "/2": (200, {"Content-Type": "text/plain"}, b"there")}
    assert json.loads(call("fetch_url", url=f"{site}/1").text)["result"]["url"] == f"{site}/2"
    Pages.pages["/loop"] = (302, {"Location": "/loop"}, b"")
    assert "redirects more than" in call("fetch_url", url=f"{site}/loop").text


def test_the_host_header_names_the_host_that_was_asked_for(site: str) -> None:
    port = site.rpartition(":")[2]
    Pages.pages["/h"] = (200, {"Content-Type": "text/plain"}, b"x")
    call("fetch_url", url=f"http://localhost:{port}/h")
    assert Pages.asked == [("/h", f"localhost:{port}")]


def test_sizes_types_and_failures_are_plain_errors(site: str) -> None:
    Pages.pages |= {
        "/big": (200, {"Content-Type": "text/plain"}, b"x" * (LARGEST + 10)),
        "/image": (200, {"Content-Type": "image/png"}, b"x"),
        "/broken": (500, {"Content-Type": "text/plain"}, b"x"),
        "/zip": (200, {"Content-Type": "text/plain", "Content-Encoding": "gzip"}, b"not gzip"),
    }
    errors = {path: call("fetch_url", url=site + path).error_type for path in ("/big", "/image", "/broken", "/missing", "/zip")}
    assert errors == {
        "/big": "api_error", "/image": "not_permitted", "/broken": "api_error", "/missing": "api_error", "/zip": "unavailable",
    }  # fmt: skip


def test_nobody_there_is_unavailable(site: str) -> None:
    assert call("fetch_url", url="http://127.0.0.1:1/").error_type == "unavailable"


def test_web_search_says_itself_that_it_is_not_there(settings: Any, fresh_database: FreshDatabase) -> None:
    """TOOL-7."""
    settings.SEARCH_URL = ""
    outcome = call("web_search", query="drift")
    assert (outcome.error_type, outcome.sure) == ("unavailable", True)
    assert "library" in outcome.hint
    assert (outcome.trust, outcome.sources) == ("trusted", [])


def test_web_search_asks_the_configured_provider(site: str, settings: Any) -> None:
    settings.SEARCH_URL = f"{site}/"
    found = {"results": [{"title": "T", "url": "http://x.example/", "content": "c", "score": 1}, "odd"]}
    Pages.pages["/search?q=load+cell+%26+glue&format=json"] = (
        200,
        {"Content-Type": "application/json"},
        json.dumps(found).encode(),
    )
    outcome = call("web_search", query="load cell & glue")
    assert json.loads(outcome.text)["result"]["results"] == [{"title": "T", "url": "http://x.example/", "snippet": "c"}]
    assert outcome.trust == "untrusted"


@pytest.mark.parametrize(
    ("answer", "error_type"),
    [
        ((503, {}, b"x"), "unavailable"),  # what its breaker counts
        ((429, {}, b"x"), "api_error"),
        ((200, {}, b"<html>"), "api_error"),
        ((200, {}, b"[]"), "api_error"),
    ],
)
def test_a_search_provider_that_fails_is_told(site: str, settings: Any, answer: Any, error_type: str) -> None:
    settings.SEARCH_URL = site
    Pages.pages["/search?q=x&format=json"] = answer
    assert call("web_search", query="x").error_type == error_type
    settings.SEARCH_URL = "http://127.0.0.1:1"
    assert call("web_search", query="x").error_type == "unavailable"
