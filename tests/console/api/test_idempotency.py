"""Repeated requests: one effect, one answer."""

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now

from console.api.idempotency import Once
from console.models import ApiToken, StoredAnswer
from tests.console.api.calls import Program, refused

NEW = {"scopes": ["sessions:read"], "label": "nightly"}


@pytest.mark.django_db
def test_the_same_key_and_body_give_the_same_answer(olga: User) -> None:
    """API.md, Manners: also of an answer whose secret is stored nowhere else."""
    program = Program(olga)
    first, second = program.post("/tokens", NEW, key="k1"), program.post("/tokens", NEW, key="k1")
    assert (first.status_code, first.content) == (second.status_code, second.content) == (201, first.content)
    assert second["Idempotency-Replayed"] == "true"
    assert ApiToken.objects.filter(label="nightly").count() == 1


@pytest.mark.django_db
def test_the_same_key_with_another_request_is_refused(olga: User) -> None:
    """A client's mistake must not look like a success."""
    program = Program(olga)
    program.post("/tokens", NEW, key="k1")
    refused(program.post("/tokens", {**NEW, "label": "other"}, key="k1"), 422, "idempotency_key_reused")


@pytest.mark.django_db
def test_keys_belong_to_who_sent_them(olga: User, vic: User) -> None:
    """Nobody reads another's answer by guessing a key."""
    mine, theirs = Program(olga).post("/tokens", NEW, key="k1"), Program(vic).post("/tokens", NEW, key="k1")
    assert mine.json()["id"] != theirs.json()["id"]


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["a b", "ä", "x" * 201])
def test_keys_are_bounded(olga: User, key: str) -> None:
    """1 to 200 visible ASCII characters."""
    refused(Program(olga).post("/tokens", NEW, key=key), 422, "invalid_idempotency_key")


@pytest.mark.django_db
def test_a_refused_request_is_tried_anew(ada: User) -> None:
    """A failure leaves no trace under its key."""
    program = Program(ada, ["tokens:write", "sessions:read"])
    wide = {"scopes": ["stop:write"]}
    refused(program.post("/tokens", wide, key="k1"), 403, "token_wider_than_caller")
    assert not StoredAnswer.objects.exists()
    assert program.post("/tokens", NEW, key="k1").status_code == 201


@pytest.mark.django_db
def test_stored_answers_tell_a_reader_of_the_table_nothing(olga: User) -> None:
    """They hold secrets for a day: encrypted under the client's own key."""
    secret = Program(olga).post("/tokens", NEW, key="k1").json()["token"]
    row = StoredAnswer.objects.get()
    assert secret.encode() not in bytes(row.body)
    assert "k1" not in row.key_hash
    assert secret.encode() in Once(row.caller, "k1", row.key_hash, row.request_hash).cipher().decrypt(bytes(row.body))


@pytest.mark.django_db
def test_a_key_is_forgotten_after_a_day(olga: User) -> None:
    """And the table does not grow for ever."""
    program = Program(olga)
    program.post("/tokens", NEW, key="k1")
    connection.cursor().execute("UPDATE console_storedanswer SET created_at = created_at - interval '25 hours'")
    assert program.post("/tokens", {**NEW, "label": "other"}, key="k1").status_code == 201
    assert StoredAnswer.objects.filter(created_at__gt=Now()).count() == 0


def test_duplicates_at_the_same_time_have_one_effect(fresh_database: Any, olga: User) -> None:
    """THREATS 16: a double click waits for the first and gets its answer."""
    programs = [Program(olga) for _ in range(1)] * 6
    answers: list[Any] = []

    def send(program: Program) -> None:
        try:
            answers.append(program.post("/tokens", NEW, key="k1"))
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(program,)) for program in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.content for answer in answers}) == 1
    assert ApiToken.objects.filter(label="nightly").count() == 1
