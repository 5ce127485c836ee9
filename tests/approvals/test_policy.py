"""When a person is asked: the shipped policy as a table, and each mark that changes it."""

import itertools
from typing import Any

import pytest

from approvals.document import DEFAULT_POLICY, Policy
from approvals.facts import TIERS, Judgement, Origin
from approvals.policy import judge, risk
from tests.approvals.conftest import call

# Columns: clean, egress; tainted, tainted and egress.
PRODUCTION = """
read_only          narrow  allow allow  allow ask
read_only          wide    allow allow  allow ask
reversible_write   narrow  allow allow  allow ask
reversible_write   wide    ask   ask    ask   ask
irreversible_write narrow  ask   ask    ask   ask
irreversible_write wide    ask   ask    ask   ask
destructive        narrow  ask   ask    ask   ask
destructive        wide    ask   ask    ask   ask
"""
DEVELOPMENT = """
read_only          narrow  allow allow  allow ask
read_only          wide    allow allow  allow ask
reversible_write   narrow  allow allow  allow ask
reversible_write   wide    ask   ask    ask   ask
irreversible_write narrow  deny  deny   deny  deny
irreversible_write wide    deny  deny   deny  deny
destructive        narrow  deny  deny   deny  deny
destructive        wide    deny  deny   deny  deny
"""
STAGING = """
read_only          narrow  allow allow  allow ask
read_only          wide    allow allow  allow ask
reversible_write   narrow  deny  deny   deny  deny
reversible_write   wide    deny  deny   deny  deny
irreversible_write narrow  deny  deny   deny  deny
irreversible_write wide    deny  deny   deny  deny
destructive        narrow  deny  deny   deny  deny
destructive        wide    deny  deny   deny  deny
"""
DRY_PRODUCTION = """
read_only          narrow  allow allow  allow ask
read_only          wide    allow allow  allow ask
reversible_write   narrow  allow allow  allow allow
reversible_write   wide    allow allow  allow allow
irreversible_write narrow  allow allow  allow allow
irreversible_write wide    allow allow  allow allow
destructive        narrow  allow allow  allow allow
destructive        wide    allow allow  allow allow
"""
TABLES = {
    ("production", False): PRODUCTION,
    ("development", False): DEVELOPMENT,
    ("staging", False): STAGING,
    ("production", True): DRY_PRODUCTION,
    ("development", True): DEVELOPMENT.replace(
        "reversible_write   narrow  allow allow  allow ask", "reversible_write   narrow  allow allow  allow allow"
    ).replace("ask   ask    ask   ask", "allow allow  allow allow"),
    ("staging", True): STAGING,
}
MARKS = tuple(itertools.product((False, True), (False, True)))  # tainted, egress


def _rows() -> list[Any]:
    rows = []
    for (environment, dry_run), table in TABLES.items():
        for line in table.strip().splitlines():
            tier, radius, *verdicts = line.split()
            for (tainted, egress), verdict in zip(MARKS, verdicts, strict=True):
                marks = {"tainted": tainted, "egress": egress, "dry_run": dry_run}
                name = "-".join([environment, tier, radius, *(mark for mark, on in marks.items() if on)])
                rows.append(pytest.param(environment, tier, radius, marks, verdict, id=name))
    return rows


@pytest.mark.parametrize(("environment", "tier", "radius", "marks", "verdict"), _rows())
def test_shipped_policy_judges_by_tier_radius_and_taint(
    environment: str, tier: str, radius: str, marks: dict[str, bool], verdict: str
) -> None:
    """APPR-1, TOOL-6, LOOP-15: the whole matrix of the shipped policy."""
    judgement = judge(call(tier=tier, blast_radius=radius, environment=environment, **marks), DEFAULT_POLICY)
    assert judgement.verdict == verdict
    assert judgement.reasons
    assert all(reason.code and reason.text for reason in judgement.reasons)


def test_table_covers_every_combination() -> None:
    """The table above leaves no call out."""
    assert len(_rows()) == len(TIERS) * 2 * 2 * 2 * 3 * 2


def codes(judgement: Judgement) -> list[str]:
    """Return the codes of the reasons."""
    return [reason.code for reason in judgement.reasons]


