"""The policy: what it says, how often it made people decide, every revision it had, and how two of them differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe
from pydantic import ValidationError

from agents.queries import refused_by_reason
from approvals import measures, policies, queries
from approvals.document import Policy, TierRule
from approvals.facts import ENVIRONMENTS, TIERS
from approvals.loosening import loosened
from approvals.measures import Figures
from approvals.models import PolicyRevision
from console.auth import caller_of
from console.diff import line_diff
from console.formats import duration, exact, grouped, middle
from console.fragments import page
from console.looks import TIER_WORDS
from console.policy_words import (
    ASKING_WORDS,
    QUARANTINE_WORDS,
    TAINT_WORDS,
    VERDICT_WORDS,
    asked,
    claim_lines,
    lines,
    repeated,
    sentence,
)
from console.rights import Right
from console.templatetags.ui import pretty_json
from console.views.filters import choice, no_other
from console.views.guard import guard
from console.whole import whole

DAYS = 7
SHOWN = 50
VIEWS = ("text", "diff")
REASONS = {
    "tier_asks": "The tier itself",
    "refused_often": "People refused it before, as often as is asked",
    "tainted_egress": "It could carry data out, after untrusted content",
    "tainted_write": "It writes, after untrusted content",
    "untrusted_value": "Untrusted content or the model set a value of it",
    "all_three": "Untrusted content, private data and a way out met",
    "shift_credentials": "It looked for passwords, after untrusted content",
    "shift_host": "It turned to an unnamed place, after untrusted content",
    "shift_exfiltration": "It would carry out what it read inside, after untrusted content",
    "secret_inside": "A password or key would leave",
    "repeat": "The same call was made before",
    "denied_before": "A person rejected the same intent before",
    "tool_disabled": "The tool is switched off",
    "scope_missing": "The task type does not grant it",
    "environment": "The environment does not allow it",
    "environment_unknown": "The environment is not known",
    "tier_denies": "The tier itself",
    "dry_run": "A dry run",
}


@require_safe
@guard(Right.SEE)
def policy(request: HttpRequest) -> HttpResponse:
    """Show the policy that judges now, how often each rule made people decide, and the revisions."""
    return page(request, "policies/page.html", lambda: _now(request))


@require_safe
@guard(Right.SEE)
def revision(request: HttpRequest, number: int) -> HttpResponse:
    """Show one revision, or how it differs from another."""
    return page(request, "policies/revision.html", lambda: _one(request, number))


def may_edit(request: HttpRequest) -> bool:
    """Return whether this person may save a policy."""
    return caller_of(request).has(Right.ADMINISTER)


def _now(request: HttpRequest) -> dict[str, Any]:
    now, rows = policies.current(fresh=True), queries.policy_revisions(SHOWN)
    figures, refused = measures.by_reason(DAYS), refused_by_reason(DAYS)
    tiers = {row.name: row for row in measures.by_tool(DAYS) if row.kind == "tier"}
    found = {(row.kind, row.name): row for row in figures}
    return {
        "nav": "policies",
        "days": DAYS,
        "number": now.number,
        "saved": _line(rows[0]) if rows else None,
        "tiers": [_tier(name, now.policy.tiers[name], tiers.get(name)) for name in TIERS],
        "rules": [
            {"name": rule.name, "said": sentence(rule), "then": rule.then, "verdict": VERDICT_WORDS[rule.then],
             **_figures(found.get(("rule", rule.name)), refused.get(("rule", rule.name), 0))}
            for rule in now.policy.rules
        ],
        "reasons": _reasons(figures, refused),
        "limits": _limits(now.policy),
        "known": _known(now.policy),
        "revisions": [_line(row) for row in rows],
        "may_edit": may_edit(request),
    }  # fmt: skip


def _tier(name: str, row: TierRule, figures: Figures | None) -> dict[str, Any]:
    asks = "ask" in (row.narrow, row.wide)
    marks = [
        "asks for the password" if row.reauthenticate else "",
        "whoever asked may confirm" if row.self_confirm else "",
        f"{row.hold_s} s to undo" if row.hold_s else "no undo",
        f"to be looked at for {row.dwell_s} s" if row.dwell_s else "",
        f"one approval covers {repeated(row.repeat)}" if row.repeat else "",
    ]
    return {
        "name": name,
        "word": TIER_WORDS[name],
        "narrow": row.narrow,
        "wide": row.wide,
        "narrow_word": VERDICT_WORDS[row.narrow],
        "wide_word": VERDICT_WORDS[row.wide],
        "who": asked(row.required, row.groups).capitalize(),
        "marks": ", ".join(filter(None, marks)),
        "asks": asks,
        **_figures(figures, 0),
    }


def _figures(figures: Figures | None, refused: int) -> dict[str, Any]:
    if figures is None:
        return {"asked": 0, "refused": refused, "matches": refused, "rate": None, "figures": None}
    return {
        "asked": figures.asked,
        "refused": refused,
        "matches": figures.asked + refused,
        "rate": figures.rate,
        "figures": figures,
    }


def _reasons(figures: Sequence[Figures], refused: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """Return the reasons beside rules, those of requests and those of refusals."""
    found = {row.kind: row for row in figures if row.kind != "rule"}
    codes = sorted({*found, *(code for code, _ in refused if code != "rule")})
    rows = [
        {
            "name": REASONS.get(code, code.replace("_", " ").capitalize()),
            **_figures(found.get(code), refused.get((code, ""), 0)),
        }
        for code in codes
    ]
    return sorted(rows, key=lambda row: -row["matches"])


def _limits(policy: Policy) -> list[dict[str, str]]:
    return [
        *({"label": f"Agents in {name}", "value": f"up to {TIER_WORDS[policy.environments[name].up_to].lower()}"} for name in ENVIRONMENTS),
        *(
            {"label": f"After untrusted content, {word}", "value": VERDICT_WORDS[getattr(policy.tainted, part)].lower()}
            for part, word in TAINT_WORDS.items()
        ),
        {"label": "Results that look like orders", "value": QUARANTINE_WORDS[policy.tainted.quarantine]},
        *({"label": word, "value": grouped(getattr(policy.asking, part))} for part, word in ASKING_WORDS.items()),
        {"label": "Requests stay open", "value": duration(policy.ttl_s * 1000)},
        *({"label": label, "value": value} for label, value in claim_lines(policy.claims)),
    ]  # fmt: skip


def _known(policy: Policy) -> list[dict[str, Any]]:
    groups = [f"{agent}: {', '.join(names)}" for agent, names in sorted(policy.agent_groups.items())]
    lists = (("Recipients", policy.recipients), ("Hosts", policy.hosts), ("Groups by agent", groups))
    return [{"label": label, "entries": list(entries)} for label, entries in lists if entries]


def _line(row: PolicyRevision) -> dict[str, Any]:
    return {
        "number": row.number,
        "url": reverse("policy-revision", args=[row.number]),
        "by": row.created_by,
        "at": row.created_at,
        "note": row.note,
        "live": row.current,
    }


def _one(request: HttpRequest, number: int) -> dict[str, Any]:
    row, rows = policies.revision(number), queries.policy_revisions(SHOWN)
    other = _against(request, number)
    view, wrong = choice(request.GET, "view", VIEWS, "text")
    diff = view == "diff" and other is not None
    return {
        "nav": "policies",
        "revision": {**_line(row), "checksum": row.checksum},
        "revisions": [{**_line(one), "current": one.number == number} for one in rows],
        "others": [one.number for one in rows if one.number != number],
        "text": text_of(row),
        "document": row.document,
        "view": "diff" if diff else "text",
        "against": other.number if other else 0,
        "left_out": wrong or no_other(request.GET, "revision", str(other.number) if other else ""),
        "diff": line_diff(text_of(other), text_of(row)) if diff and other else None,
        "loosens": _loosens(other, row) if diff and other else (),
        "rows": [
            {"label": "Saved by", "value": row.created_by},
            {"label": "Saved", "value": exact(row.created_at)},
            {"label": "SHA-256", "value": middle(row.checksum, 8, 8), "mono": True},
        ],
        "may_restore": may_edit(request) and not row.current,
    }


def _against(request: HttpRequest, number: int) -> PolicyRevision | None:
    """Return the revision to compare with: another one that is asked for, else the one before. Raises UnknownRevision."""
    asked = whole(request.GET.get("against", ""), digits=9)
    if asked is not None and asked != number:
        return policies.revision(asked)
    return PolicyRevision.objects.filter(number=number - 1).first()


def text_of(row: PolicyRevision) -> str:
    """Return a revision in words; one that this version cannot read any more as it is stored."""
    try:
        return lines(Policy.model_validate(row.document))
    except ValidationError:
        return pretty_json(row.document)


def _loosens(before: PolicyRevision, after: PolicyRevision) -> tuple[str, ...]:
    try:
        return loosened(Policy.model_validate(before.document), Policy.model_validate(after.document))
    except ValidationError:
        return ()
