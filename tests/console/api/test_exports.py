"""Exports over the API: asked for, watched, downloaded whole or in pieces, cancelled; by whom, and with an entry each time."""

import asyncio
import hashlib
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import User
from django.test import AsyncClient

from audit.entry import Text
from audit.exports import exports, serving, work
from audit.exports.models import ExportPart
from audit.ids import uuid7
from audit.index import index_log
from audit.models import AuditEntry
from audit.note import Signer
from audit.seal import origin, seal
from audit.services import record
from console.downloads import range_of
from console.errors import RangeNotSatisfiable
from tests.audit.conftest import entry
from tests.audit.exports.reading import read
from tests.conftest import FreshDatabase, person
from tests.console.api.calls import ROOT, Program, refused


@pytest.fixture
def program(db: None, audrey: User) -> Program:
    """Audrey's program, and a log to export."""
    record([entry(texts=(Text(uuid7(), "goal", "Find it"),)), *(entry() for _ in range(20))])
    return Program(audrey)


def make() -> None:
    """Sign the log and make what was asked for."""
    index_log(patience_ms=2000)
    seal(Signer(origin(), Ed25519PrivateKey.from_private_bytes(bytes(range(32)))))
    row = work.claim()
    assert row is not None
    work.make(row, until=time.monotonic() + 600)


def body_of(answer: Any) -> bytes:
    """What was sent."""
    return b"".join(answer.streaming_content)


def said(kind: str) -> list[dict[str, Any]]:
    """The facts of the entries of a kind."""
    return [one["facts"] for one in AuditEntry.objects.filter(kind=kind).order_by("id").values_list("body_json", flat=True)]


