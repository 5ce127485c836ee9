"""An operator's levers on tools: another tier, or switched off. What a tool declares itself is given by the caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from django.db import transaction

from approvals.changing import changing
from approvals.errors import InvalidVerdict, NotAllowedToSet, StaleSetting
from approvals.facts import TIERS, Person, Tier
from approvals.models import ToolSetting
from approvals.recent import Recent
from audit.actors import Actor
from audit.entry import Entry
from audit.events import EventKind
from audit.services import record


@dataclass(frozen=True, slots=True)
class Setting:
    """What an operator set for one tool; `tier` None means: as the tool declares it."""

    tier: Tier | None = None
    enabled: bool = True


UNSET = Setting()


def _read() -> Mapping[str, Setting]:
    rows = ToolSetting.objects.values_list("name", "tier", "enabled")
    return {name: Setting(cast(Tier | None, tier), enabled) for name, tier, enabled in rows}


_recent = Recent(_read)


def settings(*, fresh: bool = False) -> Mapping[str, Setting]:
    """Return what operators set, by tool: as of the last second, with `fresh` as of this moment."""
    return _recent.get(fresh=fresh)


def forget() -> None:
    """Look again next time; for whoever hears `countersign_policy`."""
    _recent.forget()


def effective(name: str, declared: Tier, known: Mapping[str, Setting]) -> tuple[Tier, bool]:
    """Return the tier that a tool has now, and whether it is switched on."""
    setting = known.get(name, UNSET)
    return setting.tier or declared, setting.enabled


@transaction.atomic
def set_tool(
    *,
    name: str,
    declared: Tier,
    person: Person,
    actor: Actor,
    reason: str,
    tier: Tier | None = None,
    enabled: bool | None = None,
    revision: int | None = None,
) -> ToolSetting:
    """Give a tool another tier, or switch it on or off; what is None stays.

    Operators may raise a tier and switch tools on and off; lowering one needs an admin. `revision` is the one that was
    shown, where it shall be compared. Raises NotAllowedToSet, StaleSetting, InvalidVerdict (no reason given).
    """
    if not reason.strip():
        raise InvalidVerdict(field="reason", reason="Say why: the reason stands in the audit trail.")
    changing()
    _, first = ToolSetting.objects.get_or_create(name=name)
    row = ToolSetting.objects.select_for_update().get(name=name)
    if revision is not None and revision != (0 if first else row.revision):
        raise StaleSetting(name=name, revision=row.revision)
    before = row.tier or declared
    _may_set(person, lowers=tier is not None and TIERS.index(tier) < TIERS.index(cast(Tier, before)))
    facts = _apply(row, declared, tier, enabled)
    row.reason, row.changed_by, row.revision = reason.strip(), actor.name, row.revision + 1
    row.save()
    facts |= {"tool": name, "reason": row.reason}
    record([Entry(f"tool:{name}", _kind(tier, enabled), actor, facts, (name,), row.revision)])
    transaction.on_commit(forget)
    return row


def _may_set(person: Person, *, lowers: bool) -> None:
    if person.service or not person.roles & {"operator", "admin"}:
        raise NotAllowedToSet(reason="Operators and admins set tools.")
    if lowers and "admin" not in person.roles:
        raise NotAllowedToSet(reason="Lowering a tier needs an admin.")


def _apply(row: ToolSetting, declared: Tier, tier: Tier | None, enabled: bool | None) -> dict[str, str | bool]:
    facts: dict[str, str | bool] = {"declared": declared}
    if tier is not None:
        facts |= {"tier_before": row.tier or declared, "tier": tier}
        # As declared is stored as nothing, so that a tool that declares another tier later gets it.
        row.tier = None if tier == declared else tier
    if enabled is not None:
        facts["enabled"] = enabled
        row.enabled = enabled
    return facts


def _kind(tier: Tier | None, enabled: bool | None) -> EventKind:
    if tier is not None or enabled is None:
        return EventKind.TOOL_SET
    return EventKind.TOOL_ENABLED if enabled else EventKind.TOOL_DISABLED
