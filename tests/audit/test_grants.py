"""Rights of the two roles, and an installation that has only one: AUDIT-2."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connections

from audit.grants import CONTENT, READ_ONLY, grant
from console.local.paths import OWNER_ROLE
from console.local.postgres import Server
from console.local.roles import drop, provision

ROOT = Path(__file__).resolve().parents[2]


def rights(url: str) -> set[tuple[str, str]]:
    """What the application may do with the tables of the log."""
    query = """SELECT table_name, privilege_type FROM information_schema.role_table_grants
               WHERE grantee = 'countersign_app' AND table_name = ANY (%s)"""
    with psycopg.connect(url) as raw:
        return {(str(table), str(right)) for table, right in raw.execute(query, [[*READ_ONLY, CONTENT]]).fetchall()}


def test_granting_again_takes_back_what_was_given_beside_it(fresh_database: Any) -> None:
    before = rights(fresh_database.owner_url)
    with psycopg.connect(fresh_database.owner_url) as owner:
        owner.execute("GRANT INSERT, UPDATE, DELETE, TRUNCATE ON audit_entry, audit_content, audit_pending TO countersign_app")
    assert rights(fresh_database.owner_url) != before
    grant()
    connections["owner"].close()
    assert rights(fresh_database.owner_url) == before
    assert {right for _, right in before} == {"SELECT", "DELETE"}
    assert {table for table, right in before if right == "DELETE"} == {"audit_content"}


@pytest.fixture
def one_role(fresh_database: Any, postgres: Server) -> Iterator[dict[str, str]]:
    """The environment of an installation whose one role owns and works; its database is migrated."""
    name = f"{fresh_database.name}_one"
    provision(postgres, name)
    url = postgres.url(OWNER_ROLE, name)
    environment = {**fresh_database.environment, "DATABASE_URL": url, "DATABASE_OWNER_URL": url}
    manage(environment, "migrate", "--database=owner", "--verbosity=0")
    yield environment
    drop(postgres, name)


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Run a command of the installation."""
    run = [sys.executable, "manage.py", *arguments]
    return subprocess.run(run, cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=300).stdout


def test_one_role_alone_works_and_is_still_refused_by_triggers(one_role: dict[str, str]) -> None:
    write = "from tests.audit.conftest import entry; from audit.services import record; record([entry(), entry()])"
    manage(one_role, "shell", "--verbosity=0", "-c", write)
    assert manage(one_role, "verify_audit") == "The log verifies: 2 entries.\n"
    with psycopg.connect(one_role["DATABASE_URL"], autocommit=True) as raw:
        for statement in ("UPDATE audit_entry SET seq = seq", "DELETE FROM audit_stream", "TRUNCATE audit_log_index"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                raw.execute(statement.encode())
