"""Where policy says so, a version gets traffic once a second person agreed (PROMPT-2)."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from agents.errors import NotReleased, StaleRelease
from agents.models import PromptVersion, Release
from agents.prompts.asking import move, send, void_stale
from agents.prompts.releases import release, routed
from agents.prompts.rollback import rollback
from agents.prompts.versions import add_version
from approvals import policies
from approvals.errors import AlreadyDecided, NotYours
from approvals.models import ApprovalRequest
from approvals.policy import DEFAULT_POLICY
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of

SLUG = "research-assistant"


@pytest.fixture(autouse=True)
def _asks(world: World, paul: User) -> None:
    """Policy asks a second person; Paul wrote a version."""
    document = {**DEFAULT_POLICY.model_dump(mode="json"), "releases": {"second_person": True}}
    policies.save(document, note="Two of us.", actor=actor_of(world.olga))
    add_version(slug=SLUG, text="You do it better.", actor=actor_of(paul), user_id=paul.pk, note="Better.")


def ask(by: User, share: int = 25, **more: Any) -> ApprovalRequest:
    """Somebody wants to release Paul's version."""
    asked = send(slug=SLUG, version="1.0.1", share=share, actor=actor_of(by), user_id=by.pk, **more)
    assert isinstance(asked, ApprovalRequest)
    return asked


def live() -> dict[str, int]:
    """What goes where."""
    return {row.version.version: row.share for row in routed(SLUG).rows}


def test_an_approval_releases_the_version_in_the_same_transaction(world: World, ada: User, remy: User) -> None:
    """Neither who wrote it nor who asked; once, and the log names the request."""
    request = ask(ada, reason="Shorter answers.")
    assert live() == {"1.0.0": 100}
    for excluded in (ada, User.objects.get(first_name="Paul")):
        with pytest.raises(NotYours):
            world.decide(request, excluded, "approve")
    world.decide(request, remy, "approve", hold=True)
    request.refresh_from_db()
    assert (live(), request.status) == ({"1.0.0": 75, "1.0.1": 25}, "consumed")
    with pytest.raises(AlreadyDecided):
        world.decide(request, remy, "approve")
    assert Release.objects.filter(version__version="1.0.1").count() == 1
    entry = AuditEntry.objects.filter(stream=f"prompt:{SLUG}", kind="prompt.released").latest("seq").body_json
    assert request.ref in entry["ids"]
    assert entry["facts"]["reason"] == f"{request.ref}, asked by Ada. Shorter answers."
    assert world.log_is_whole()


def test_a_refusal_leaves_everything_as_it_is(world: World, ada: User, remy: User) -> None:
    request = ask(ada)
    world.decide(request, remy, "reject")
    assert live() == {"1.0.0": 100}
    assert PromptVersion.objects.get(version="1.0.1").status == "candidate"
    assert ask(ada).ref != request.ref


def test_a_version_that_is_set_aside_meanwhile_gets_nothing(world: World, ada: User, remy: User) -> None:
    """Its request is void; an approval in the moment between both is refused."""
    request = ask(ada)
    PromptVersion.objects.filter(version="1.0.1").update(status="retired")
    with pytest.raises(StaleRelease):
        world.decide(request, remy, "approve")
    PromptVersion.objects.filter(version="1.0.1").update(status="candidate")
    move(slug=SLUG, version="1.0.1", event="retire", actor=actor_of(ada))
    request.refresh_from_db()
    assert (request.status, live()) == ("void", {"1.0.0": 100})
    assert world.log_is_whole()


def test_one_release_of_a_prompt_waits_at_a_time(ada: User) -> None:
    """The second one is told which."""
    request = ask(ada)
    with pytest.raises(NotReleased, match=request.ref):
        ask(ada, share=50)


def test_a_request_is_stale_once_the_traffic_goes_another_way(world: World, ada: User, remy: User) -> None:
    """An approval that comes at the same moment is refused, and nothing of it is stored."""
    request = ask(ada)
    add_version(slug=SLUG, text="Another.", actor=actor_of(ada), user_id=ada.pk, note="Another.")
    release(slug=SLUG, version="1.0.2", share=100, actor=actor_of(ada))
    with pytest.raises(StaleRelease):
        world.decide(request, remy, "approve")
    assert request.decisions.count() == 0
    assert void_stale(SLUG) == 1
    request.refresh_from_db()
    assert (request.status, live()) == ("void", {"1.0.2": 100})
    assert world.log_is_whole()


def test_a_rollback_waits_for_nobody_and_voids_what_was_asked(world: World, ada: User, remy: User) -> None:
    first = ask(ada)
    world.decide(first, remy, "approve")
    second = ask(ada, share=100)
    rollback(slug=SLUG, reason="Worse after all.", running="finish", actor=actor_of(ada))
    second.refresh_from_db()
    assert (live(), second.status) == ({"1.0.0": 100}, "void")
