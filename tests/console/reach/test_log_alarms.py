"""People who can do something about it are told that the audit log does not verify (OBS-5)."""

from typing import Any

import psycopg
from django.contrib.auth.models import User

from audit import index
from audit.actors import SYSTEM
from audit.verifications import begin, finished
from console.reach import sender
from console.reach.occasions import path_of
from tests.console.reach.conftest import PostOffice, Wants
from tests.flows.conftest import World


def test_auditors_are_told_once_of_a_log_that_does_not_verify(
    world: World, fresh_database: Any, audrey: User, vic: User, post: PostOffice, wants: Wants
) -> None:
    wants(audrey, "email")
    wants(vic, "email")
    sender.round_trip()
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        raw.execute("UPDATE audit_entry SET tool = 'nothing' WHERE id = (SELECT min(id) FROM audit_entry)")
    for _ in range(2):
        assert finished(begin("whole", SYSTEM)).ok is False
    index.finish()
    sender.round_trip()
    sender.round_trip()
    (mail,) = post.mails
    assert mail["To"] == audrey.email
    assert mail["Subject"] == "The audit log needs somebody"
    assert "The log does not verify" in post.text()
    assert path_of("audit:verification") == "/audit/verification/"
