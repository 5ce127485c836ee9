"""A worker whose leases ran out while it lived, and that takes its own sessions up again."""

import httpx2

from agents.models import Session, Turn
from audit.events import EventKind
from audit.models import AuditEntry
from tests.flows.conftest import World


def test_it_goes_on_with_a_session_once_and_lets_go_of_what_it_did_before(world: World) -> None:
    """LOOP-11: two tasks of one worker on one session would both hold its lease, and each ask and run what is next."""
    model = world.model_url.removesuffix("/v1")
    slow = {"kind": "slow", "match": "6 * 7", "seconds": 3, "count": 2}
    httpx2.post(f"{model}/_faults", json=slow).raise_for_status()
    before = httpx2.get(f"{model}/_stats").json()["requests"]
    session = world.start("What is 6 * 7? Calculate 6 * 7.")

    def late() -> bool:
        Session.objects.filter(status="running", attempts=1).update(lease_expires="2000-01-01T00:00:00Z")
        return AuditEntry.objects.filter(kind=EventKind.SESSION_RECLAIMED).exists() and world.idle()

    world.work(until=late)
    assert Session.objects.get(pk=session.pk).status == "waiting_input"
    assert "42" in world.answer_of(session)
    asked = httpx2.get(f"{model}/_stats").json()["requests"] - before
    assert asked == Turn.objects.filter(session=session).count() + 1, "only the question that was let go was asked in vain"
    assert AuditEntry.objects.filter(kind=EventKind.SESSION_RECLAIMED).count() == 1
    assert world.log_is_whole()
