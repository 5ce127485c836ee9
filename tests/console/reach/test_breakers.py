"""People who can do something about a breaker are told once that it opened (GUARD-7)."""

from django.contrib.auth.models import User
from django.db.models.functions import Now

from agents import breakers
from agents.guardrails.breaker import Tally
from agents.models import Breaker
from audit import index
from console.reach import sender
from console.reach.occasions import path_of
from tests.console.reach.conftest import PostOffice, Wants
from tests.flows.conftest import World


def test_operators_are_told_that_a_breaker_opened_and_not_of_each_probe_that_fails(
    world: World, vic: User, post: PostOffice, wants: Wants
) -> None:
    wants(world.olga, "email")
    wants(vic, "email")
    sender.round_trip()
    breakers.tell([Tally("model:some-model", 20, detail="timeout")])
    index.finish()
    sender.round_trip()
    (mail,) = post.mails
    assert mail["To"] == world.olga.email
    assert mail["Subject"] == "A breaker opened"
    assert "Calls of the model some-model are not made until it answers again." in post.text()
    assert path_of("breaker:model:some-model") == "/breakers/"
    Breaker.objects.update(retry_at=Now())
    number = breakers.probe("model:some-model", lease_s=10, by="a worker")
    assert number is not None
    breakers.failed("model:some-model", number, "timeout")
    index.finish()
    sender.round_trip()
    assert len(post.mails) == 1
