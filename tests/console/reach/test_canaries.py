"""People who can do something about a prompt are told that a guard rolled its canary back (PROMPT-4)."""

from django.contrib.auth.models import User

from agents.models import CanaryWatch
from agents.prompts.guards import USUAL, Sample, findings, tripped
from agents.prompts.releases import release
from agents.prompts.versions import add_version
from agents.prompts.watching import roll_back
from audit import index
from audit.actors import SYSTEM
from console.reach import sender
from console.reach.occasions import path_of
from tests.console.reach.conftest import PostOffice, Wants
from tests.flows.conftest import World


def test_prompt_managers_are_told_once_that_a_guard_tripped(
    world: World, paul: User, vic: User, post: PostOffice, wants: Wants
) -> None:
    slug = "research-assistant"
    add_version(slug=slug, text="Worse.", actor=SYSTEM, user_id=None, note="Worse.")
    canary = release(slug=slug, version="1.0.1", share=10, actor=SYSTEM).canary
    assert canary is not None
    wants(paul, "email")
    wants(vic, "email")
    sender.round_trip()
    CanaryWatch.objects.create(release=canary)
    found = findings(USUAL, {"error": Sample(50, events=50)}, {"error": Sample(50, events=0)})
    worst = tripped(found)
    assert worst is not None
    roll_back(slug, canary, USUAL, found, worst)
    index.finish()
    sender.round_trip()
    sender.round_trip()
    (mail,) = post.mails
    assert mail["To"] == paul.email
    assert mail["Subject"] == "A canary was rolled back by itself"
    assert "1.0.1 of research-assistant did worse than allowed: error." in post.text()
    assert path_of(f"prompt:{slug}") == f"/prompts/{slug}/measures/"
