"""Who is told of what is done in somebody's place, and that the glass was broken (APPR-6, THREATS 60)."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from approvals import claims
from approvals.covers import Wish, agree
from approvals.document import DEFAULT_POLICY
from approvals.policies import save
from approvals.services import Glass, decide
from console.reach import sender
from tests.approvals.test_break_glass import REASON
from tests.console.reach.conftest import PostOffice, Wants
from tests.console.reach.test_outbox import ask
from tests.flows.conftest import World, actor_of, person_of


def test_the_deputy_is_told_what_was_given_to_the_absent(
    world: World, remy: User, rosa: User, post: PostOffice, wants: Wants
) -> None:
    """Otherwise it would wait for somebody who is away."""
    wish = Wish(absent=person_of(remy), deputy=person_of(rosa), until=timezone.now() + timedelta(days=1))
    agree(wish, person=person_of(remy), actor=actor_of(remy))
    wants(rosa, "email", occasions=("assigned",))
    (request,) = ask(world)
    claims.assign(request_id=request.pk, to=person_of(remy), person=person_of(world.olga), actor=actor_of(world.olga))
    sender.round_trip()
    (mail,) = post.mails
    assert mail["To"] == rosa.email


def test_everybody_with_a_channel_is_told_that_the_glass_was_broken(
    world: World, ada: User, vic: User, post: PostOffice, wants: Wants
) -> None:
    """Whatever else they chose to hear of; not who broke it, and the reason stays on the page."""
    document: Any = DEFAULT_POLICY.model_dump(mode="json")
    document["tiers"]["irreversible_write"]["required"] = 2
    save({**document, "break_glass": {"enabled": True}}, note="Emergencies", actor=actor_of(ada))
    wants(vic, "email", occasions=())
    wants(ada, "email", occasions=())
    (request,) = ask(world)
    decide(
        request_id=request.pk, person=person_of(ada), actor=actor_of(ada), verdict="approve", digest=request.digest,
        glass=Glass(REASON, request.ref),
    )  # fmt: skip
    sender.round_trip()
    (mail,) = post.mails
    assert (mail["To"], mail["Subject"]) == (vic.email, f"The glass was broken for {request.ref}")
    assert "Ada approved a call of send_email alone" in post.text()
    assert REASON not in post.text()
