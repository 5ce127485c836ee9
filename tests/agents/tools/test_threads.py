"""Blocking work runs in threads that keep few connections, and none that is broken (LOOP-2, TOOL-2)."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from agents.tools import threads


@pytest.fixture
def pool(fresh_database: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A pool of one thread on a database of its own; its connection is closed at the end."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        monkeypatch.setattr(threads, "_threads", executor)
        monkeypatch.setattr(threads, "_places", threading.Semaphore(1))
        yield fresh_database
        executor.submit(threads._close).result()


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        row: tuple[int] = cursor.fetchone()
    return row[0]


def run(work: Any = backend) -> Any:
    return asyncio.run(threads.in_thread(work))


def test_a_thread_keeps_its_connection_for_the_next_call(pool: Any) -> None:
    assert run() == run()


def test_no_more_connections_are_kept_than_there_are_places(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_places", threading.Semaphore(0))
    assert run() != run()


def test_a_connection_that_the_server_cut_is_replaced_unseen(pool: Any) -> None:
    first = run()
    with psycopg.connect(pool.superuser_url, autocommit=True) as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s)", [first])
        while superuser.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [first]).fetchone():
            threading.Event().wait(0.01)
    assert run() != first


def test_a_call_that_failed_gives_its_connection_back(pool: Any) -> None:
    first = run()
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)
    assert run() != first


def test_a_transaction_that_was_left_open_ends_with_the_call(pool: Any) -> None:
    def leave_open() -> int:
        transaction.set_autocommit(False)
        return backend()

    assert run(leave_open) != run()
    assert run(connection.get_autocommit) is True


def test_an_old_connection_is_replaced(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "KEEP_S", -1.0)
    assert run() != run()


def test_work_without_the_database_opens_no_connection(pool: Any) -> None:
    assert run(lambda: 5) == 5
    assert run(lambda: connection.connection) is None
