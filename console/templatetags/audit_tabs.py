"""The pages of the audit area, as tabs: those alone that whoever looks may open; below them what verification found."""

from typing import Any

from django import template

from console.auth import caller_of
from console.rights import Right

register = template.Library()

TABS: tuple[tuple[str, str, Right], ...] = (
    ("Entries", "audit", Right.READ_OWN_AUDIT),
    ("Sessions", "audit-sessions", Right.READ_AUDIT),
    ("Exports", "audit-exports", Right.EXPORT_AUDIT),
    ("Verification", "audit-verifications", Right.READ_AUDIT),
    ("Agreement", "audit-agreement", Right.VERIFY_AUDIT),
    ("Content", "audit-content", Right.READ_AUDIT),
    ("Push", "audit-push", Right.READ_AUDIT),
)  # fmt: skip
"""Word, name of the address, and the right that its page asks for; in the order in which they stand."""


@register.inclusion_tag("audit/_tabs.html", takes_context=True)
def audit_tabs(context: template.Context, current: str) -> dict[str, Any]:
    """Return the tabs; `current` is the name of the address that is open."""
    caller = caller_of(context["request"])
    tabs = [(word, name) for word, name, right in TABS if caller.has(right)]
    return {"tabs": tabs, "current": current, **_found(context)}


@register.inclusion_tag("audit/_finding.html", takes_context=True)
def audit_finding(context: template.Context) -> dict[str, Any]:
    """Return what verification found and nobody has answered, for a page of the area that has no tabs."""
    return _found(context)


def _found(context: template.Context) -> dict[str, Any]:
    """Return what is told above every page of the area; on its own page a finding stands already."""
    finding = context["shell"].get("finding")
    shown = context.get("run") or {}
    if finding is not None and shown.get("n") == finding.pk:
        finding = None
    return {"finding": finding, "may_read": caller_of(context["request"]).has(Right.READ_AUDIT)}
