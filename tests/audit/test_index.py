"""Many writers at once: chains without forks, and one dense order of the log, of commits. AUDIT-3, THREATS.md section 4."""

import random
import threading
import time
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from audit.feed import head, read
from audit.index import CHANNEL, finish, index_log, index_soon
from audit.models import AuditEntry, AuditPending, LogIndex
from audit.services import record
from audit.verify import verify
from tests.audit.conftest import entry

WRITERS = 8
ROUNDS = 30


def run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_nothing_is_lost_and_nothing_forks_under_writers_that_roll_back(fresh_database: Any) -> None:
    """Indexers run all the while; at the end each committed entry has its number, and a writer's own stay in order."""
    committed: list[list[int]] = [[] for _ in range(WRITERS)]
    done = threading.Event()
    problems: list[BaseException] = []

    def write(number: int) -> None:
        dice = random.Random(number)
        try:
            for _ in range(ROUNDS):
                streams = dice.sample(["policy", "system", "session:S-1", f"session:S-{number + 10}"], dice.randint(1, 4))
                give_up = dice.random() < 0.3
                with transaction.atomic():
                    ids = [one.id for one in record([entry(stream) for stream in streams])]
                    transaction.set_rollback(give_up)
                if not give_up:
                    committed[number] += ids
                if dice.random() < 0.5:
                    index_log(patience_ms=dice.choice([0, 1000]))
        except BaseException as problem:
            problems.append(problem)
            raise
        finally:
            connection.close()

    def keep_indexing() -> None:
        try:
            while not done.is_set():
                index_log()
                assert_dense()
        except BaseException as problem:
            problems.append(problem)
            raise
        finally:
            connection.close()

    indexers = [threading.Thread(target=keep_indexing) for _ in range(2)]
    for thread in indexers:
        thread.start()
    run_all([threading.Thread(target=write, args=(number,)) for number in range(WRITERS)])
    done.set()
    for thread in indexers:
        thread.join()
    assert not problems
    last = index_log(patience_ms=5000)
    order = list(LogIndex.objects.order_by("log_index").values_list("entry_id", flat=True))
    assert sorted(order) == sorted(one for several in committed for one in several)
    assert last == len(order) == AuditEntry.objects.count()
    place = {id_: n for n, id_ in enumerate(order)}
    for own in committed:
        assert [place[id_] for id_ in own] == sorted(place[id_] for id_ in own)
    assert not AuditPending.objects.exists()
    assert verify().ok


def assert_dense() -> None:
    numbers = list(LogIndex.objects.order_by("log_index").values_list("log_index", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


def test_numbers_follow_commits_and_not_the_order_of_writing(fresh_database: Any) -> None:
    with psycopg.connect(fresh_database.url) as slow:
        slow_id = append_by_hand(slow, "session:S-1")
        (quick,) = record([entry("policy")])
        assert slow_id < quick.id
        assert index_log() == 1
        assert [event.stream for event in read(0)] == ["policy"]
        slow.commit()
    assert index_log() == 2
    assert [event.stream for event in read(0)] == ["policy", "session:S-1"]


def append_by_hand(raw: psycopg.Connection[Any], stream: str) -> int:
    """Append in a transaction that stays open."""
    body = bytes(template().body).replace(b'"stream":"policy"', f'"stream":"{stream}"'.encode())
    row = raw.execute("SELECT id FROM audit_append(%s::bytea[], NULL, NULL, NULL, NULL, NULL)", [[body]]).fetchone()
    assert row is not None
    id_: int = row[0]
    return id_


def template() -> AuditEntry:
    """The bytes of an entry that was never committed."""
    with transaction.atomic():
        record([entry("policy")])
        found = AuditEntry.objects.latest("id")
        transaction.set_rollback(True)
    return found


def test_writers_of_one_stream_wait_for_each_other_and_others_do_not(fresh_database: Any) -> None:
    with psycopg.connect(fresh_database.url) as first, psycopg.connect(fresh_database.url) as second:
        append_by_hand(first, "session:S-1")
        second.execute("SET lock_timeout = '200ms'")
        append_by_hand(second, "session:S-2")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            append_by_hand(second, "session:S-1")
        second.rollback()
        first.commit()
        append_by_hand(second, "session:S-1")
        second.commit()
    assert list(AuditEntry.objects.filter(stream="session:S-1").order_by("seq").values_list("seq", flat=True)) == [1, 2]


def test_two_that_make_the_same_streams_in_opposite_orders_do_not_deadlock(fresh_database: Any) -> None:
    names = [f"session:S-{n}" for n in range(20)]
    gate = threading.Barrier(4)
    problems: list[BaseException] = []

    def write(order: list[str]) -> None:
        try:
            gate.wait()
            for _ in range(5):
                record([entry(stream) for stream in order])
        except BaseException as problem:
            problems.append(problem)
            raise
        finally:
            connection.close()

    shuffled = [random.Random(n).sample(names, len(names)) for n in range(4)]
    run_all([threading.Thread(target=write, args=(order,)) for order in shuffled])
    assert not problems
    assert AuditEntry.objects.count() == 400


def test_who_finds_another_at_work_leaves_at_once_or_waits_as_told(fresh_database: Any) -> None:
    record([entry()])
    with psycopg.connect(fresh_database.url) as other:
        other.execute("SELECT audit_index()")
        started = time.monotonic()
        assert index_log() is None
        assert index_log(patience_ms=150) is None
        assert time.monotonic() - started >= 0.15
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("0",)
        other.rollback()
        assert head() == 0
    assert index_log(patience_ms=150) == 1


def test_an_idle_log_is_indexed_without_a_word(fresh_database: Any) -> None:
    with psycopg.connect(fresh_database.url, autocommit=True) as listener:
        listener.execute(f"LISTEN {CHANNEL}".encode())
        assert index_log() == 0
        record([entry(), entry()])
        assert index_log() == 2
        assert index_log() == 2
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, 'last')", [CHANNEL])
        assert [said.payload for said in listener.notifies(timeout=120, stop_after=2)] == ["2", "last"]


def test_indexing_waits_for_the_commit(fresh_database: Any) -> None:
    with transaction.atomic():
        record([entry()])
        index_soon()
        assert head() == 0
    assert head() == 1


def test_where_people_are_answered_nobody_waits_for_the_index(fresh_database: Any) -> None:
    """A process that keeps connections leaves it to a thread, even while another process is at it."""
    options = connection.settings_dict["OPTIONS"]
    record([entry()])
    options["pool"] = {"min_size": 1, "max_size": 2}
    try:
        with psycopg.connect(fresh_database.url) as other:
            other.execute("SELECT audit_index()")
            index_soon()
            assert head() == 0
            other.rollback()
        finish()
        assert head() == 1
    finally:
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has it
        del options["pool"]


def test_indexing_from_an_old_snapshot_is_refused(fresh_database: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(DatabaseError, match="read committed"):
            index_log()
