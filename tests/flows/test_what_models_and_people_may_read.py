"""Private values are references to models, and nothing to people that settings keep from them."""

import json
from typing import Any

from django.contrib.auth.models import User

from agents.models import LibraryDocument, Session
from agents.tools.library import fingerprint
from audit.models import AuditEntry, Content
from tests.flows.conftest import World, text

CARD = "4111 1111 1111 1111"
KEY = "AKIA" + "IOSFODNN7EXAMPLE"


def letter(body: str) -> None:
    """Put a customer's letter into the library."""
    title = "Letter"
    LibraryDocument.objects.create(slug="letter-00", title=title, body=body, trust="trusted", sha256=fingerprint(title, body))


def drafted(world: World, **more: Any) -> tuple[Session, str, dict[str, Any]]:
    """Let an agent quote the letter in a draft; return the session, what the model wrote and what ran."""
    letter(f"Please charge my card {CARD}.")
    agent = world.agent(slug="careful", scrub=["card"], **more)
    session = world.start("Answer kim@example.com. scenario: honest-draft doc=letter-00 to=kim@example.com", agent=agent)
    world.work()
    call = next(call for call in world.calls(session) if call.tool == "draft_message")
    session.refresh_from_db()
    return session, text(call.raw_id), json.loads(text(call.arguments_id))


def test_a_model_reads_a_reference_and_a_tool_without_leave_gets_no_more(world: World) -> None:
    """GUARD-12: the value never reaches the model; what was kept from it is counted by kind."""
    session, raw, arguments = drafted(world)
    assert CARD not in raw
    assert "⟦card:" in arguments["body"]
    assert CARD not in arguments["body"]
    assert session.notes["scrubbed"] == {"card": 1}


def test_a_tool_with_leave_gets_the_value_and_people_see_what_runs(world: World) -> None:
    """GUARD-12: references are resolved before the arguments are validated, judged, shown and run."""
    _, raw, arguments = drafted(world, unscrub=["draft_message"])
    assert "⟦card:" in raw
    assert CARD in arguments["body"]
    assert "⟦" not in arguments["body"]
    assert world.log_is_whole()


def test_a_tool_that_cannot_use_a_reference_says_that_it_is_not_given_the_value(world: World) -> None:
    """GUARD-12: not that the address is odd."""
    agent = world.agent(slug="careful", scrub=["email"])
    session = world.start('Please call send_email {"to":["kim@example.com"],"subject":"Hello","body":"Hello."}', agent=agent)
    world.work()
    (call,) = world.calls(session)
    assert call.status == "invalid"
    assert "send_email is not given what references in ⟦⟧ stand for" in text(call.result_id)


def test_without_the_setting_nothing_is_changed_or_counted(world: World) -> None:
    """GUARD-12: off as shipped."""
    letter(f"Please charge my card {CARD}.")
    session = world.start("Answer kim@example.com. scenario: honest-draft doc=letter-00 to=kim@example.com")
    world.work()
    session.refresh_from_db()
    assert "scrubbed" not in session.notes
    call = world.calls(session)[1]
    assert CARD in text(call.raw_id)


def test_a_key_is_taken_out_of_an_answer_and_kept_apart(world: World, remy: User) -> None:
    """GUARD-13: what is stored and shown is filtered; the raw answer is content of the entry that says so."""
    letter(f"The key of the old server is {KEY}, do not lose it.")
    session = world.start("What does it say? scenario: honest-answer doc=letter-00")
    world.work()
    answer = world.answer_of(session)
    assert KEY not in answer
    assert "[secret removed]" in answer
    assert session.notes["removed"] == {"secret": 1}
    entry = AuditEntry.objects.get(stream=f"session:{session.ref}", kind="message.flagged")
    assert entry.body_json["facts"]["removed"] == {"secret": 1}
    assert KEY in Content.objects.get(entry_id=entry.pk).body
    assert world.log_is_whole()


def test_an_agent_may_leave_answers_as_they_are(world: World) -> None:
    """GUARD-13: what is taken out is the agent's setting."""
    letter(f"The key of the old server is {KEY}, do not lose it.")
    agent = world.agent(slug="open", output={"remove": [], "prompt": False})
    session = world.start("What does it say? scenario: honest-answer doc=letter-00", agent=agent)
    world.work()
    assert KEY in world.answer_of(session)
