"""A log that was signed does not become one that never was: whoever deletes its checkpoints is found. AUDIT-3, THREATS.md section 4."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command
from psycopg.types.json import Jsonb

from audit import keys, migrations, rotation
from audit.actors import SYSTEM
from audit.events import EventKind
from audit.findings import open_finding
from audit.index import index_log
from audit.models import Cosignature
from audit.note import Signer
from audit.seal import origin, seal
from audit.services import record
from audit.verifications import begin, finished
from audit.verify import verify
from tests.audit.conftest import entry


@pytest.fixture
def superuser(fresh_database: Any) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who may do anything in the database, and took the triggers away."""
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        for table in ("audit_checkpoint", "audit_subtree"):
            raw.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        yield raw


def signed(count: int) -> int:
    """Write entries and sign the log; returns its size."""
    record([entry(f"session:S-{number % 3}") for number in range(count)])
    found = seal(Signer(origin(), Ed25519PrivateKey.from_private_bytes(bytes(32))))
    assert found is not None
    return found.size


def told() -> str:
    """What is wrong with the log."""
    found = verify()
    return found.first_bad.reason if found.first_bad else ""


def test_a_log_that_nobody_ever_signed_is_good(superuser: psycopg.Connection[Any]) -> None:
    record([entry() for _ in range(300)])
    index_log()
    assert finished(begin("whole", SYSTEM)).ok
    assert told() == ""


