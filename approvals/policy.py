"""What may be done, and who may agree to it: `judge` for a tool call, `may_decide` for a person.

Pure: functions of values, the same answer for the same input, no clock and no database. The model has no say in it.
Everything unknown is read in its strictest sense; a rule can only make a judgement graver. The document that is
read stands in `approvals.document`, the values in `approvals.facts`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import cast

from approvals.conditions import holds
from approvals.document import DEFAULT_POLICY, Condition, EnvironmentRule, Policy, Rule, TaintRule, TierRule
from approvals.facts import (
    SEVERITY,
    STRICTEST,
    TIERS,
    CallFacts,
    DecisionVerdict,
    Environment,
    Judgement,
    Origin,
    Person,
    Place,
    Radius,
    Reason,
    Refusal,
    RequestFacts,
    Tier,
    Verdict,
)
from approvals.untrusted import accounted, all_three, flag_text, known_place, names_place

__all__ = [
    "DEFAULT_POLICY", "TIERS", "VERDICTS", "CallFacts", "Condition", "DecisionVerdict", "Environment", "EnvironmentRule",
    "Judgement", "Origin", "Person", "Place", "Policy", "Reason", "Refusal", "RequestFacts", "Rule", "TaintRule", "Tier",
    "TierRule", "Verdict", "judge", "may_decide", "may_stand_in", "place_for", "risk", "verdicts_for",
]  # fmt: skip

VERDICTS: dict[str, tuple[DecisionVerdict, ...]] = {
    "tool_call": ("approve", "reject", "edit"),
    "budget": ("extend", "reject"),
    "question": ("answer", "reject"),
    "unknown_outcome": ("happened", "run_again", "give_up"),
    "stuck": ("answer", "give_up"),
    "prompt_release": ("approve", "reject"),
}
"""The verdicts of each kind of request."""

_DECIDERS: dict[str, frozenset[str]] = {
    "tool_call": frozenset({"reviewer", "admin"}),
    "question": frozenset({"reviewer", "admin"}),
    "budget": frozenset({"reviewer", "operator", "admin"}),
    "unknown_outcome": frozenset({"reviewer", "operator", "admin"}),
    "stuck": frozenset({"reviewer", "operator", "admin"}),
    "prompt_release": frozenset({"reviewer", "prompt_manager", "admin"}),
}

DECIDERS: frozenset[str] = frozenset().union(*_DECIDERS.values())
"""Roles that decide anything at all."""

READERS = frozenset({"reviewer", "operator", "admin"})
"""Roles of those who decide and read the raw content of it; who cannot read a call decides it in nobody's place."""

LENDABLE = frozenset({"role", "group"})
"""Refusals that somebody else's place can answer: what is missing is a role or a group, nothing else."""

_TIER_WORDS: dict[Tier, str] = {
    "read_only": "It only reads.",
    "reversible_write": "It writes something that can be taken back.",
    "irreversible_write": "It cannot be taken back.",
    "destructive": "It destroys something.",
}


_ALL_THREE = "The session has read untrusted content and private data, and this carries something out or changes it."


@dataclass(frozen=True, slots=True)
class _Finding:
    """One thing that speaks for a verdict, and what it asks of a quorum."""

    verdict: Verdict
    code: str
    text: str
    required: int = 1
    groups: tuple[str, ...] = ()


def judge(facts: CallFacts, policy: Policy) -> Judgement:
    """Judge one tool call: allow, ask people, or deny, with every reason for it.

    The gravest finding wins; a quorum is the largest that any finding asks for, and all their groups must be met.
    A dry run is judged like a real one, but writes that would ask are allowed, because they only report.
    """
    tier, radius = _tier(facts), _radius(facts)
    row = policy.tiers[tier]
    findings = [
        *_forbidden(facts, policy, tier),
        *_matrix(row, tier, radius),
        *_marks(facts, policy, tier, radius),
        *_values(facts, policy, tier, radius),
        *_rules(facts, policy),
    ]
    verdict = max((finding.verdict for finding in findings), key=SEVERITY.__getitem__)
    telling = [finding for finding in findings if finding.verdict == verdict]
    asking = [finding for finding in findings if finding.verdict == "ask"]
    required = max([row.required, *(finding.required for finding in asking)])
    rehearsed = facts.dry_run and tier != "read_only" and verdict == "ask"
    reasons = tuple(Reason(finding.code, finding.text) for finding in telling)
    if rehearsed:
        reasons = (Reason("dry_run", "This is a dry run: it only reports what it would have done."), *reasons)
    return Judgement(
        verdict="allow" if rehearsed else verdict,
        reasons=reasons,
        risk=risk(tier, radius, facts.egress),
        required=required,
        groups=_together(row.groups, policy.agent_groups.get(facts.agent, ()), *(finding.groups for finding in asking)),
        # Whoever asked may confirm it himself only where its tier is the sole reason to ask.
        self_confirm=row.self_confirm and required == 1 and {finding.code for finding in findings} == {"tier_asks"},
        reauthenticate=row.reauthenticate,
        hold_s=row.hold_s,
        ttl_s=policy.ttl_s,
    )


