"""Which models people may name for runs, re-runs and judges: those that the agents of this installation name. One rule for all.

Who configured an agent chose its models: no text of a session goes to one that nobody chose, and no slip of a name fails a run
later.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from agents.errors import BadText
from agents.models import AgentRevision

SHOWN = 12


def named_in(documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the models that agents' documents name, each once, in their order: the usual one, its fallbacks, the cheap one."""
    named = [name for one in documents for name in (one["model"], *one.get("fallbacks", ()), one.get("cheap_model", ""))]
    return [name for name in dict.fromkeys(named) if name]


def known_models(*first: Mapping[str, Any]) -> list[str]:
    """Return the models that may be named: those of these documents, then what all agents name now, by agent."""
    now = AgentRevision.objects.filter(current=True).order_by("agent__slug")
    return named_in([*first, *now.values_list("document", flat=True)])


def check_model(field: str, name: str, *first: Mapping[str, Any]) -> None:
    """Refuse a model that no agent names, and one that could not be named. Raises BadText, which names the field and what is known."""
    known = known_models(*first)
    if name in known:
        return
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    raise BadText(field=field, reason=f"is none that the configuration of an agent names: {', '.join(known[:SHOWN])}{more}")