@pytest.mark.parametrize(
    ("changed", "verdict", "code"),
    [
        ({"granted": frozenset()}, "deny", "scope_missing"),
        ({"enabled": False}, "deny", "tool_disabled"),
        ({"environment": "moon"}, "deny", "environment_unknown"),
        ({"environment": ""}, "deny", "environment_unknown"),
        ({"tier": "reversible_write", "environment": "staging"}, "deny", "environment"),
        ({"tier": "reversible_write", "repeat": True}, "ask", "repeat"),
        ({"denied_before": True}, "ask", "denied_before"),
        ({"flags": ("homoglyph",)}, "ask", "homoglyph"),
        ({"tainted": True, "egress": True}, "ask", "tainted_egress"),
        ({"tier": "irreversible_write", "tainted": True}, "ask", "tainted_write"),
        ({"tier": "nonsense"}, "ask", "tier_asks"),
        ({"tier": "reversible_write", "blast_radius": "nonsense"}, "ask", "tier_asks"),
        ({"tier": "irreversible_write", "dry_run": True}, "allow", "dry_run"),
    ],
)
def test_each_mark_has_its_reason(changed: dict[str, Any], verdict: str, code: str) -> None:
    """APPR-1, TOOL-3, TOOL-5; THREATS 4, 18: what was marked is named among the reasons."""
    judgement = judge(call(**changed), DEFAULT_POLICY)
    assert judgement.verdict == verdict
    assert code in codes(judgement)


def test_repeated_read_is_no_matter() -> None:
    """TOOL-6: reading retries freely."""
    assert judge(call(repeat=True), DEFAULT_POLICY).verdict == "allow"


def test_unknown_tier_is_judged_as_destructive() -> None:
    """What nobody declared is taken for the worst."""
    judgement = judge(call(tier="nonsense"), DEFAULT_POLICY)
    assert judgement == judge(call(tier="destructive"), DEFAULT_POLICY)
    assert judgement.reauthenticate


def test_refusal_names_the_environment_in_words_the_model_can_read() -> None:
    """LOOP-15: a staging agent that tries to write learns why it may not."""
    judgement = judge(call(tier="irreversible_write", environment="staging"), DEFAULT_POLICY)
    assert judgement.reasons[0].text == "In staging, agents may do no more than read only; this is irreversible write."


def test_dry_run_keeps_what_would_have_been_asked() -> None:
    """LOOP-15: a dry run says what would have needed a person."""
    assert codes(judge(call(tier="destructive", dry_run=True), DEFAULT_POLICY)) == ["dry_run", "tier_asks"]


@pytest.mark.parametrize(
    ("tier", "radius", "egress", "level"),
    [
        ("read_only", "narrow", False, 1),
        ("read_only", "wide", False, 1),
        ("read_only", "narrow", True, 2),
        ("reversible_write", "narrow", False, 2),
        ("reversible_write", "wide", False, 3),
        ("irreversible_write", "narrow", True, 3),
        ("irreversible_write", "wide", False, 4),
        ("destructive", "narrow", False, 4),
        ("nonsense", "narrow", False, 4),
    ],
)
def test_risk_grows_with_tier_and_reach(tier: str, radius: str, egress: bool, level: int) -> None:
    """The four levels that pages show."""
    assert risk(tier, radius, egress) == level


def with_rules(*rules: dict[str, Any], **changed: Any) -> Policy:
    """Return the shipped policy with rules and other parts."""
    return Policy.model_validate({**DEFAULT_POLICY.model_dump(mode="json"), "rules": list(rules), **changed})


def test_rule_over_an_amount_raises_quorum_and_groups() -> None:
    """APPR-1, APPR-5: rules look at arguments; the largest quorum and every group count."""
    large = {"path": "amount_cents", "op": "gt", "value": 50_000}
    policy = with_rules(
        {"name": "large refunds", "tool": "refund", "when": large, "then": "ask", "required": 2, "groups": ["finance"]},
        {"name": "all refunds", "tool": "refund", "then": "ask", "groups": ["support|finance"]},
    )
    small = judge(call(tool="refund", arguments={"amount_cents": 50_000}), policy)
    big = judge(call(tool="refund", arguments={"amount_cents": 50_001}), policy)
    assert (small.verdict, small.required, small.groups) == ("ask", 1, ("support|finance",))
    assert (big.verdict, big.required, big.groups) == ("ask", 2, ("finance", "support|finance"))


