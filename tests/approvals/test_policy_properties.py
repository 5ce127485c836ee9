"""Policy in general: for any call and any document, not only the shipped one."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from approvals.document import DEFAULT_POLICY, EnvironmentRule, Policy, Repeat, Rule, TaintRule, TierRule
from approvals.facts import ENVIRONMENTS, SEVERITY, STRICTEST, TIERS, CallFacts, Judgement, Person
from approvals.policy import VERDICTS, RequestFacts, judge, may_decide

VERDICT = st.sampled_from(["allow", "ask", "deny"])
GROUPS = st.lists(st.sampled_from(["finance", "legal", "finance|legal"]), max_size=2).map(tuple)
TEXT = st.sampled_from(["", "7", "kim@example.com", "eve@elsewhere.example", "kim@example.com, eve@elsewhere.example"])
VALUE = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), TEXT)
JSON = st.one_of(VALUE, st.lists(VALUE, max_size=3))
ARGUMENTS = st.dictionaries(st.sampled_from(["to", "amount", "items"]), JSON, max_size=3)

CONDITION = st.one_of(
    st.fixed_dictionaries({"path": st.just("amount"), "op": st.sampled_from(["gt", "le"]), "value": st.integers()}),
    st.fixed_dictionaries({"path": st.sampled_from(["to", "items.*"]), "op": st.sampled_from(["eq", "ne"]), "value": JSON}),
    st.fixed_dictionaries({"path": st.just("to"), "op": st.just("outside"), "value": st.just("recipients")}),
)
RULE = st.builds(
    Rule,
    name=st.uuids().map(str),
    tool=st.sampled_from(["", "refund"]),
    environment=st.sampled_from(["", *ENVIRONMENTS]),
    when=st.none() | CONDITION,
    then=st.sampled_from(["ask", "deny"]),
    required=st.integers(1, 3),
    groups=GROUPS,
)
REPEAT = st.none() | st.builds(Repeat, count=st.integers(1, 50), minutes=st.integers(1, 1440))
TIER_RULE = st.builds(TierRule, narrow=VERDICT, wide=VERDICT, required=st.integers(1, 3), groups=GROUPS, repeat=REPEAT)
GRAVEST = st.builds(TierRule, narrow=VERDICT, wide=VERDICT, required=st.integers(1, 3), groups=GROUPS)
POLICY = st.builds(
    Policy,
    tiers=st.fixed_dictionaries({**dict.fromkeys(TIERS, TIER_RULE), STRICTEST: GRAVEST}),
    environments=st.fixed_dictionaries(
        {name: st.sampled_from(TIERS).map(lambda tier: EnvironmentRule(up_to=tier)) for name in ENVIRONMENTS}
    ),
    tainted=st.builds(TaintRule, egress=st.sampled_from(["ask", "deny"]), writes=st.sampled_from(["ask", "deny"])),
    rules=st.lists(RULE, max_size=3).map(tuple),
    recipients=st.just(("@example.com",)),
)
SCOPES = st.frozensets(st.sampled_from(["a", "b"]))
CALL = st.builds(
    CallFacts,
    tool=st.sampled_from(["refund", "send_email"]),
    tier=st.sampled_from([*TIERS, "nonsense", ""]),
    blast_radius=st.sampled_from(["narrow", "wide", ""]),
    egress=st.booleans(),
    scopes=SCOPES,
    granted=SCOPES,
    arguments=ARGUMENTS,
    tainted=st.booleans(),
    cost_microusd=st.integers(0, 10**7),
    environment=st.sampled_from([*ENVIRONMENTS, "nonsense"]),
    agent=st.just("a"),
    task_type=st.just("default"),
    enabled=st.booleans(),
    repeat=st.booleans(),
    dry_run=st.booleans(),
    denied_before=st.booleans(),
)
BOOLEANS = st.booleans()


def looser(one: Judgement, other: Judgement) -> bool:
    """Return whether `one` lets more happen, or lets more people agree to it, than `other`."""
    return (
        SEVERITY[one.verdict] < SEVERITY[other.verdict]
        or (one.verdict == other.verdict == "ask" and one.required < other.required)
        or (one.verdict == other.verdict == "ask" and not set(other.groups) <= set(one.groups))
        or (one.self_confirm and not other.self_confirm)
    )


@given(CALL, POLICY)
def test_same_call_and_policy_are_judged_the_same(facts: CallFacts, policy: Policy) -> None:
    """APPR-1: deterministic, and the judgement can be stored as it is."""
    judgement = judge(facts, policy)
    again = judge(facts, Policy.model_validate_json(policy.model_dump_json()))
    assert judgement == again
    assert json.loads(json.dumps(judgement.as_json())) == judgement.as_json()
    assert judgement.reasons


@given(CALL, POLICY, RULE)
def test_one_more_rule_never_loosens(facts: CallFacts, policy: Policy, rule: Rule) -> None:
    """TOOL-6: a rule can only make a judgement graver."""
    more = policy.model_copy(update={"rules": (*policy.rules, rule)})
    assert not looser(judge(facts, more), judge(facts, policy))


@given(CALL, POLICY, st.sampled_from(["tainted", "repeat", "denied_before"]))
def test_one_more_mark_never_loosens(facts: CallFacts, policy: Policy, mark: str) -> None:
    """Taint, repetition and an earlier rejection only tighten."""
    values: dict[str, Any] = {name: getattr(facts, name) for name in CallFacts.__slots__}
    without, marked = CallFacts(**{**values, mark: False}), CallFacts(**{**values, mark: True})
    assert not looser(judge(marked, policy), judge(without, policy))


@given(CALL, POLICY)
def test_unknown_tier_and_radius_are_the_strictest(facts: CallFacts, policy: Policy) -> None:
    """Unknown means the worst, whatever the document says of the worst."""
    values: dict[str, Any] = {name: getattr(facts, name) for name in CallFacts.__slots__}
    unknown = judge(CallFacts(**{**values, "tier": "nonsense", "blast_radius": "nonsense"}), policy)
    assert unknown == judge(CallFacts(**{**values, "tier": STRICTEST, "blast_radius": "wide"}), policy)


@given(CALL, POLICY)
def test_nothing_runs_that_is_off_or_out_of_scope(facts: CallFacts, policy: Policy) -> None:
    """TOOL-5, TOOL-6: neither a policy nor a dry run can widen a grant."""
    if not facts.enabled or facts.scopes - facts.granted or facts.environment not in policy.environments:
        assert judge(facts, policy).verdict == "deny"


@given(CALL)
def test_shipped_policy_never_lets_a_grave_call_run_for_real(facts: CallFacts) -> None:
    """APPR-1: no irreversible or destructive call is allowed without a person."""
    if facts.tier not in ("read_only", "reversible_write") and not facts.dry_run:
        assert judge(facts, DEFAULT_POLICY).verdict != "allow"


@given(
    st.builds(
        RequestFacts,
        kind=st.sampled_from(sorted(VERDICTS)),
        excluded=st.frozensets(st.integers(1, 4)),
        requester=st.none() | st.integers(1, 4),
        groups=GROUPS,
        self_confirm=BOOLEANS,
        reauthenticate=BOOLEANS,
    ),
    st.builds(
        Person,
        id=st.integers(1, 4),
        name=st.just("x"),
        roles=st.frozensets(st.sampled_from(["reviewer", "operator", "admin", "finance", "legal"])),
        service=BOOLEANS,
        reauthenticated=st.none() | BOOLEANS,
    ),
    st.sampled_from(["approve", "reject", "edit", "answer", "extend", "nonsense"]),
)
def test_nobody_who_has_part_in_it_decides(request: RequestFacts, person: Person, verdict: str) -> None:
    """APPR-5: four eyes have one exception, the requester where policy names it; programs never decide."""
    if may_decide(person, request, verdict) is None:
        assert not person.service
        assert verdict in VERDICTS[request.kind]
        own = request.self_confirm and request.requester == person.id
        assert own or (person.id not in request.excluded and person.id != request.requester)
