"""How far the signed log is behind, and that people are told once where it is too far. AUDIT-3, OBS-5."""

from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import DatabaseError, connection, transaction

from audit import lag, tampering
from audit.index import index_log
from audit.lag import Sealed, is_late, sealed
from audit.models import AuditEntry
from audit.note import Signer
from audit.seal import origin, seal
from audit.sealer import Sealer
from audit.services import record
from tests.audit.conftest import entry


@pytest.fixture
def signer(fresh_database: Any) -> Signer:
    return Signer(origin(), Ed25519PrivateKey.from_private_bytes(bytes(32)))


def count(kind: str) -> int:
    return AuditEntry.objects.filter(kind=kind).count()


def test_a_log_that_was_never_signed_is_not_late(fresh_database: Any) -> None:
    assert sealed() == Sealed(0, None, 0, 0.0)
    record([entry()])
    index_log()
    found = sealed()
    assert (found.size, found.head, found.behind) == (0, 1, 1)
    assert not is_late(found, 1)


def test_an_alarm_tells_once_that_entries_wait_too_long(signer: Signer, fresh_database: Any) -> None:
    record([entry()])
    seal(signer)
    assert sealed().behind == 0
    record([entry()])
    index_log()
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        raw.execute("UPDATE audit_entry SET at = at - interval '5 minutes'")
        raw.execute("ALTER TABLE audit_checkpoint DISABLE TRIGGER ALL")
        raw.execute("UPDATE audit_checkpoint SET at = at - interval '5 minutes'")
    assert not lag.watch(0)
    assert not lag.watch(3600)
    assert lag.watch(60)
    assert not lag.watch(60)
    assert count("alarm.seal_late") == 1


@pytest.mark.parametrize("crime", ["UPDATE audit_entry SET entry_hash = sha256(entry_hash)", "DELETE FROM audit_entry"])
def test_a_sealer_that_finds_the_log_forked_has_people_told_once(signer: Signer, fresh_database: Any, crime: str) -> None:
    record([entry("session:S-1"), entry("session:S-2")])
    seal(signer)
    record([entry("session:S-3")])
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        raw.execute(f"{crime} WHERE stream = 'session:S-1'")
    for _ in range(2):
        sealer = Sealer(signer)
        sealer.look()
    assert count("alarm.log_forked") == 1


def test_a_change_of_the_log_that_the_database_refuses_to_this_process_is_an_alarm(
    fresh_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUDIT-2: refused and raised. What came fast after each other is told of together."""
    monkeypatch.setattr(tampering._alarms, "_last", -tampering.EVERY_S)
    connection.close()
    record([entry()])
    for statement in ("UPDATE audit_entry SET kind = kind", "DELETE FROM audit_log_index"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    tampering.finish()
    alarm = AuditEntry.objects.get(kind="alarm.tampering")
    assert alarm.body_json["facts"] == {"table": "audit_entry", "statement": "UPDATE", "more": 0}


def test_what_is_refused_for_another_reason_is_no_tampering(fresh_database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tampering._alarms, "_last", -tampering.EVERY_S)
    connection.close()
    for statement in ("SELECT * FROM pg_authid", "SELECT 1 / 0", "SELECT * FROM audit_nothing"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    tampering.finish()
    assert count("alarm.tampering") == 0
