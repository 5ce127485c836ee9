"""Entries reach a receiver by signed webhook: in order, never where they must not, seen and steered by page and API."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from standardwebhooks import Webhook, WebhookVerificationError

from audit import feed
from audit.feed import head
from audit.index import index_log
from audit.push import targets
from audit.push.models import PushTarget
from audit.services import record
from console.reach import pushing, sender
from console.reach.occasions import listener, tellings
from tests.audit.conftest import REMY, entry
from tests.console.api.calls import Program, refused
from tests.console.reach.receiving import Receiver, receiving
from tests.console.views.conftest import signed_in

__all__ = ["signed_in"]

FORM = {"name": "archive", "way": "webhook", "address": "https://archive.example/in", "kinds": "", "start": ""}


@pytest.fixture
def archive(settings: Any) -> Iterator[Receiver]:
    """A running receiver whose host an operator allowed."""
    settings.WEBHOOK_ALLOW_HOSTS = frozenset({"127.0.0.1"})
    with receiving() as here:
        yield here


def places(archive: Receiver) -> list[int]:
    """The log indexes in the order in which they came."""
    return [one["i"] for _, body in archive.came for one in json.loads(body)["data"]["entries"]]


def happen(count: int) -> None:
    """Let things happen."""
    for _ in range(count):
        record([entry()])
    index_log()


def target(archive: Receiver, **more: Any) -> PushTarget:
    """Push everything to the receiver."""
    return targets.create(actor=REMY, **{"name": "archive", "way": "webhook", "address": archive.url, "start": 1, **more})


def due_now() -> None:
    """Let back-offs be over."""
    PushTarget.objects.update(ready_at=Now())


def test_a_receiver_gets_every_entry_signed_and_in_order(db: None, archive: Receiver) -> None:
    """By the loop that sends everything else too; nobody else's secret verifies."""
    row = target(archive)
    happen(4)
    sender.round_trip()
    assert places(archive) == list(range(1, head() + 1))
    ((headers, body),) = archive.came
    assert headers["webhook-id"] == f"{row.pk.hex}-1-{head()}"
    told = Webhook(targets.secrets(row)[0]).verify(body, headers)
    assert told["type"] == "audit.entries"
    other = target(archive, name="other")
    with pytest.raises(WebhookVerificationError):
        Webhook(targets.secrets(other)[0]).verify(body, headers)
    sender.round_trip()


def test_what_is_not_taken_comes_again_and_nothing_overtakes_it(db: None, archive: Receiver) -> None:
    """The receiver knows a repeat by its place in the log."""
    target(archive)
    happen(2)
    archive.statuses = [500]
    pushing.push_due()
    assert targets.get("archive").error == "The receiver answered 500."
    happen(2)
    pushing.push_due()
    assert places(archive) == [1, 2, 3], "it waits before it tries again"
    due_now()
    pushing.push_due()
    assert places(archive) == [1, 2, 3, 1, 2, 3, 4, 5]


def test_a_private_address_is_not_called(db: None, archive: Receiver, settings: Any) -> None:
    """However it came into the row: what an operator did not allow is judged at each attempt."""
    target(archive)
    happen(1)
    settings.WEBHOOK_ALLOW_HOSTS = frozenset()
    pushing.push_due()
    assert archive.came == []
    assert "not a public address" in targets.get("archive").error


def test_an_admin_adds_it_and_steers_it(
    db: None, archive: Receiver, signed_in: Callable[[User | None], Client], ada: User, audrey: User, settings: Any
) -> None:
    """The secret is shown once; an auditor sees the host and how far it is."""
    page = signed_in(ada)
    wrong = page.post("/audit/push/", {**FORM, "address": "http://archive.example/in"})
    assert wrong.status_code == 422
    assert "not encrypted" in wrong.content.decode()
    assert page.post("/audit/push/", {**FORM, "kinds": "nothing.happened"}).status_code == 422
    made = page.post("/audit/push/", {**FORM, "address": archive.url, "start": "1"}).content.decode()
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", made)
    assert secret
    assert secret[0] == targets.secrets(targets.get("archive"))[0]
    assert "whsec_" not in page.get("/audit/push/").content.decode()
    index_log()
    pushing.push_due()
    seen = signed_in(audrey).get("/audit/push/").content.decode()
    assert "Up to date" in seen
    assert "/in" not in re.sub(r"<[^>]+>", " ", seen)
    for act, status in (("pause", "paused"), ("resume", "active")):
        assert page.post("/audit/push/archive/", {"act": act}).status_code == 302
        assert targets.get("archive").status == status
    assert page.post("/audit/push/archive/", {"act": "rewind", "start": "x"}).status_code == 422
    assert page.post("/audit/push/archive/", {"act": "rewind", "start": "999999"}).status_code == 422
    assert page.post("/audit/push/archive/", {"act": "rewind", "start": "1"}).status_code == 302
    assert targets.get("archive").cursor == 0
    assert "whsec_" in page.post("/audit/push/archive/", {"act": "rotate"}).content.decode()
    assert page.post("/audit/push/archive/", {"act": "end"}).status_code == 302
    assert "Nothing is pushed" in page.get("/audit/push/").content.decode()
    assert page.post("/audit/push/archive/", {"act": "pause"}).status_code == 404


def test_the_api_does_the_same(db: None, archive: Receiver, ada: User, audrey: User, settings: Any, tmp_path: Path) -> None:
    """Made, listed, paused, resumed, sent again, given a secret, ended; a file has no secret."""
    program, reader = Program(ada), Program(audrey)
    form = {"name": "archive", "way": "webhook", "address": archive.url, "start": 1}
    made = program.post("/audit/push", form, key="once")
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    refused(program.post("/audit/push", form), 422, "invalid_push")
    (row,) = reader.get("/audit/push").json()["items"]
    assert (row["address"], row["status"], row["cursor"]) == ("127.0.0.1", "active", 0)
    assert program.post("/audit/push/archive/pause").json()["status"] == "paused"
    assert program.post("/audit/push/archive/resume").json()["status"] == "active"
    assert program.post("/audit/push/archive/rewind", {"start": 1}).json()["cursor"] == 0
    assert program.post("/audit/push/archive/rotate").json()["secret"] != made.json()["secret"]
    assert program.post("/audit/push/archive/end").json()["status"] == "ended"
    refused(program.post("/audit/push/archive/resume"), 404, "unknown_push")
    settings.AUDIT_PUSH_DIR = tmp_path / "push"
    index_log()
    kept = program.post("/audit/push", {"name": "lines", "way": "file", "address": "lines.jsonl"})
    assert (kept.status_code, kept.json()["secret"]) == (201, None)
    index_log()
    pushing.push_due()
    assert '"kind":"push.created"' in json.loads((tmp_path / "push" / "lines.jsonl").read_text().splitlines()[0])["body"]
    assert reader.post("/audit/push", form).status_code == 403


def test_people_are_told_that_it_was_stopped(db: None, archive: Receiver, ada: User, audrey: User, vic: User) -> None:
    """Whoever verifies the log hears of it, and is taken to the page."""
    target(archive)
    happen(1)
    archive.statuses = [410]
    pushing.push_due()
    index_log()
    events = feed.read(0)
    told = tellings(events, [listener(user, ["audit"]) for user in (ada, audrey, vic)])
    assert {one.user_id for one in told} == {ada.pk, audrey.pk}
    assert (told[0].path, "not pushed to archive" in told[0].text) == ("/audit/push/", True)
