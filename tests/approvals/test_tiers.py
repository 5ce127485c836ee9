"""An operator's levers on tools."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from approvals.errors import InvalidVerdict, NotAllowedToSet, StaleSetting
from approvals.facts import TIERS
from approvals.models import ToolSetting
from approvals.tiers import effective, set_tool, settings
from audit.models import AuditEntry
from tests.approvals.conftest import by

pytestmark = pytest.mark.django_db


def put(user: User, **said: Any) -> ToolSetting:
    """Set the tool as `user`; it declares itself an irreversible write."""
    return set_tool(name="send_email", declared="irreversible_write", **{"reason": "Incident 12", **said}, **by(user))


def now() -> tuple[str, bool]:
    """Return what holds for the tool."""
    return effective("send_email", "irreversible_write", settings())


def test_untouched_tool_is_as_it_declares_itself() -> None:
    """TOOL-6: no setting, no change."""
    assert now() == ("irreversible_write", True)


def test_operator_raises_a_tier_and_switches_off_and_on(olga: User) -> None:
    """TOOL-6: with a reason, in the log."""
    put(olga, tier="destructive")
    assert now() == ("destructive", True)
    put(olga, enabled=False)
    assert now() == ("destructive", False)
    put(olga, enabled=True)
    assert now() == ("destructive", True)
    entries = AuditEntry.objects.filter(stream="tool:send_email").order_by("seq")
    assert [entry.kind for entry in entries] == ["tool.set", "tool.disabled", "tool.enabled"]
    assert entries[0].body_json["facts"] == {
        "declared": "irreversible_write",
        "tier_before": "irreversible_write",
        "tier": "destructive",
        "tool": "send_email",
        "reason": "Incident 12",
    }


def test_lowering_needs_an_admin(olga: User, ada: User) -> None:
    """TOOL-6: also back down to what the tool declares."""
    put(olga, tier="destructive")
    with pytest.raises(NotAllowedToSet):
        put(olga, tier="irreversible_write")
    put(ada, tier="irreversible_write")
    assert now() == ("irreversible_write", True)
    assert ToolSetting.objects.get().tier is None
    with pytest.raises(NotAllowedToSet):
        put(olga, tier="read_only")
    put(ada, tier="read_only")
    assert now() == ("read_only", True)


@pytest.mark.parametrize("tier", TIERS)
def test_nobody_else_sets_tools(rosa: User, tier: str) -> None:
    """The rights table: reviewers decide, operators and admins set."""
    with pytest.raises(NotAllowedToSet):
        put(rosa, tier=tier)
    with pytest.raises(NotAllowedToSet):
        put(rosa, enabled=False)


def test_reason_is_required(olga: User) -> None:
    """OPS: a lever without a reason is not pulled."""
    with pytest.raises(InvalidVerdict):
        put(olga, enabled=False, reason="  ")


def test_setting_that_changed_meanwhile_is_not_overwritten(olga: User) -> None:
    """Two operators at once: the second looks again."""
    shown = put(olga, enabled=False).revision
    put(olga, enabled=True, revision=shown)
    with pytest.raises(StaleSetting):
        put(olga, enabled=False, revision=shown)
