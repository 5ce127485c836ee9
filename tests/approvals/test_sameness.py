"""The same again: covered only where nothing differs but what the reviewer let vary, within what he stated."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.document import Repeat
from approvals.facts import Judgement, Origin, Reason
from approvals.sameness import Candidate, Given, Same, refusal, variable, why_not

ARGUMENTS = {"to": ["kim@customer.example"], "body": "Here is the report that you asked for.", "cents": 500, "urgent": True}
ASKED = {
    "tool": "pay", "definition": "d" * 64, "tier": "irreversible_write", "prompt_version": "desk 1.0.0", "precondition": "open",
    "session": "S-1", "arguments": ARGUMENTS,
}  # fmt: skip
TIER_ASKS = Reason("tier_asks", "It cannot be taken back.")
MOST = Repeat(count=10, minutes=60)
GIVEN = Given(
    ref="AP-1", by="Remy", asked=ASKED, reasons=frozenset({("tier_asks", "It cannot be taken back.")}), radius="narrow", risk=3,
    vary=("body",), up_to={"cents": 1000}, count=3, minutes=30, left=2, fallen="",
)  # fmt: skip
CALL = Candidate(
    asked=ASKED, judgement=Judgement("ask", (TIER_ASKS,), risk=3), radius="narrow", prose=frozenset({"body"}), news=""
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


def called(**arguments: Any) -> Candidate:
    """The call with other arguments."""
    return replace(CALL, asked={**ASKED, "arguments": {**ARGUMENTS, **arguments}})


def judged(**changed: Any) -> Candidate:
    """The call judged in another way."""
    return replace(CALL, judgement=replace(CALL.judgement, **changed))


def test_the_same_call_is_covered() -> None:
    """APPR-3: also as a marked repeat, which is what was approved."""
    assert why_not(GIVEN, CALL, MOST) == ""
    assert why_not(GIVEN, judged(reasons=(TIER_ASKS, Reason("repeat", "It was made."))), MOST) == ""


def test_a_text_and_a_number_may_be_others_as_stated() -> None:
    """APPR-3: within what the reviewer let vary."""
    assert why_not(GIVEN, called(body="And here is another report that you asked for."), MOST) == ""
    assert why_not(GIVEN, called(cents=1000), MOST) == ""


DIFFERS = (
    (called(to=["eve@customer.example"]), "argument to is another"),
    (called(to=["kim@customer.example", "eve@customer.example"]), "argument to is another"),
    (called(to="kim@customer.example"), "argument to is another"),
    (called(urgent=1), "argument urgent is another"),
    (called(cents=1001), "not within 0 and 1000"),
    (called(cents=-1), "not within 0 and 1000"),
    (called(cents="1000"), "argument cents is another"),
    (called(cents=True), "argument cents is another"),
    (called(cents=float("nan")), "argument cents is another"),
    (called(body=["x"]), "argument body is another"),
    (called(body="Write to eve@attacker.example about the report."), "names an address"),
    (called(body="Look at https://attacker.example for the report."), "names an address"),
    (called(body="Use the account 123456789 for all of it."), "long number"),
    (called(more="x"), "other arguments"),
    (replace(called(body="ok"), prose=frozenset()), "no text that is read"),
    (replace(CALL, asked={**ASKED, "tool": "refund"}), "another tool"),
    (replace(CALL, asked={**ASKED, "definition": "e" * 64}), "tool has changed"),
    (replace(CALL, asked={**ASKED, "tier": "destructive"}), "tier has changed"),
    (replace(CALL, asked={**ASKED, "prompt_version": "desk 1.0.1"}), "another prompt version"),
    (replace(CALL, asked={**ASKED, "precondition": "closed"}), "act on has changed"),
    (replace(CALL, asked={**ASKED, "session": "S-2"}), "does not reach this session"),
    (replace(CALL, radius="wide"), "reach farther"),
    (replace(CALL, news="Untrusted content was read since."), "Untrusted content"),
    (judged(risk=4), "reach farther"),
    (judged(required=2), "more than one person"),
    (judged(reauthenticate=True), "more than one person"),
    (judged(verdict="deny"), "more than one person"),
    (judged(reasons=(TIER_ASKS, Reason("rule", "Policy rule 'Costly'."))), "Policy rule 'Costly'."),
    (judged(reasons=(Reason("tier_asks", "It cannot be taken back. It reaches far."),)), "further reason"),
    (judged(reasons=(TIER_ASKS, Reason("denied_before", "A person rejected it."))), "further reason"),
)


@pytest.mark.parametrize(("call", "said"), DIFFERS)
def test_whatever_differs_is_asked_about_and_said(call: Candidate, said: str) -> None:
    """APPR-3, APPR-4, THREATS 3, 4, 5, 61."""
    assert said in why_not(GIVEN, call, MOST)


ENDED = (
    (replace(GIVEN, left=0), MOST, "were made"),
    (replace(GIVEN, fallen="Olga revoked it."), MOST, "Olga revoked it."),
    (GIVEN, None, "does not give so much"),
    (GIVEN, Repeat(count=2, minutes=60), "does not give so much"),
    (GIVEN, Repeat(count=10, minutes=29), "does not give so much"),
)


@pytest.mark.parametrize(("one", "most", "said"), ENDED)
def test_one_that_ended_covers_nothing(one: Given, most: Repeat | None, said: str) -> None:
    """Used up, revoked, or more than policy gives by now."""
    assert said in why_not(one, CALL, most)


@given(st.dictionaries(st.sampled_from([*ARGUMENTS, "more"]), JSON, min_size=1))
def test_no_other_value_of_what_stays_is_ever_covered(changed: dict[str, Any]) -> None:
    """In general: where it is covered, everything but the text and the number is the same, written the same."""
    call = called(**changed)
    if why_not(GIVEN, call, MOST) == "":
        arguments = call.asked["arguments"]
        assert [(name, arguments[name], type(arguments[name])) for name in ("to", "urgent")] == [
            (name, ARGUMENTS[name], type(ARGUMENTS[name])) for name in ("to", "urgent")
        ]
        assert arguments.keys() == ARGUMENTS.keys()
        assert isinstance(arguments["body"], str)
        assert 0 <= arguments["cents"] <= 1000


@given(st.sampled_from(sorted(set(ASKED) - {"arguments"})), JSON)
def test_nothing_that_is_bound_may_differ(name: str, value: Any) -> None:
    """In general: tool, definition, tier, prompt version, target and session."""
    if value != ASKED[name]:
        assert why_not(GIVEN, replace(CALL, asked={**ASKED, name: value}), MOST)


@given(st.integers(-2, 60), st.integers(-2, 1500), st.integers(1, 50), st.integers(1, 1440))
def test_never_more_than_policy_gives(count: int, minutes: int, most: int, longest: int) -> None:
    """APPR-3: within stated bounds."""
    fits = 1 <= count <= most and 1 <= minutes <= longest
    assert (refusal(Same(count=count, minutes=minutes), Repeat(count=most, minutes=longest), {}) == "") == fits


def test_what_may_vary_at_all() -> None:
    """A text that is read and a number; not what names somebody, nor what strangers or, after them, the model set."""
    origins = [
        Origin(path="to.0", kind="user"), Origin(path="subject", kind="model", own=100),
        Origin(path="body", kind="model", own=100, prose=True), Origin(path="cents", kind="user"),
        Origin(path="quote", kind="result", untrusted=True, prose=True), Origin(path="urgent", kind="model", own=100),
    ]  # fmt: skip
    arguments = {**ARGUMENTS, "subject": "Report", "quote": "A long text from a letter.", "owed": 5, "debt": -5}
    assert variable(arguments, origins, tainted=False) == {"body": "text", "cents": "number"}
    assert variable(arguments, origins, tainted=True) == {"cents": "number"}
    assert refusal(Same(count=1, minutes=1, up_to={"cents": -1}), MOST, {"cents": "number"})
    assert refusal(Same(count=1, minutes=1, vary=("cents",)), MOST, {"cents": "number"})
    assert refusal(Same(count=1, minutes=1, vary=("body",)), None, {"body": "text"})
