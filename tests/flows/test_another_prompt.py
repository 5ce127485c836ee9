"""A session that makes no progress goes on with another version of its prompt, where a person answers its request so."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from agents import other_prompt
from agents.errors import BadText, NotStuck
from agents.models import Message, Prompt, PromptVersion, Recall, Release, Session
from agents.prompts.versions import checksum
from approvals.models import ApprovalRequest
from audit.errors import CountersignError
from audit.ids import uuid7
from audit.models import AuditEntry
from audit.verify import verify
from tests.console.api.calls import Program
from tests.console.views.conftest import signed_in
from tests.flows.conftest import World, actor_of, person_of, text
from tests.flows.test_going_in_circles import stuck

__all__ = ["signed_in"]

OTHER = "You answer with what you have, and never calculate twice."


def version(slug: str, number: str, *, released: bool = True) -> PromptVersion:
    """A further version of a prompt, which had its time, and carries no traffic now."""
    prompt = Prompt.objects.get(slug=slug)
    made = PromptVersion.objects.create(
        id=uuid7(), prompt=prompt, version=number, text=OTHER, checksum=checksum(OTHER, {}, {}), note="Calmer.", author="Pia",
        status="retired" if released else "draft",
    )  # fmt: skip
    if released:
        Release.objects.create(prompt=prompt, version=made, status="superseded", ended_at=timezone.now())
    return made


def moved(session: Session) -> list[dict[str, Any]]:
    """What the log says of its moves."""
    entries = AuditEntry.objects.filter(stream=f"session:{session.ref}", kind="session.moved").order_by("seq")
    return [entry.body_json["facts"] for entry in entries]


def go_on(session: Session, request: ApprovalRequest, by: User, number: str = "1.1.0", **more: Any) -> Session:
    """Somebody chooses a version."""
    return other_prompt.go_on(
        session=session.pk, version=number, digest=more.pop("digest", request.digest), person=person_of(by), actor=actor_of(by),
        **more,
    )  # fmt: skip


def test_the_session_goes_on_with_the_version_that_was_chosen(world: World, remy: User) -> None:
    """The request is answered, the entry names both versions, the model reads the other prompt from then on."""
    session, request = stuck(world)
    version("circling", "1.1.0")
    go_on(session, request, remy)
    request.refresh_from_db()
    assert (request.status, request.decisions.get().verdict) == ("answered", "answer")
    (told,) = moved(session)
    assert (told["from"], told["prompt_version"], told["by"]) == ("circling 1.0.0", "circling 1.1.0", remy.first_name)
    assert text(Message.objects.get(session=session, source="operator").text_id) == other_prompt.TOLD
    calls = session.tool_calls
    world.work()
    session.refresh_from_db()
    assert session.prompt_version.version == "1.1.0"
    assert session.tool_calls > calls
    assert session.turn_rows.order_by("-number").first().prompt_version == "circling 1.1.0"  # type: ignore[union-attr]  # it has turns
    assert verify().ok  # its rows are not all the log's: the version above was made by hand


def test_only_a_released_version_of_its_own_prompt_and_only_while_it_is_stuck(world: World, remy: User) -> None:
    """Nobody comes past a release, or a rollback, by it; the error names the field, and nothing is decided by it."""
    session, request = stuck(world)
    world.agent(slug="another")
    version("another", "9.0.0")
    version("circling", "2.0.0", released=False)
    back = version("circling", "3.0.0")
    Recall.objects.create(
        version=back, to=session.prompt_version, running="move", reason="It was wrong.", recalled_by="Pia", status="ended",
        ended_at=timezone.now(),
    )  # fmt: skip
    for wrong in ("1.0.0", "9.0.0", "2.0.0", "3.0.0", "x"):
        with pytest.raises(BadText) as refused:
            go_on(session, request, remy, wrong)
        assert refused.value.facts["field"] == "version"
    request.refresh_from_db()
    assert (request.status, moved(session)) == ("pending", [])
    plain = world.start("Hello")
    with pytest.raises(NotStuck):
        go_on(plain, request, remy)


def test_who_may_not_answer_may_not_choose_and_what_was_not_shown_is_not_decided(world: World, remy: User, vic: User) -> None:
    """Roles and the digest hold as for any answer, and a refusal moves nothing."""
    session, request = stuck(world)
    version("circling", "1.1.0")
    with pytest.raises(CountersignError):
        go_on(session, request, vic)
    with pytest.raises(CountersignError):
        go_on(session, request, remy, digest="0" * 64)
    session.refresh_from_db()
    assert (session.prompt_version.version, session.status, moved(session)) == ("1.0.0", "waiting_approval", [])


def test_the_page_offers_it_to_whoever_may_answer(world: World, remy: User, vic: User, signed_in: Any) -> None:
    """A form that works without script; nobody else sees it, and it is gone once it was used."""
    session, request = stuck(world)
    where = reverse("session", args=[session.ref])
    assert "another version of its prompt" not in signed_in(remy).get(where).content.decode(), "there is none yet"
    version("circling", "1.1.0")
    page = signed_in(remy).get(where).content.decode()
    assert "Go on with another version of its prompt" in page
    assert "1.1.0, Calmer." in page
    assert "another version of its prompt" not in signed_in(vic).get(where).content.decode()
    sent = {"version": "1.1.0", "digest": request.digest, "instruction": "Use the refund policy."}
    assert signed_in(remy).post(reverse("session-act", args=[session.ref, "prompt"]), sent).status_code == 302
    session.refresh_from_db()
    assert session.prompt_version.version == "1.1.0"
    assert text(Message.objects.get(session=session, source="operator").text_id) == "Use the refund policy."
    assert "another version of its prompt" not in signed_in(remy).get(where).content.decode()


def test_a_program_does_the_same(world: World, remy: User) -> None:
    """One service for the page and the API."""
    session, request = stuck(world)
    version("circling", "1.1.0")
    program = Program(remy)
    said = {"version": "1.1.0", "digest": request.digest}
    assert program.post(f"/sessions/{session.ref}/prompt", {**said, "version": "7.0.0"}).status_code == 422
    answer = program.post(f"/sessions/{session.ref}/prompt", said).json()
    assert (answer["prompt_version"], answer["status"]) == ("1.1.0", "queued")
    assert program.post(f"/sessions/{session.ref}/prompt", said).json()["code"] == "not_stuck"
