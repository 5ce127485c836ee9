"""People who can do something about a budget are told of its levels, each once (GUARD-3)."""

from django.contrib.auth.models import User

from agents import budgets
from agents.money import meter_round
from audit import index
from audit.actors import SYSTEM
from console.reach import sender
from tests.agents.test_money import wish
from tests.console.reach.conftest import PostOffice, Wants
from tests.flows.conftest import World


def test_operators_are_told_of_a_level_once_and_viewers_are_not(
    world: World, vic: User, post: PostOffice, wants: Wants
) -> None:
    wants(world.olga, "email")
    wants(vic, "email")
    sender.round_trip()
    budgets.create(scope="all", period="day", cap_microusd=100, at_cap="halt", reason="For a test.", actor=SYSTEM)
    asked = wish(60)
    meter_round("w", [], [asked])
    for _ in range(2):
        told = meter_round("w", [(asked.id, 60)], [wish(1)])
        budgets.tell(told["crossed"])
    index.finish()
    sender.round_trip()
    (mail,) = post.mails
    assert mail["To"] == world.olga.email
    assert mail["Subject"] == "A budget is being used up"
    assert "all agents per day: $0.00006 of $0.0001 spent" in post.text()
