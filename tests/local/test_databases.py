"""The databases of the tests themselves: copies of one migrated template, under the application's role."""

import threading

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection, connections

from tests.conftest import FreshDatabase


@pytest.mark.django_db
def test_the_application_role_works_in_a_migrated_database(olga: User) -> None:
    """OPS-4: the role of pages and workers reads and writes, and owns nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, (SELECT tableowner FROM pg_tables WHERE tablename = 'auth_user')")
        assert cursor.fetchone() == ("countersign_app", "countersign_owner")
    assert [group.name for group in olga.groups.all()] == ["operator"]


def test_a_fresh_database_is_one_for_threads_and_other_processes(fresh_database: FreshDatabase, remy: User) -> None:
    """Rows committed here are seen by another thread and over the address given to other processes."""
    seen: list[int] = []

    def count() -> None:
        seen.append(User.objects.count())
        connections.close_all()

    thread = threading.Thread(target=count)
    thread.start()
    thread.join()
    with psycopg.connect(fresh_database.url) as other:
        row = other.execute("SELECT count(*) FROM auth_user").fetchone()
    assert seen == [1]
    assert row == (1,)


def test_a_fresh_database_begins_empty(fresh_database: FreshDatabase) -> None:
    """What the test before committed is gone."""
    assert User.objects.count() == 0


def test_the_application_role_may_not_make_or_truncate_tables(fresh_database: FreshDatabase) -> None:
    """AUDIT-2: the role has no right to shape the schema."""
    with psycopg.connect(fresh_database.url, autocommit=True) as other:
        for statement in ("CREATE TABLE mine (id int)", "TRUNCATE auth_user CASCADE", "DROP TABLE auth_user"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(statement)