def risk(tier: str, blast_radius: str, egress: bool) -> int:
    """Return 1 (low), 2 (elevated), 3 (high) or 4 (critical): how bad a wrong call could be."""
    level = TIERS.index(tier if tier in TIERS else STRICTEST) + (2 if tier != "read_only" and blast_radius != "narrow" else 1)
    return min(4, max(level, 2 if egress else 1))


def verdicts_for(person: Person, request: RequestFacts) -> tuple[DecisionVerdict, ...]:
    """Return the verdicts that `person` may give now on a pending request."""
    return tuple(verdict for verdict in VERDICTS.get(request.kind, ()) if may_decide(person, request, verdict) is None)


def may_decide(person: Person, request: RequestFacts, verdict: str) -> Refusal | None:
    """Return why `person` may not give `verdict` on `request`, or None where he may.

    Four eyes hold for everybody, admins too. Where policy lets the requester confirm his own call, that is for the
    requester alone. Fresh reauthentication is asked for what would let a call run, never for a rejection. Whoever lacks
    a role or a group may decide in the place of somebody who has them, where `person.places` says so.
    """
    refusal = _may_by_own_right(person, request, verdict)
    if refusal is None or refusal.code not in LENDABLE:
        return refusal
    lent = [may_stand_in(person, place, request, verdict) for place in person.places]
    if None in lent:
        return None
    return next((other for other in lent if other and other.code.startswith("reauthenticat")), refusal)


def may_stand_in(person: Person, place: Place, request: RequestFacts, verdict: str) -> Refusal | None:
    """Return why `person` may not give `verdict` in this place, or None. Neither of the two may have a part in it.

    The place's roles count alone, not with the person's own: nobody decides what neither of the two could.
    """
    if place.of in request.excluded or place.of == request.requester:
        return Refusal("four_eyes", f"{place.name} has a part in this, so nobody decides it in that place.")
    if request.kind != "prompt_release" and not person.roles & READERS:
        return Refusal("role", "Your own roles do not read what this would do, so you decide it in nobody's place.")
    lent = replace(person, roles=place.roles, places=())
    return _may_by_own_right(lent, replace(request, self_confirm=False), verdict)


def place_for(person: Person, request: RequestFacts, verdict: str, *, given_to: int | None = None) -> Place | None:
    """Return the place in which `person` gives a verdict that they may give; None where it is their own.

    A request that was given to somebody absent is decided in that place, if it may be.
    """
    fit = [place for place in person.places if may_stand_in(person, place, request, verdict) is None]
    if named := [place for place in fit if place.of == given_to]:
        return named[0]
    return fit[0] if fit and _may_by_own_right(person, request, verdict) is not None else None


def _may_by_own_right(person: Person, request: RequestFacts, verdict: str) -> Refusal | None:
    if person.service:
        return Refusal("service_token", "A service token cannot decide; a person has to.")
    if verdict not in VERDICTS.get(request.kind, ()):
        return Refusal("invalid_verdict", f"'{verdict}' is not a verdict on a request of kind '{request.kind}'.")
    confirms_own = request.self_confirm and request.requester == person.id
    if not confirms_own and (refusal := _not_theirs(person, request)):
        return refusal
    if request.reauthenticate and verdict in ("approve", "edit") and not person.reauthenticated:
        if person.reauthenticated is None:
            return Refusal("reauthentication_impossible", "This asks for your password again, which a token cannot give.")
        return Refusal("reauthenticate", "Confirm who you are first: this asks for your password again.")
    return None


def _not_theirs(person: Person, request: RequestFacts) -> Refusal | None:
    if person.id in request.excluded or person.id == request.requester:
        return Refusal("four_eyes", "You started this, act in it or wrote in it, so somebody else has to decide.")
    if not person.roles & _DECIDERS[request.kind]:
        return Refusal("role", "Your roles do not decide requests of this kind.")
    for group in request.groups:
        if not person.roles & set(group.split("|")):
            return Refusal("group", f"This is for members of: {' or '.join(group.split('|'))}.")
    return None


def _tier(facts: CallFacts) -> Tier:
    return facts.tier if facts.tier in TIERS else STRICTEST


def _radius(facts: CallFacts) -> Radius:
    return "narrow" if facts.blast_radius == "narrow" else "wide"


