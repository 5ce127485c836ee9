"""Breakers in the database: counted over workers, one probe among all, held by people; every change has its entry."""

import subprocess
import sys

import pytest
from django.contrib.auth.models import User
from django.db import connection

from agents import breakers
from agents.errors import BadText, BreakerNotHeld
from agents.guardrails.breaker import Tally
from agents.models import Breaker
from audit.models import AuditEntry
from audit.verify import verify
from tests.conftest import FreshDatabase
from tests.flows.conftest import actor_of

KEY = "model:big"
DOWN = Tally(KEY, 5, detail="HTTP 503: down")
PROBER = """
import django, sys
django.setup()
from agents import breakers
print("ready", flush=True)
sys.stdin.readline()
print(breakers.probe("model:big", lease_s=30, by="w"), flush=True)
"""


def row() -> Breaker:
    """The breaker as it is."""
    return Breaker.objects.get(key=KEY)


def due() -> None:
    """Let the time until the next probe be over."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE agents_breaker SET retry_at = now() - interval '1 second'")


def kinds() -> list[str]:
    """What the log says of breakers."""
    return list(AuditEntry.objects.filter(stream="breaker").order_by("seq").values_list("kind", flat=True))


def test_five_failures_told_by_any_workers_open_it_with_an_entry(fresh_database: FreshDatabase) -> None:
    """GUARD-7: the count is shared; the entry says why and for how long."""
    for _ in range(4):
        breakers.tell([Tally(KEY, 1, detail="HTTP 500")])
    assert (row().status, row().failures, kinds()) == ("closed", 4, [])
    breakers.tell([Tally(KEY, 1, detail="HTTP 503: down")])
    opened = row()
    assert (opened.status, opened.reason, opened.detail) == ("open", "5 calls failed in a row.", "HTTP 503: down")
    entry = AuditEntry.objects.get(kind="breaker.opened")
    assert entry.body_json["facts"]["key"] == KEY
    assert entry.body_json["facts"]["seconds"] == 60
    assert verify().ok


def test_a_share_of_failures_opens_it_only_with_enough_calls(fresh_database: FreshDatabase) -> None:
    """Half of twenty within a minute; three of four is bad luck."""
    breakers.tell([Tally(KEY, 3, good=1, good_ago_s=0.0)])
    assert row().status == "closed"
    for _ in range(7):
        breakers.tell([Tally(KEY, 1, good=1, good_ago_s=0.0)])
    assert (row().status, row().window_calls, row().window_errors) == ("closed", 18, 10)
    breakers.tell([Tally(KEY, 1, good=1, good_ago_s=0.0)])
    assert (row().status, row().reason) == ("open", "11 of 20 calls failed within 60 s.")


def test_a_success_after_failures_ends_their_row(fresh_database: FreshDatabase) -> None:
    """Told once by whoever noticed; a success from before the failures says nothing."""
    breakers.tell([Tally(KEY, 4)])
    breakers.clear({KEY: 60.0})
    assert row().failures == 4
    breakers.clear({KEY: 0.0})
    assert row().failures == 0
    assert breakers.standings() == []


def test_eight_processes_that_ask_at_the_same_moment_get_one_probe(fresh_database: FreshDatabase) -> None:
    """GUARD-7: half-open is one row moved once; the losers are told so."""
    breakers.tell([DOWN])
    assert breakers.probe(KEY, lease_s=30, by="w") is None, "it is not due before it has cooled down"
    due()
    processes = [
        subprocess.Popen([sys.executable, "-c", PROBER], env=fresh_database.environment, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=300)[0].strip() for process in processes]
    assert sorted(told) == ["1", *["None"] * 7]
    assert kinds() == ["breaker.opened", "breaker.probed"]


def test_a_probe_that_goes_well_closes_it_and_one_that_fails_opens_it_for_longer(fresh_database: FreshDatabase) -> None:
    """60 s, 120 s, then closed and counting from nothing."""
    breakers.tell([DOWN])
    due()
    number = breakers.probe(KEY, lease_s=30, by="w")
    assert number == 1
    breakers.failed(KEY, number, "HTTP 502")
    (standing,) = breakers.standings()
    assert (standing.status, row().failed_probes, row().detail) == ("open", 1, "HTTP 502")
    assert 110 < standing.due_s <= 120
    due()
    second = breakers.probe(KEY, lease_s=30, by="w")
    assert second == 2
    breakers.passed(KEY, second)
    assert (row().status, row().failures, row().failed_probes) == ("closed", 0, 0)
    assert kinds() == ["breaker.opened", "breaker.probed", "breaker.opened", "breaker.probed", "breaker.closed"]


def test_a_prober_that_died_is_followed_by_another_and_heard_no_more(fresh_database: FreshDatabase) -> None:
    """The lease of a probe runs out; what the first one tells afterwards changes nothing."""
    breakers.tell([DOWN])
    due()
    first = breakers.probe(KEY, lease_s=30, by="dead")
    assert first == 1
    assert breakers.probe(KEY, lease_s=30, by="w") is None
    due()
    second = breakers.probe(KEY, lease_s=30, by="w")
    assert second == 2
    breakers.passed(KEY, first)
    assert row().status == "half_open"
    breakers.left(KEY, second)
    assert row().status == "open"
    assert breakers.probe(KEY, lease_s=30, by="w") == 3


def test_what_a_person_holds_is_not_moved_by_calls(fresh_database: FreshDatabase, olga: User) -> None:
    """Forced open lets nothing probe; forced closed counts and stays; released counts from nothing."""
    actor = actor_of(olga)
    held = breakers.force(key=KEY, closed=False, reason="The vendor is in maintenance.", actor=actor)
    assert (held.status, held.forced_name) == ("forced_open", "Olga")
    due()
    assert breakers.probe(KEY, lease_s=30, by="w") is None
    breakers.force(key=KEY, closed=True, reason="We know it works.", actor=actor)
    breakers.tell([DOWN, Tally("model:other", 1)])
    assert (row().status, row().failures) == ("forced_closed", 5)
    released = breakers.release(key=KEY, actor=actor)
    assert (released.status, released.failures, released.forced_name) == ("closed", 0, "")
    assert kinds() == ["breaker.forced", "breaker.forced", "breaker.released"]
    with pytest.raises(BreakerNotHeld):
        breakers.release(key=KEY, actor=actor)
    with pytest.raises(BadText):
        breakers.force(key=KEY, closed=False, reason=" ", actor=actor)


def test_a_person_who_holds_it_during_a_probe_is_not_overruled_by_it(fresh_database: FreshDatabase, olga: User) -> None:
    """The probe's good end comes too late."""
    breakers.tell([DOWN])
    due()
    number = breakers.probe(KEY, lease_s=30, by="w")
    breakers.force(key=KEY, closed=False, reason="Leave it.", actor=actor_of(olga))
    breakers.passed(KEY, number or 0)
    assert row().status == "forced_open"


def test_failures_of_many_breakers_are_told_in_any_order_without_a_deadlock(fresh_database: FreshDatabase) -> None:
    """Rows are locked in one order."""
    breakers.tell([Tally("tool:z", 1), Tally("tool:a", 1), DOWN])
    breakers.tell([DOWN, Tally("tool:a", 1), Tally("tool:z", 1)])
    assert {one.key: one.failures for one in breakers.standings()} == {KEY: 5, "tool:a": 2, "tool:z": 2}
