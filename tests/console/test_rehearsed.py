"""Rehearsals as people may see them: what is nobody's business is covered, in calls and wherever it is said again."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field

from agents.rehearsals.play import Acted, Said, Transcript
from agents.tools import ToolContext, registry, tool
from approvals.sensitive import UNREAD, Mask, Place
from console.rehearsed import Veil, bare, shown_call

IBAN = "DE89370400440532013000"
HIDDEN = "[IBAN, 22 characters, hidden]"


class Payment(BaseModel):
    model_config = ConfigDict(extra="forbid")
    iban: Annotated[str, Field(json_schema_extra={"sensitive": "IBAN"})]
    cents: int


@pytest.fixture(autouse=True)
def _tools() -> Iterator[None]:
    """A tool with a field that is nobody's business."""
    registry.load()

    @tool(tier="irreversible_write", idempotent=False, summary="Pay {cents} cents")
    def pay(args: Payment, context: ToolContext) -> object:
        """Pay."""
        return {"paid": args.cents}

    yield
    registry._tools.pop("pay")


def acted(arguments: str, **more: str) -> Acted:
    """A call of that tool."""
    call = Acted(
        "pay", arguments, "would ask", ("irreversible",), "irreversible_write", "dry run", "succeeded", f"Paid to {IBAN}."
    )
    return replace(call, **more)  # type: ignore[arg-type]  # what a test changes


def told(*calls: Acted) -> Transcript:
    """A rehearsal with these calls, which says their value again."""
    return Transcript((Said(1, f"I pay to {IBAN.lower()}.", calls, 1, 1, 1, 1), Said(2, "Paid.", (), 1, 1, 1, 1)))


def test_a_sensitive_value_is_covered_where_it_stands_and_where_it_is_said_again() -> None:
    """THREATS: in arguments, results and words, however it is spelled."""
    one = told(acted(f'{{"iban": "{IBAN}", "cents": 5}}'))
    shown = Veil(one).transcript(one)
    assert HIDDEN in shown.calls[0].arguments
    assert '"cents": 5' in shown.calls[0].arguments
    assert IBAN not in str(shown.as_json())
    assert IBAN.lower() not in str(shown.as_json())
    assert shown.turns[1].text == "Paid."


@pytest.mark.parametrize("arguments", ["no JSON", "[1]", f'{{"iban": "{IBAN}"'])
def test_what_cannot_be_read_is_covered_whole(arguments: str) -> None:
    """It may hold a sensitive value anywhere; so may what was not valid."""
    one = told(acted(arguments))
    assert Veil(one).transcript(one).calls[0].arguments == UNREAD
    other = told(acted('{"cents": 5}', judged="invalid"))
    assert Veil(other).transcript(other).calls[0].arguments == UNREAD


def test_what_another_mask_knows_is_covered_too() -> None:
    """The session's own sensitive values, said by the re-run."""
    mask = Mask([({"iban": IBAN}, [Place(("iban",), "IBAN")])])
    one = told()
    assert IBAN.lower() not in Veil(one, mask).transcript(one).turns[0].text


def test_who_may_not_read_gets_what_was_called_and_no_word_of_it() -> None:
    """Tool, judgement and what answered stay."""
    (call,) = bare(told(acted(f'{{"iban": "{IBAN}", "cents": 5}}'))).calls
    assert IBAN not in str(bare(told(acted("{}"))).as_json())
    shown = shown_call(call)
    assert (shown["tool"], shown["judged"], shown["unrecorded"], shown["arguments"]) == ("pay", "Would ask people", True, "")