def _forbidden(facts: CallFacts, policy: Policy, tier: Tier) -> Iterator[_Finding]:
    if not facts.enabled:
        yield _Finding("deny", "tool_disabled", f"The tool {facts.tool} is switched off by an operator.")
    if missing := sorted(facts.scopes - facts.granted):
        yield _Finding("deny", "scope_missing", f"The task type '{facts.task_type}' does not grant: {', '.join(missing)}.")
    if facts.suspended not in (None, "allow"):
        yield _Finding(facts.suspended, "degraded", "The agent works degraded, and suspends calls of this tier meanwhile.")
    limit = policy.environments.get(cast(Environment, facts.environment))
    if limit is None:
        yield _Finding("deny", "environment_unknown", f"Policy knows no environment '{facts.environment}'.")
    elif TIERS.index(tier) > TIERS.index(limit.up_to):
        most, this = limit.up_to.replace("_", " "), tier.replace("_", " ")
        yield _Finding("deny", "environment", f"In {facts.environment}, agents may do no more than {most}; this is {this}.")


def _matrix(row: TierRule, tier: Tier, radius: Radius) -> Iterator[_Finding]:
    verdict: Verdict = row.narrow if radius == "narrow" else row.wide
    far = " It reaches far." if radius == "wide" and tier != "read_only" else ""
    code = {"allow": "tier_allows", "ask": "tier_asks", "deny": "tier_denies"}[verdict]
    yield _Finding(verdict, code, _TIER_WORDS[tier] + far)


def _marks(facts: CallFacts, policy: Policy, tier: Tier, radius: Radius) -> Iterator[_Finding]:
    slight = tier == "read_only" or (tier, radius) == ("reversible_write", "narrow")
    leaves = facts.egress and not accounted(facts, policy)
    if facts.tainted and leaves:
        yield _Finding(policy.tainted.egress, "tainted_egress", "It can carry data out, after untrusted content was read.")
    if facts.tainted and not slight:
        yield _Finding(policy.tainted.writes, "tainted_write", "Untrusted content was read before, and may have led to this.")
    if policy.tainted.all_three != "allow" and all_three(replace(facts, egress=leaves), slight=slight):
        yield _Finding(policy.tainted.all_three, "all_three", _ALL_THREE)
    if facts.repeat and tier != "read_only":
        yield _Finding("ask", "repeat", "The same call was already made in this session, or its outcome is unknown.")
    if facts.denied_before:
        yield _Finding("ask", "denied_before", "A person has rejected the same intent in this session.")
    if facts.refused >= policy.asking.refusals:
        times = "once" if facts.refused == 1 else f"{facts.refused} times"
        yield _Finding("deny", "refused_often", f"People refused this {times} in this session, so they are not asked again.")
    for flag in facts.flags:
        yield _Finding("ask", flag, flag_text(flag))


def _values(facts: CallFacts, policy: Policy, tier: Tier, radius: Radius) -> Iterator[_Finding]:
    """Look at where the values come from; of a narrow reversible write only at what names something, not at its text."""
    if tier == "read_only" and not facts.egress:
        return
    slight = (tier, radius) == ("reversible_write", "narrow") and not facts.egress
    doubtful = [origin for origin in facts.origins if origin.doubtful(tainted=facts.tainted)]
    doubtful = [origin for origin in doubtful if not known_place(origin, facts, policy)]
    foreign = _arguments(origin for origin in doubtful if origin.untrusted and not (slight and origin.prose))
    own = _arguments(
        origin
        for origin in doubtful
        if not origin.untrusted and not (slight and (origin.prose or not names_place(origin, facts)))
    )
    told = [
        *([f"Untrusted content set {foreign}."] if foreign else ()),
        *([f"The model wrote {own} itself, after it had read untrusted content."] if own else ()),
    ]
    if told:
        yield _Finding(policy.tainted.values, "untrusted_value", " ".join(told))


def _arguments(origins: Iterable[Origin]) -> str:
    # The first part of a path is the schema's own name; what follows it may be the model's words.
    names = list(dict.fromkeys(origin.path.partition(".")[0] for origin in origins))
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _rules(facts: CallFacts, policy: Policy) -> Iterator[_Finding]:
    for rule in policy.rules:
        if _applies(rule, facts, policy):
            yield _Finding(rule.then, "rule", rule.reason, rule.required, rule.groups)


def _applies(rule: Rule, facts: CallFacts, policy: Policy) -> bool:
    wanted = (rule.tool, rule.agent, rule.task_type, rule.environment)
    given = (facts.tool, facts.agent, facts.task_type, facts.environment)
    if any(want not in ("", have) for want, have in zip(wanted, given, strict=True)):
        return False
    if rule.above_cost_microusd is not None and facts.cost_microusd <= rule.above_cost_microusd:
        return False
    return rule.when is None or holds(
        rule.when, facts.arguments, policy, named=bool(rule.tool), origins=facts.origins, tainted=facts.tainted
    )


def _together(*sources: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(group for source in sources for group in source))
