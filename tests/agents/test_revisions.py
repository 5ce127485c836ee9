"""The revisions of an agent: each stays as it was, and an earlier one can be made current again."""

import json
from typing import Any

import pytest

from agents import revisions
from agents.agents import apply_agent
from agents.errors import BadText, StaleAgent, UnknownAgent, UnknownAgentRevision
from agents.models import AgentRevision
from agents.starting import start_session
from audit.actors import SYSTEM, Actor
from audit.models import AuditEntry
from tests.console.api.conftest import DESK

ADA = Actor("user", "9", "Ada")


@pytest.fixture(autouse=True)
def _desk(db: None) -> None:
    """Two revisions; the second answers once."""
    apply_agent(DESK, actor=SYSTEM)
    apply_agent({**DESK, "single_turn": True}, actor=ADA, note="Answers once.")


def restored(**more: Any) -> AgentRevision:
    """Ada makes the first revision current again."""
    return revisions.restore(**{"slug": "desk", "number": 1, "base": 2, "note": "It asked back.", "actor": ADA, **more})


def test_an_earlier_revision_becomes_current_as_a_new_one() -> None:
    """Nothing of the history changes; who, why and which stand in the log."""
    row = restored()
    first, second, third = AgentRevision.objects.filter(agent__slug="desk").order_by("number")
    assert (third, third.current, second.current) == (row, True, False)
    assert third.document == first.document != second.document
    assert (third.note, third.created_by) == ("It asked back.", "Ada")
    entry = AuditEntry.objects.filter(stream="agent:desk").order_by("-seq")[0]
    assert entry.kind == "agent.revised"
    facts = json.loads(bytes(entry.body))["facts"]
    assert (facts["note"], facts["checksum"]) == ("It asked back.", first.checksum)


def test_sessions_that_run_stay_with_their_revision() -> None:
    """Those that start from then on take the restored one."""
    before = start_session(actor=ADA, person_id=9, agent="desk", goal="Calculate 1 + 1")
    restored()
    after = start_session(actor=ADA, person_id=9, agent="desk", goal="Calculate 1 + 1")
    before.refresh_from_db()
    assert (before.revision.number, after.revision.number) == (2, 3)


def test_nobody_restores_over_what_he_was_not_shown() -> None:
    """Somebody was faster: 409, and it says who."""
    restored()
    with pytest.raises(StaleAgent, match="Revision 3 of desk was made by Ada"):
        restored(number=2)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"number": 2}, BadText),
        ({"number": 7}, UnknownAgentRevision),
        ({"note": "  "}, BadText),
        ({"slug": "nobody"}, UnknownAgent),
    ],
)
def test_what_cannot_be_restored_changes_nothing(wrong: dict[str, Any], error: type[Exception]) -> None:
    """A revision that says what the current one says, none at all, or no reason."""
    with pytest.raises(error):
        restored(**wrong)
    assert AgentRevision.objects.filter(agent__slug="desk").count() == 2


def test_revisions_come_page_by_page() -> None:
    """Newest first, from the last one seen on."""
    assert [row.number for row in revisions.revisions("desk", 1)] == [2]
    assert [row.number for row in revisions.revisions("desk", 5, before=2)] == [1]