def test_a_bundle_is_asked_for_made_and_downloaded(program: Program) -> None:
    answer = program.post("/audit/exports", {"filter": {"stream": "session:S-1"}})
    assert answer.status_code == 202, answer.content
    asked = answer.json()
    assert (asked["id"], asked["status"], asked["format"], asked["of"]) == ("EX-1", "queued", "bundle", None)
    refused(program.get("/audit/exports/EX-1/file"), 409, "export_not_ready")
    make()

    told = program.get("/audit/exports/EX-1").json()
    assert (told["status"], told["entries"], told["done"]) == ("ready", 21, told["of"])
    answer = program.get("/audit/exports/EX-1/file")
    data = body_of(answer)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/gzip")
    assert answer["Content-Disposition"] == 'attachment; filename="EX-1.countersign.jsonl.gz"'
    assert (answer["Content-Length"], answer["ETag"]) == (str(len(data)), f'"{told["sha256"]}"')
    assert hashlib.sha256(data).hexdigest() == told["sha256"]
    assert len(read(data).entries) == 21
    assert said("audit.export_downloaded") == [
        {"export": "EX-1", "kind": "bundle", "texts": False, "sha256": told["sha256"], "bytes": len(data), "first": 0,
         "last": len(data) - 1}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "place"),
    [({"kind": "nothing.there"}, "kind"), ({"from": "2026-02-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}, "to")],
)
def test_a_filter_that_nothing_could_fit_asks_for_nothing(program: Program, wrong: dict[str, str], place: str) -> None:
    """A slip of the pen must not become a bundle without entries that is good."""
    answer = program.post("/audit/exports", {"filter": wrong})
    refused(answer, 422, "invalid_export")
    assert answer.json()["errors"][0]["loc"] == ["body", "filter", place]
    told = refused(program.post("/audit/exports", {"filter": {"principal": "usr:7"}}), 422, "invalid_request")["errors"][0]
    assert told["loc"] == ["body", "filter", "principal"]
    assert program.get("/audit/exports").json()["items"] == []
    assert program.post("/audit/exports", {"filter": {"kind": "tool_call"}}).status_code == 202


def test_a_download_that_broke_off_goes_on_where_it_was(program: Program) -> None:
    """RFC 9110: Range with If-Range; any other file than the one begun with is sent whole."""
    program.post("/audit/exports", {})
    make()
    whole = program.get("/audit/exports/EX-1/file")
    data, tag = body_of(whole), whole["ETag"]

    def ranged(said: str, **more: str) -> Any:
        return program("GET", "/audit/exports/EX-1/file", Range=said, **more)

    rest = ranged("bytes=100-", **{"If-Range": tag})
    assert (rest.status_code, rest["Content-Range"], body_of(rest)) == (
        206,
        f"bytes 100-{len(data) - 1}/{len(data)}",
        data[100:],
    )
    for asked, found in (
        ("bytes=0-0", data[:1]),
        ("bytes=-5", data[-5:]),
        ("bytes=5-9", data[5:10]),
        (f"bytes=3-{10**15}", data[3:]),
    ):
        answer = ranged(asked)
        assert (answer.status_code, body_of(answer)) == (206, found), asked
        assert answer["Content-Length"] == str(len(found))
    for asked in ("bytes=0-1,3-4", "lines=1-2", "bytes=9-5", "bytes=-", "x"):
        assert (ranged(asked).status_code, body_of(ranged(asked))) == (200, data), asked
    other = ranged("bytes=100-", **{"If-Range": '"another"'})
    assert (other.status_code, body_of(other)) == (200, data)
    beyond = ranged(f"bytes={len(data)}-")
    refused(beyond, 416, "range_not_satisfiable")
    assert beyond["Content-Range"] == f"bytes */{len(data)}"
    same = program("GET", "/audit/exports/EX-1/file", **{"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    assert said("audit.export_downloaded")[1]["first"] == 100


@pytest.mark.parametrize("said", ["bytes=0-", "bytes=9-", "bytes=-10", "bytes=-99", "bytes=0-99"])
def test_a_range_lies_within_the_file(said: str) -> None:
    found = range_of(said, 10)
    assert found is not None
    assert 0 <= found[0] <= found[1] == 9


def test_a_range_without_a_byte_cannot_be_given() -> None:
    for said in ("bytes=10-", "bytes=-0"):
        with pytest.raises(RangeNotSatisfiable):
            range_of(said, 10)


def test_under_a_server_the_parts_are_read_one_after_the_other(fresh_database: FreshDatabase) -> None:
    """As daphne asks: the answer is an asynchronous stream, of no more than a part at once."""
    program = Program(person("audrey", "auditor"))
    record([entry() for _ in range(20)])
    program.post("/audit/exports", {})
    make()
    row = exports.export_numbered("EX-1")
    whole = b"".join(serving.parts(row, 0, row.bytes - 1))
    ExportPart.objects.all().delete()
    for start in range(0, len(whole), 300):
        ExportPart.objects.create(export=row, start=start, data=whole[start : start + 300])

    async def fetch() -> list[bytes]:
        answer: Any = await AsyncClient().get(
            f"{ROOT}/audit/exports/EX-1/file", headers={"Authorization": f"Bearer {program.made.secret}"}
        )
        return [part async for part in answer.streaming_content]

    parts = asyncio.run(fetch())
    assert b"".join(parts) == whole
    assert max(map(len, parts)) == 300


def test_raw_content_needs_its_own_right_when_asked_for_and_when_downloaded_and_is_noted_as_read(
    program: Program, audrey: User, olga: User
) -> None:
    """AUDIT-6, SECURITY.md: the file holds raw content."""
    asked = program.post("/audit/exports", {"texts": True}).json()
    assert asked["texts"] is True
    make()
    assert read(body_of(program.get("/audit/exports/EX-1/file"))).texts[0][1]["body"] == "Find it"
    assert said("audit.export_requested")[0]["texts"] is True
    assert said("content.read") == [{"item": "EX-1"}]
    refused(Program(olga).get("/audit/exports/EX-1/file"), 403, "forbidden")
    refused(Program(olga).post("/audit/exports", {}), 403, "forbidden")
    refused(Program(audrey, ["audit:read"]).post("/audit/exports", {}), 403, "forbidden")


def test_a_csv_holds_no_raw_content_and_is_named_as_such(program: Program) -> None:
    program.post("/audit/exports", {"format": "csv", "texts": True})
    make()
    answer = program.get("/audit/exports/EX-1/file")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="EX-1.csv"' in answer["Content-Disposition"]
    data = body_of(answer)
    assert data.startswith(b"index,time,kind,")
    assert b"Find it" not in data


def test_exports_are_listed_newest_first_and_cancelled_or_deleted(program: Program) -> None:
    for _ in range(3):
        program.post("/audit/exports", {})
    refused(program.post("/audit/exports", {}), 429, "too_many_exports")
    page = program.get("/audit/exports?limit=2").json()
    assert [one["id"] for one in page["items"]] == ["EX-3", "EX-2"]
    assert [one["id"] for one in program.get(f"/audit/exports?cursor={page['next_cursor']}").json()["items"]] == ["EX-1"]
    make()
    assert program.post("/audit/exports/EX-2/cancel").json()["status"] == "cancelled"
    assert program.post("/audit/exports/EX-1/cancel").json()["status"] == "expired"
    refused(program.get("/audit/exports/EX-1/file"), 410, "export_gone")
    refused(program.post("/audit/exports/EX-1/cancel"), 409, "export_ended")
    refused(program.get("/audit/exports/EX-9"), 404, "unknown_export")
    assert len(said("audit.export_deleted")) == len(said("audit.export_cancelled")) == 1


def test_the_same_key_asks_once(program: Program) -> None:
    one, two = (program.post("/audit/exports", {}, key="k1").json() for _ in range(2))
    assert one == two
    assert len(exports.exports(10)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"filter": {"sream": "x"}},
        {"format": "xlsx"},
        {"filter": {"q": "x" * 201}},
        {"filter": {"from": "yesterday"}},
        {"texts": "maybe"},
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_for_more_would_be_exported(program: Program, body: Any) -> None:
    refused(program.post("/audit/exports", body), 422, "invalid_request")
