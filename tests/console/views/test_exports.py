"""The pages of exports: asked for by a form, watched, and downloaded."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import User
from django.test import Client

from audit.exports import exports, work
from audit.exports.models import Export
from audit.index import index_log
from audit.note import Signer
from audit.seal import origin, seal
from audit.services import record
from tests.audit.conftest import entry

SignedIn = Callable[[User | None], Client]
PAGE = "/audit/exports/"


def html(answer: Any, status: int = 200) -> str:
    """What a page says."""
    assert answer.status_code == status, answer.status_code
    return str(answer.content.decode())


@pytest.fixture
def client(db: None, audrey: User, signed_in: SignedIn) -> Client:
    """Audrey's browser, and a log."""
    record([entry() for _ in range(5)])
    return signed_in(audrey)


def make() -> None:
    """Sign the log and make what was asked for."""
    index_log(patience_ms=2000)
    seal(Signer(origin(), Ed25519PrivateKey.from_private_bytes(bytes(range(32)))))
    row = work.claim()
    assert row is not None
    work.make(row, until=time.monotonic() + 600)


def test_what_the_trail_shows_is_exported_with_its_filter(client: Client) -> None:
    trail = html(client.get("/audit/?stream=session:S-1&from=2020-01-01"))
    assert "/audit/exports/?stream=session%3AS-1&amp;from=2020-01-01" in trail
    form = html(client.get(f"{PAGE}?stream=session:S-1&from=2020-01-01"))
    assert 'value="session:S-1"' in form
    assert 'value="2020-01-01T00:00"' in form
    assert "Nothing was exported yet" in form

    answer = client.post(PAGE, {"stream": "session:S-1", "from": "2020-01-01", "format": "bundle"})
    assert answer.headers["Location"] == f"{PAGE}EX-1/"
    row = Export.objects.get()
    assert row.filter == {"stream": "session:S-1", "since": "2020-01-01T00:00:00.000000Z"}
    going = html(client.get(f"{PAGE}EX-1/"))
    assert "Waits" in going
    assert "js/going.js" in going
    assert "data-going" in html(client.get(f"{PAGE}EX-1/?fragment=export"))
    make()
    ready = html(client.get(f"{PAGE}EX-1/"))
    assert "/api/v1/audit/exports/EX-1/file" in ready
    assert "data-going" not in ready
    assert exports.export_numbered("EX-1").sha256 in ready
    file: Any = client.get("/api/v1/audit/exports/EX-1/file")
    assert b"".join(file.streaming_content)[:2] == b"\x1f\x8b"
    assert "EX-1" in html(client.get(PAGE))


@pytest.mark.parametrize(
    "wrong", [{"from": "soon"}, {"kind": "nothing.there"}, {"format": "xlsx"}, {"tool": "x" * 65}, {"session": "S-1 or all"}]
)
def test_a_filter_that_cannot_be_read_asks_for_nothing(client: Client, wrong: dict[str, str]) -> None:
    """What is not understood must not widen what leaves the house."""
    page = html(client.post(PAGE, {"format": "bundle", "stream": "session:S-1", **wrong}), 422)
    assert "so nothing is exported" in page
    assert 'value="session:S-1"' in page
    assert not Export.objects.exists()


def test_an_end_before_the_beginning_is_told_where_it_stands(client: Client) -> None:
    page = html(client.post(PAGE, {"format": "bundle", "from": "2026-02-01", "to": "2026-01-01"}), 422)
    assert 'id="x-to-error"' in page
    assert 'value="2026-02-01T00:00"' in page
    assert not Export.objects.exists()


def test_too_many_are_refused_beside_the_form(client: Client) -> None:
    for _ in range(3):
        client.post(PAGE, {"format": "csv"})
    assert "still being made" in html(client.post(PAGE, {"format": "csv"}), 429)


def test_an_export_is_cancelled_and_a_file_deleted_by_a_button(client: Client) -> None:
    client.post(PAGE, {"format": "csv"})
    make()
    client.post(PAGE, {"format": "csv"})
    assert "Delete the file" in html(client.get(f"{PAGE}EX-1/"))
    assert "Cancel this export" in html(client.get(f"{PAGE}EX-2/"))
    for ref in ("EX-1", "EX-2"):
        assert client.post(f"{PAGE}{ref}/cancel/").headers["Location"] == f"{PAGE}{ref}/"
    assert "The file of EX-1 is deleted." in html(client.get(f"{PAGE}EX-1/"))
    assert {row.status for row in Export.objects.all()} == {"expired", "cancelled"}
    html(client.get(f"{PAGE}EX-9/"), 404)


def test_the_tab_and_the_link_are_for_those_who_may_export(client: Client, olga: User, signed_in: SignedIn) -> None:
    assert PAGE in html(client.get("/audit/"))
    assert PAGE not in html(signed_in(olga).get("/audit/"))
