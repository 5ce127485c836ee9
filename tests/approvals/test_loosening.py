"""What a next policy loosens is said, and where nothing is said no call is judged more mildly."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.document import DEFAULT_POLICY, Condition, Policy, Rule
from approvals.facts import SEVERITY, CallFacts
from approvals.loosening import loosened
from approvals.policy import judge
from tests.approvals.test_policy_properties import CALL, POLICY

MAIL = {"name": "mail", "tool": "send_email", "then": "ask"}


def policy(**changed: Any) -> Policy:
    """The shipped policy with other parts."""
    return Policy.model_validate({**DEFAULT_POLICY.model_dump(), **changed})


def tiers(tier: str, **changed: Any) -> Policy:
    """The shipped policy with one tier changed."""
    document = DEFAULT_POLICY.model_dump()
    document["tiers"][tier].update(changed)
    return Policy.model_validate(document)


def ruled(**changed: Any) -> Policy:
    """The shipped policy with one rule."""
    return policy(rules=[{**MAIL, **changed}])


LOOSER = (
    (DEFAULT_POLICY, tiers("irreversible_write", narrow="allow"), "Narrow irreversible write calls run without asking"),
    (tiers("read_only", wide="deny"), DEFAULT_POLICY, "Wide read only calls run without asking; before, they were refused."),
    (tiers("destructive", required=2), DEFAULT_POLICY, "need 1 instead of 2 people"),
    (tiers("destructive", groups=["finance|legal"]), DEFAULT_POLICY, "no longer need somebody of finance or legal"),
    (DEFAULT_POLICY, tiers("irreversible_write", self_confirm=True), "may confirm it himself"),
    (DEFAULT_POLICY, tiers("destructive", reauthenticate=False), "no longer asks for the password"),
    (DEFAULT_POLICY, tiers("destructive", hold_s=0), "for 0 instead of 5 seconds"),
    (tiers("destructive", dwell_s=3), DEFAULT_POLICY, "Destructive calls can be approved after 0 instead of 3 seconds."),
    (tiers("irreversible_write", repeat=None), DEFAULT_POLICY, "One approval may let up to 10 more irreversible write calls"),
    (DEFAULT_POLICY, tiers("reversible_write", repeat={"count": 11, "minutes": 60}), "before, 10, for 60 minutes"),
    (DEFAULT_POLICY, tiers("reversible_write", repeat={"count": 10, "minutes": 61}), "before, 10, for 60 minutes"),
    (
        DEFAULT_POLICY,
        policy(environments={**DEFAULT_POLICY.model_dump()["environments"], "staging": {"up_to": "destructive"}}),
        "Agents in staging may do up to destructive",
    ),
    (policy(tainted={"egress": "deny"}), DEFAULT_POLICY, "After untrusted content, egress ask people"),
    (ruled(), DEFAULT_POLICY, "The rule 'mail' is gone."),
    (ruled(then="deny"), ruled(), "asks people; before, it refused"),
    (ruled(required=2), ruled(), "needs 1 instead of 2 people"),
    (ruled(groups=["legal"]), ruled(groups=["finance"]), "no longer needs somebody of legal"),
    (ruled(), ruled(agent="desk"), "may cover fewer calls"),
    (ruled(), ruled(above_cost_microusd=5), "may cover fewer calls"),
    (ruled(when={"path": "n", "op": "gt", "value": 5}), ruled(when={"path": "n", "op": "gt", "value": 6}), "fewer calls"),
    (ruled(when={"path": "n", "op": "lt", "value": 5}), ruled(when={"path": "n", "op": "lt", "value": 4}), "fewer calls"),
    (ruled(when={"path": "n", "op": "gt", "value": 5}), ruled(when={"path": "n", "op": "gt", "value": 5}, tool=""), "fewer"),
    (policy(agent_groups={"desk": ["legal"]}), DEFAULT_POLICY, "Requests of desk no longer need somebody of legal"),
    (DEFAULT_POLICY, policy(ttl_s=90_000), "stay open longer"),
    (DEFAULT_POLICY, policy(recipients=["@example.com"]), "@example.com is a known recipient."),
    (DEFAULT_POLICY, policy(hosts=["example.com"]), "example.com is a known host."),
)


@pytest.mark.parametrize(("before", "after", "said"), LOOSER)
def test_what_a_change_loosens_is_said_and_taking_it_back_is_not(before: Policy, after: Policy, said: str) -> None:
    """TOOL-6: whoever saves it sees it before."""
    found = loosened(before, after)
    assert len(found) == 1
    assert said in found[0]


TIGHTER = (
    (DEFAULT_POLICY, DEFAULT_POLICY),
    (DEFAULT_POLICY, ruled()),
    (DEFAULT_POLICY, tiers("reversible_write", narrow="ask", required=2, groups=["legal"], hold_s=9)),
    (ruled(agent="desk", above_cost_microusd=9), ruled(above_cost_microusd=8)),
    (ruled(required=3, groups=["legal"]), ruled(then="deny")),
    (ruled(when={"path": "n", "op": "ge", "value": 5}), ruled(when={"path": "n", "op": "ge", "value": 4})),
    (ruled(when={"path": "n", "op": "eq", "value": 5}), ruled()),
    (policy(recipients=["@example.com"], ttl_s=90_000), DEFAULT_POLICY),
)


@pytest.mark.parametrize(("before", "after"), TIGHTER)
def test_a_tightening_says_nothing(before: Policy, after: Policy) -> None:
    """No false alarm for what is clearly tighter."""
    assert loosened(before, after) == ()


def mutated(policy: Policy, other: Policy, parts: set[str]) -> Policy:
    """Return one policy with some parts of another."""
    return policy.model_copy(update={name: getattr(other, name) for name in parts})


PARTS = st.sets(st.sampled_from(["tiers", "environments", "tainted", "rules", "agent_groups", "recipients", "ttl_s"]))
CONDITIONS = (
    st.builds(Condition, path=st.just("amount"), op=st.sampled_from(["gt", "ge", "lt", "le"]), value=st.integers(-3, 3))
    | st.none()
)
RULES = st.lists(
    st.builds(
        Rule, name=st.sampled_from("ab"), tool=st.sampled_from(["", "refund"]), environment=st.sampled_from(["", "staging"]),
        when=CONDITIONS, above_cost_microusd=st.none() | st.integers(0, 9), then=st.sampled_from(["ask", "deny"]),
        required=st.integers(1, 2), groups=st.sampled_from([(), ("finance",)]),
    ),
    max_size=2, unique_by=lambda rule: rule.name,
).map(tuple)  # fmt: skip


@given(POLICY, POLICY, PARTS, RULES, RULES, CALL)
def test_where_nothing_is_said_no_call_is_judged_more_mildly(
    one: Policy, other: Policy, parts: set[str], rules: tuple[Rule, ...], next_rules: tuple[Rule, ...], call: CallFacts
) -> None:
    """For any two documents and any call: the verdict is at least as grave, and as many and the same people are asked."""
    before = one.model_copy(update={"rules": rules})
    after = mutated(before, other.model_copy(update={"rules": next_rules}), parts)
    if loosened(before, after):
        return
    was, now = judge(call, before), judge(call, after)
    assert SEVERITY[now.verdict] >= SEVERITY[was.verdict]
    if was.verdict == now.verdict == "ask":
        assert now.required >= was.required
        assert set(now.groups) >= set(was.groups)
        assert not (now.self_confirm and not was.self_confirm)
        assert not (was.reauthenticate and not now.reauthenticate)
        assert now.hold_s >= was.hold_s
        assert now.ttl_s <= was.ttl_s
