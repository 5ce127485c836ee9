"""References stand for the same values on every worker, also for one that only read a summary of where they stood."""

from uuid import UUID

from agents.scrubbing import resolved, scrubbed, withheld
from agents.state import State
from tests.agents.test_context import call, state, summary, turn

CARD = "4111 1111 1111 1111"
RESULT = f'{{"status":"success","result":"Charge my card {CARD}."}}'


def careful() -> State:
    """A session whose model read a card number long ago, read anew by a worker that never showed it."""
    here = state(turn(1, call(1, result=RESULT)), summary(2, 1, 1), turn(3, call(3)))
    here.config = here.config.model_copy(update={"scrub": ("card",), "unscrub": ("draft_message",)})
    here.id = UUID(int=7)
    return here


def test_a_reference_in_a_summary_is_resolved_by_a_worker_that_never_showed_the_value() -> None:
    """GUARD-12, LOOP-4: the name is made of the session and the value, so it is found again in the session's rows."""
    told = scrubbed(careful(), CARD)
    fresh = careful()
    assert CARD in resolved(fresh, "draft_message", f'{{"body":"{told}"}}')


def test_a_reference_that_a_model_made_up_stays_as_it_is() -> None:
    """Nothing is given for it."""
    assert "⟦card:000000⟧" in resolved(careful(), "draft_message", '{"body":"⟦card:000000⟧"}')


def test_a_tool_without_leave_is_given_nothing() -> None:
    """GUARD-12."""
    told = scrubbed(careful(), CARD)
    assert CARD not in resolved(careful(), "send_email", f'{{"body":"{told}"}}')


def test_a_model_is_told_why_a_reference_did_not_fit() -> None:
    """GUARD-12: what a tool refuses in a reference says nothing of the reference by itself."""
    assert "is not given what references" in withheld(careful(), "send_email", '{"to":"⟦email:5977f3⟧"}')
    assert "is not given what references" in withheld(careful(), "send_email", '{"to":"\\u27E6email:5977f3\\u27e7"}')
    assert withheld(careful(), "draft_message", '{"to":"⟦email:5977f3⟧"}') == ""
    assert withheld(careful(), "send_email", '{"to":"kim"}') == ""
