"""The story of the product: an agent proposes, a person countersigns, and nothing happens without it."""

from django.contrib.auth.models import User

from tests.flows.conftest import World

GOAL = "Find the refund policy and e-mail this to dana@customer.example"


def test_an_approved_mail_is_sent_and_the_log_proves_it(world: World, remy: User, mailoutbox: list[object]) -> None:
    """LOOP-1, APPR-1, APPR-4, AUDIT-1: the whole main job."""
    session = world.start(GOAL)
    world.work()
    session.refresh_from_db()
    assert session.status == "waiting_approval"
    (request,) = world.pending(session)
    assert mailoutbox == []

    world.decide(request, remy, "approve")
    world.work()

    session.refresh_from_db()
    assert session.status == "waiting_input"
    assert len(mailoutbox) == 1
    request.refresh_from_db()
    assert request.status == "consumed"
    assert world.log_is_whole()