def test_rule_over_cost_asks_above_it_only() -> None:
    """APPR-1: what the session has cost so far."""
    policy = with_rules({"name": "dear", "above_cost_microusd": 1_000, "then": "ask"})
    assert judge(call(cost_microusd=1_000), policy).verdict == "allow"
    assert judge(call(cost_microusd=1_001), policy).verdict == "ask"


@pytest.mark.parametrize("field", ["tool", "agent", "task_type", "environment"])
def test_rule_holds_only_where_everything_named_fits(field: str) -> None:
    """A rule for one tool, agent, task type or environment leaves the others alone."""
    names = {"tool": "send_email", "agent": "research-assistant", "task_type": "default", "environment": "production"}
    assert judge(call(), with_rules({"name": "all", "then": "deny", **names})).verdict == "deny"
    other = "development" if field == "environment" else "other"
    assert judge(call(), with_rules({"name": "all", "then": "deny", **names, field: other})).verdict == "allow"


def _confirming(**changed: Any) -> Policy:
    tiers = DEFAULT_POLICY.model_dump(mode="json")["tiers"]
    tiers["irreversible_write"] |= {"self_confirm": True, **changed}
    return with_rules(tiers=tiers)


def test_requester_confirms_only_where_the_tier_is_the_sole_reason() -> None:
    """TOOL-6: taint, a repeat or an earlier rejection call for somebody else; so does a quorum."""
    plain = call(tier="irreversible_write")
    assert judge(plain, _confirming()).self_confirm
    assert not judge(plain, DEFAULT_POLICY).self_confirm
    assert not judge(plain, _confirming(required=2)).self_confirm
    for mark in ("tainted", "repeat", "denied_before"):
        assert not judge(call(tier="irreversible_write", **{mark: True}), _confirming()).self_confirm


def test_groups_of_an_agent_add_to_those_of_the_tier() -> None:
    """APPR-5: groups per tier and agent."""
    tiers = DEFAULT_POLICY.model_dump(mode="json")["tiers"]
    tiers["irreversible_write"]["groups"] = ["seniors"]
    policy = with_rules(tiers=tiers, agent_groups={"research-assistant": ["research"]})
    assert judge(call(tier="irreversible_write"), policy).groups == ("seniors", "research")


LETTER = Origin(path="to.0", kind="result", label="Letter", untrusted=True)
MODEL = Origin(path="body", kind="model", own=100, prose=True)
OLGA = Origin(path="to.0", kind="user", label="Message of Olga")
HERS = Origin(path="body", kind="user", label="Message of Olga", prose=True)


@pytest.mark.parametrize(
    ("tier", "radius", "egress", "tainted", "origins", "expected"),
    [
        (
            "irreversible_write",
            "narrow",
            False,
            True,
            (LETTER, MODEL),
            "Untrusted content set to. The model wrote body itself, after",
        ),
        ("irreversible_write", "narrow", False, True, (OLGA, MODEL), "The model wrote body itself, after"),
        ("irreversible_write", "narrow", False, True, (OLGA, HERS), ""),
        ("irreversible_write", "narrow", False, False, (OLGA, MODEL), ""),
        ("irreversible_write", "narrow", False, False, (LETTER, MODEL), "Untrusted content set to."),
        ("reversible_write", "narrow", False, True, (LETTER, MODEL), "Untrusted content set to."),
        ("reversible_write", "narrow", False, True, (OLGA, MODEL), ""),
        ("reversible_write", "narrow", True, True, (OLGA, MODEL), "The model wrote body itself, after"),
        ("read_only", "narrow", False, True, (LETTER, MODEL), ""),
        ("read_only", "narrow", True, True, (LETTER,), "Untrusted content set to."),
    ],
)
def test_values_of_untrusted_origin_are_a_reason(
    tier: str, radius: str, egress: bool, tainted: bool, origins: tuple[Origin, ...], expected: str
) -> None:
    """APPR-1, THREATS section 2: in a tainted session what the model wrote itself counts as untrusted too."""
    judged = judge(call(tier=tier, blast_radius=radius, egress=egress, tainted=tainted, origins=origins), DEFAULT_POLICY)
    told = {reason.code: reason.text for reason in judged.reasons}.get("untrusted_value", "")
    assert told.startswith(expected) if expected else not told
    if expected:
        assert judged.verdict == "ask"


