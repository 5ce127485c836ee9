"""The policy's form: what it shows is what it sends, and every complaint finds its input."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from approvals.document import DEFAULT_POLICY, Policy
from approvals.errors import InvalidPolicy
from approvals.policies import checked
from console.policy_form import document_of, faithful, located, places, sent_of, typed, value_of
from tests.approvals.test_policy_properties import POLICY

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3), max_leaves=4,
)  # fmt: skip
RULES = [
    {"name": "Mail outside", "tool": "send_email", "when": {"path": "to.*", "op": "outside", "value": "recipients"}, "then": "ask",
     "groups": ["finance|legal"], "required": 2},
    {"name": "Costly", "above_cost_microusd": 1_250_000, "then": "deny", "environment": "production", "agent": "desk"},
    {"name": "Numbers", "tool": "refund", "when": {"path": "id", "op": "in", "value": ["7", 7, "x"]}, "then": "ask"},
]  # fmt: skip


def policy(**changed: Any) -> Policy:
    """The shipped policy with other parts."""
    return Policy.model_validate({**DEFAULT_POLICY.model_dump(), **changed})


def wrong(sent: dict[str, str]) -> dict[str, list[str]]:
    """What the model complains about, by input."""
    try:
        checked(document_of(sent))
    except InvalidPolicy as error:
        return located(error.errors, sent)
    return {}


@given(POLICY)
def test_the_form_of_any_policy_sends_that_policy(one: Policy) -> None:
    """Opening the form and saving it changes nothing."""
    assert faithful(one)
    assert Policy.model_validate(document_of(sent_of(one))) == one


def test_rules_lists_and_groups_come_back_as_they_were() -> None:
    """All parts that a form could lose."""
    one = policy(
        rules=RULES, agent_groups={"desk": ["legal", "finance|ops"]}, recipients=["@example.com", "kim@example.org"],
        hosts=["example.com"], ttl_s=3_661, claims={"lease_s": 120, "most": 5, "extensions": 0, "extension_s": 3_600},
    )  # fmt: skip
    assert faithful(one)
    assert Policy.model_validate(document_of(sent_of(one))) == one


def test_what_the_form_cannot_show_is_seen_before() -> None:
    """A group with a comma would become two: such a policy is edited as JSON."""
    tiers = DEFAULT_POLICY.model_dump()["tiers"]
    tiers["destructive"]["groups"] = ("finance, north",)
    assert not faithful(policy(tiers=tiers))


@given(VALUES)
def test_a_value_is_read_as_it_was_shown(value: Any) -> None:
    """A number stays a number, and the text of a number a text."""
    read = value_of(typed(value))
    assert (read, type(read)) == (value, type(value))


def test_every_complaint_finds_its_input() -> None:
    """The model's places are the inputs' names, also where an earlier rule was removed."""
    sent = sent_of(policy(rules=RULES))
    sent |= {
        "rules.0.remove": "true", "tiers.destructive.hold_s": "31", "ttl_h": "soon", "rules.1.above_cost": "much",
        "rules.2.when.op": "gt", "tiers.read_only.required": "", "rules.2.groups": "|x",
        "tiers.reversible_write.repeat.count": "51", "tiers.irreversible_write.repeat.minutes": "",
    }  # fmt: skip
    assert wrong(sent).keys() == {
        "tiers.destructive.hold_s", "ttl_h", "rules.1.above_cost", "rules.2.when.value", "tiers.read_only.required",
        "rules.2.groups", "tiers.reversible_write.repeat.count", "tiers.irreversible_write.repeat.minutes",
    }  # fmt: skip
    assert wrong({**sent_of(DEFAULT_POLICY), "tiers.destructive.self_confirm": "true"}) == {
        "": ["Self_confirm cannot be given for destructive calls."]
    }


def test_an_empty_rule_is_no_rule() -> None:
    """The spare ones at the end are only meant once something is written in them."""
    sent = {
        **sent_of(DEFAULT_POLICY),
        "rules.0.name": " ",
        "rules.0.then": "ask",
        "rules.1.name": "New",
        "rules.99999.name": "x",
    }
    assert places(sent) == [1]