def test_all_checkpoints_deleted_is_found_by_command_and_page(
    superuser: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    size = signed(7)
    assert finished(begin("whole", SYSTEM)).ok
    superuser.execute("DELETE FROM audit_checkpoint")
    with pytest.raises(SystemExit) as left:
        call_command("verify_audit")
    assert left.value.code == 1
    assert f"the checkpoint of {size} entries is missing: the log was verified under it" in capsys.readouterr().err
    for what in ("whole", "incremental"):
        run = finished(begin(what, SYSTEM))
        assert run.first_bad is not None
        assert "is missing" in run.first_bad["reason"]
    assert open_finding() is not None


def test_a_log_that_is_signed_anew_misses_the_old_checkpoint(superuser: psycopg.Connection[Any]) -> None:
    """The sealer takes it for one that was never signed: its next checkpoint hides nothing."""
    size = signed(7)
    assert finished(begin("whole", SYSTEM)).ok
    superuser.execute("DELETE FROM audit_checkpoint")
    assert signed(2) > size
    assert told() == f"the checkpoint of {size} entries is missing: the log was verified under it"


def test_a_checkpoint_taken_out_from_between_two_is_missed(superuser: psycopg.Connection[Any]) -> None:
    """Nothing else was ever made under it: the one after it names it."""
    sizes = [signed(3) for _ in range(4)]
    assert told() == ""
    superuser.execute("DELETE FROM audit_checkpoint WHERE size = %s", [sizes[1]])
    assert told() == f"the checkpoint of {sizes[1]} entries is missing: the next one follows it"
    run = finished(begin("whole", SYSTEM))
    assert run.first_bad is not None
    assert run.first_bad["reason"] == told()
    superuser.execute("UPDATE audit_checkpoint SET follows = %s WHERE size = %s", [sizes[0], sizes[2]])
    assert told() == f"the checkpoint of {sizes[2]} entries does not follow the one before it"


RELINKED = """
WITH RECURSIVE link AS (
    (SELECT size, 0::bigint AS follows, sha256(decode(repeat('00', 32), 'hex') || sha256(convert_to(note, 'UTF8'))) AS chain
       FROM audit_checkpoint ORDER BY size LIMIT 1)
    UNION ALL
    SELECT n.size, l.size, sha256(l.chain || sha256(convert_to(n.note, 'UTF8'))) FROM link AS l
     CROSS JOIN LATERAL (SELECT size, note FROM audit_checkpoint WHERE size > l.size ORDER BY size LIMIT 1) AS n)
UPDATE audit_checkpoint AS c SET follows = l.follows, chain = l.chain FROM link AS l WHERE c.size = l.size"""


def test_a_chain_of_checkpoints_that_was_made_anew_is_not_the_one_that_was_verified(superuser: psycopg.Connection[Any]) -> None:
    """Each fits the one before it again; an entry of the log says how the chain ended then."""
    sizes = [signed(3) for _ in range(3)]
    assert finished(begin("whole", SYSTEM)).ok
    superuser.execute("DELETE FROM audit_checkpoint WHERE size = %s", [sizes[0]])
    superuser.execute(RELINKED)
    assert told() == f"the checkpoints up to that of {sizes[2]} entries are not those under which the log was verified"


def test_what_was_signed_before_there_was_a_chain_gets_one(fresh_database: Any) -> None:
    """The migration links what is kept, in its order."""
    sizes = [signed(3) for _ in range(3)]
    statement = (Path(migrations.__file__).parent / "checkpoints_v2.sql").read_text(encoding="utf-8")
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        links = raw.execute("SELECT size, follows, chain FROM audit_checkpoint ORDER BY size").fetchall()
        raw.execute("ALTER TABLE audit_checkpoint DROP follows, DROP chain")
        raw.execute(statement.replace("%(schema)s", "public").encode())
        assert raw.execute("SELECT size, follows, chain FROM audit_checkpoint ORDER BY size").fetchall() == links
    assert [row[:2] for row in links] == [(sizes[0], 0), (sizes[1], sizes[0]), (sizes[2], sizes[1])]
    assert told() == ""


def test_what_a_witness_signed_is_missed(superuser: psycopg.Connection[Any]) -> None:
    size = signed(5)
    Cosignature.objects.create(size=size, name="witness.example", key_id="00", line="", at="2026-01-01T00:00:00Z")
    assert told() == ""
    signed(5)
    superuser.execute("DELETE FROM audit_checkpoint WHERE size = %s", [size])
    assert told() == f"the checkpoint of {size} entries is missing: a witness signed it"


def test_what_an_export_was_made_under_is_missed(superuser: psycopg.Connection[Any]) -> None:
    size = signed(5)
    record([entry("exports", kind=EventKind.AUDIT_EXPORTED, facts={"export": "EX-1", "size": size})])
    assert told() == ""
    superuser.execute("DELETE FROM audit_checkpoint")
    assert told() == f"the checkpoint of {size} entries is missing: an export was made under it"


def test_subtrees_that_are_kept_tell_of_the_newest(superuser: psycopg.Connection[Any]) -> None:
    signed(200)
    size = signed(100)
    superuser.execute("DELETE FROM audit_checkpoint WHERE size = %s", [size])
    assert told() == "the checkpoint of 256 or more entries is missing: subtrees are kept that it signed"


def test_a_change_of_the_key_tells_of_all(superuser: psycopg.Connection[Any], tmp_path: Path, settings: Any) -> None:
    file = tmp_path / "seal.key"
    first = keys.make(file, origin())
    settings.SEAL_PUBLIC_KEY = [str(first.verifier())]
    record([entry()])
    seal(first)
    new = rotation.rotate(file)
    record([entry()])
    seal(new)
    assert told() == ""
    superuser.execute("DELETE FROM audit_checkpoint")
    assert told() == "all checkpoints are missing: the key that signs them was changed"


def test_what_stands_in_a_searched_copy_that_was_forged_breaks_nothing(superuser: psycopg.Connection[Any]) -> None:
    """The entry itself is named; a number that is none is no size."""
    size = signed(3)
    facts: list[dict[str, Any]] = [{"size": 1.5}, {"size": "many"}, {"size": None}, {"size": {}}, {"size": -5}, {"size": 0}, {}]
    record([entry("exports", kind=EventKind.AUDIT_EXPORTED, facts={"export": "EX-1", "size": size}) for _ in facts])
    superuser.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
    rows = superuser.execute("SELECT id FROM audit_entry WHERE kind = 'audit.exported' ORDER BY id").fetchall()
    for (id_,), said in zip(rows, facts, strict=True):
        superuser.execute(
            "UPDATE audit_entry SET body_json = jsonb_set(body_json, '{facts}', %s::jsonb) WHERE id = %s", [Jsonb(said), id_]
        )
    assert "searchable copy" in told()
