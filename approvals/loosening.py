"""What a next policy lets through that the one before did not. Pure.

Said with care: where two documents cannot be compared (a rule that covers other calls than before), it counts as a
loosening. Where nothing is said here, no call is judged more mildly than before, whatever the call;
`tests/approvals/test_loosening.py` holds that for any two documents.
"""

from collections.abc import Iterator

from approvals.document import TAINT_VERDICTS, Condition, Policy, Repeat, Rule, TierRule
from approvals.facts import ENVIRONMENTS, SEVERITY, TIERS, Tier

VERBS = {"allow": "run without asking", "ask": "ask people", "deny": "are refused"}


def loosened(before: Policy, after: Policy) -> tuple[str, ...]:
    """Return a sentence for everything that `after` lets through and `before` did not; none for a pure tightening."""
    return (
        *(said for tier in TIERS for said in _tier(tier, before.tiers[tier], after.tiers[tier])),
        *_environments(before, after),
        *_tainted(before, after),
        *_rules(before, after),
        *_people(before, after),
        *_known(before, after),
        *(
            ["Prompt versions are released by one person."]
            if before.releases.second_person and not after.releases.second_person
            else ()
        ),
        *(["Admins may break the glass."] if after.break_glass.enabled and not before.break_glass.enabled else ()),
    )


def _tier(tier: Tier, before: TierRule, after: TierRule) -> Iterator[str]:
    name = tier.replace("_", " ")
    for radius, was, now in (("narrow", before.narrow, after.narrow), ("wide", before.wide, after.wide)):
        if SEVERITY[now] < SEVERITY[was]:
            yield f"{radius.capitalize()} {name} calls {VERBS[now]}; before, they {_past(was)}."
    if after.required < before.required:
        yield f"{name.capitalize()} calls need {after.required} instead of {before.required} people."
    for group in sorted(set(before.groups) - set(after.groups)):
        yield f"{name.capitalize()} calls no longer need somebody of {_either(group)}."
    if after.self_confirm and not before.self_confirm:
        yield f"Whoever asked for a {name} call may confirm it himself."
    if before.reauthenticate and not after.reauthenticate:
        yield f"Approving {name} calls no longer asks for the password."
    if after.hold_s < before.hold_s:
        yield f"An approval of {name} calls can be undone for {after.hold_s} instead of {before.hold_s} seconds."
    if after.dwell_s < before.dwell_s:
        yield f"{name.capitalize()} calls can be approved after {after.dwell_s} instead of {before.dwell_s} seconds."
    yield from _repeat(name, before.repeat, after.repeat)


def _repeat(name: str, before: Repeat | None, after: Repeat | None) -> Iterator[str]:
    if after is None:
        return
    if before is None:
        yield f"One approval may let up to {after.count} more {name} calls of a session run, for {after.minutes} minutes."
    elif after.count > before.count or after.minutes > before.minutes:
        yield (
            f"One approval may let up to {after.count} more {name} calls of a session run, for {after.minutes} minutes;"
            f" before, {before.count}, for {before.minutes} minutes."
        )


def _past(verdict: str) -> str:
    return {"allow": "ran without asking", "ask": "asked people", "deny": "were refused"}[verdict]


def _either(group: str) -> str:
    return " or ".join(group.split("|"))


def _environments(before: Policy, after: Policy) -> Iterator[str]:
    for name in ENVIRONMENTS:
        was, now = before.environments[name].up_to, after.environments[name].up_to
        if TIERS.index(now) > TIERS.index(was):
            yield f"Agents in {name} may do up to {now.replace('_', ' ')}; before, up to {was.replace('_', ' ')}."


def _tainted(before: Policy, after: Policy) -> Iterator[str]:
    for what in TAINT_VERDICTS:
        was, now = getattr(before.tainted, what), getattr(after.tainted, what)
        if SEVERITY[now] < SEVERITY[was]:
            yield f"After untrusted content, {what.replace('_', ' ')} {VERBS[now]}; before, they {_past(was)}."
    if before.tainted.quarantine == "flagged" and after.tainted.quarantine == "off":
        yield "Results that look like orders are no longer kept from the model."


def _rules(before: Policy, after: Policy) -> Iterator[str]:
    kept = {rule.name: rule for rule in after.rules}
    for rule in before.rules:
        if rule.name not in kept:
            yield f"The rule '{rule.name}' is gone."
        elif (now := kept[rule.name]) != rule:
            yield from _rule(rule, now)


def _rule(before: Rule, after: Rule) -> Iterator[str]:
    if not _covers(before, after):
        yield f"The rule '{before.name}' may cover fewer calls than before."
    if SEVERITY[after.then] < SEVERITY[before.then]:
        yield f"The rule '{before.name}' asks people; before, it refused."
    if after.then == "deny":
        return  # nobody is asked any more
    if after.required < before.required:
        yield f"The rule '{before.name}' needs {after.required} instead of {before.required} people."
    for group in sorted(set(before.groups) - set(after.groups)):
        yield f"The rule '{before.name}' no longer needs somebody of {_either(group)}."


def _covers(before: Rule, after: Rule) -> bool:
    """Return whether every call that `before` fits is surely one that `after` fits."""
    names = ("agent", "task_type", "environment")
    if any(getattr(after, name) not in ("", getattr(before, name)) for name in names):
        return False
    # A rule that names its tool also holds where the argument is missing; one for every tool does not.
    if after.tool != before.tool and (after.tool or after.when is not None):
        return False
    above = after.above_cost_microusd
    if above is not None and (before.above_cost_microusd is None or above > before.above_cost_microusd):
        return False
    return after.when is None or (before.when is not None and _reaches(before.when, after.when))


def _reaches(before: Condition, after: Condition) -> bool:
    if before == after:
        return True
    if (before.path, before.op) != (after.path, after.op):
        return False
    was, now = before.value, after.value
    if isinstance(was, int | float) and isinstance(now, int | float):
        return now <= was if before.op in ("gt", "ge") else now >= was if before.op in ("lt", "le") else False
    return False


def _people(before: Policy, after: Policy) -> Iterator[str]:
    for agent, groups in sorted(before.agent_groups.items()):
        for group in sorted(set(groups) - set(after.agent_groups.get(agent, ()))):
            yield f"Requests of {agent} no longer need somebody of {_either(group)}."
    was, now = before.asking, after.asking
    if now.refusals > was.refusals:
        yield f"Agents may ask for the same again until it was refused {now.refusals} instead of {was.refusals} times."
    if now.open_per_session > was.open_per_session:
        yield f"A session may have {now.open_per_session} instead of {was.open_per_session} requests open."
    if now.open_per_agent > was.open_per_agent:
        yield f"An agent may have {now.open_per_agent} instead of {was.open_per_agent} requests open."
    if after.ttl_s > before.ttl_s:
        yield "Requests and approvals stay open longer."
    if after.claims.extensions > before.claims.extensions or after.claims.extension_s > before.claims.extension_s:
        yield "Requests can be given more time than before."


def _known(before: Policy, after: Policy) -> Iterator[str]:
    for what, was, now in (("recipient", before.recipients, after.recipients), ("host", before.hosts, after.hosts)):
        for entry in sorted(set(now) - set(was)):
            yield f"{entry} is a known {what}."