def test_policy_can_deny_what_untrusted_values_set() -> None:
    """GUARD-11: the document says how grave it is."""
    strict = DEFAULT_POLICY.model_copy(update={"tainted": DEFAULT_POLICY.tainted.model_copy(update={"values": "deny"})})
    assert (
        judge(call(tier="reversible_write", blast_radius="narrow", tainted=True, origins=(LETTER,)), strict).verdict == "deny"
    )


GIVEN = Origin(path="to", kind="user", label="Message of Olga")
OWN = Origin(path="to", kind="model", own=100)
QUOTED = Origin(path="to", kind="result", label="Letter", untrusted=True)


@pytest.mark.parametrize(
    ("to", "origin", "policy", "verdict"),
    [
        ("kim@example.com", GIVEN, DEFAULT_POLICY, "allow"),
        ("kim@example.com", OWN, DEFAULT_POLICY, "ask"),
        ("kim@example.com", QUOTED, DEFAULT_POLICY, "ask"),
        ("kim@example.com", QUOTED, with_rules(recipients=["@example.com"]), "allow"),
        ("kim@example.com.thief.example", QUOTED, with_rules(recipients=["@example.com"]), "ask"),
        ("https://docs.example.com/a", OWN, with_rules(hosts=["example.com"]), "allow"),
        ("https://example.com.thief.example/", OWN, with_rules(hosts=["example.com"]), "ask"),
        ("example.com", OWN, with_rules(hosts=["example.com"]), "ask"),
    ],
)
def test_only_what_people_gave_or_policy_knows_leaves_a_tainted_session_unasked(
    to: str, origin: Origin, policy: Policy, verdict: str
) -> None:
    """GUARD-11: hosts and recipients on the lists, and values of a person, are asked about by their tier alone."""
    facts = call(egress=True, tainted=True, arguments={"to": to}, origins=(origin,))
    assert judge(facts, policy).verdict == verdict


def test_a_reviewers_words_are_no_leave_to_carry_something_out() -> None:
    """THREATS 57: an instruction of a reviewer names a place; the session that it goes to is tainted all the same."""
    origin = Origin(path="to", kind="reviewer", label="A reviewer’s words")
    assert (
        judge(call(egress=True, tainted=True, arguments={"to": "kim@example.com"}, origins=(origin,)), DEFAULT_POLICY).verdict
        == "ask"
    )


@pytest.mark.parametrize(("setting", "verdict"), [("allow", "ask"), ("ask", "ask"), ("deny", "deny")])
def test_untrusted_content_private_data_and_a_way_out_need_a_person(setting: str, verdict: str) -> None:
    """GUARD-11: the rule of two; two of the three are let through, by default all three ask, and policy may refuse them."""
    strict = with_rules(tainted={"all_three": setting})
    everything = {"tier": "irreversible_write", "tainted": True, "private": True}
    assert judge(call(**everything), strict).verdict == verdict
    assert ("all_three" in codes(judge(call(**everything), strict))) == (setting != "allow")
    for missing in ({"tainted": False}, {"private": False}, {"tier": "read_only"}):
        assert "all_three" not in codes(judge(call(**{**everything, **missing}), strict))


def test_an_address_of_the_models_own_asks_even_where_the_write_is_slight() -> None:
    """GUARD-11: an order that was encoded leaves no trace in the text; what it names is an address all the same."""
    slight = {"tier": "reversible_write", "tainted": True, "arguments": {"to": "collect@thief.example"}}
    assert judge(call(**slight, origins=(OWN,)), DEFAULT_POLICY).verdict == "ask"
    assert judge(call(**{**slight, "arguments": {"to": "Our notes"}}, origins=(OWN,)), DEFAULT_POLICY).verdict == "allow"
