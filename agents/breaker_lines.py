"""Reads for pages and API: every breaker that there is or could be, with how it stands, and what was done to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count

from agents.errors import UnknownBreaker
from agents.guardrails.breaker import KINDS, Kind, split
from agents.llm.connect import address_of, addresses
from agents.models import Breaker, Session
from agents.queries import LIVE, agents
from agents.tools import registry
from audit.models import AuditEntry

STREAM = "breaker"


@dataclass(frozen=True, slots=True)
class Line:
    """One breaker: `status` is closed for what never failed; `agents` is how many rely on it."""

    key: str
    kind: Kind
    name: str
    agents: int
    status: str = "closed"
    failures: int = 0
    calls: int = 0
    errors: int = 0
    detail: str = ""
    reason: str = ""
    forced_by: str = ""
    since: datetime | None = None
    retry_at: datetime | None = None
    failed_at: datetime | None = None
    failed_probes: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a breaker."""

    at: datetime
    kind: str
    key: str
    by: str
    facts: dict[str, Any]


def lines() -> list[Line]:
    """All breakers: providers, models and tools, those that let nobody through first within each kind."""
    used = _used()
    rows = {row.key: row for row in Breaker.objects.all()}
    found = [_line(key, used.get(key, 0), rows.get(key)) for key in {*used, *rows}]
    return sorted(found, key=lambda line: (KINDS.index(line.kind), line.status == "closed", line.name))


def line(key: str) -> Line:
    """One breaker.

    Raises:
        UnknownBreaker: nothing of this installation has that name, and nothing ever had.
    """
    used, row = _used(), Breaker.objects.filter(key=key).first()
    if row is None and key not in used:
        raise UnknownBreaker(key=key[:200])
    return _line(key, used.get(key, 0), row)


def history(limit: int) -> list[Event]:
    """What happened to breakers, the newest first."""
    rows = AuditEntry.objects.filter(stream=STREAM).order_by("-seq")[:limit]
    return [_event(row) for row in rows]


def without_full() -> dict[str, int]:
    """How many live sessions are not at their full, by mode."""
    rows = Session.objects.filter(mode__isnull=False, status__in=LIVE).order_by().values_list("mode")
    return {str(mode): count for mode, count in rows.annotate(count=Count("id"))}


def _used() -> dict[str, int]:
    """How many agents rely on each breaker; what nobody uses yet counts none."""
    used = dict.fromkeys(
        [*(f"provider:{place}" for place in addresses()), *(f"tool:{name}" for name in registry.all_tools())], 0
    )
    current = list(agents())
    for revision in current:
        for key in set(_keys(revision.document)):
            used[key] = used.get(key, 0) + 1
    return used


def _keys(document: dict[str, Any]) -> Iterable[str]:
    models = (document["model"], *document.get("fallbacks", ()), document.get("cheap_model", ""))
    yield from (f"model:{model}" for model in models if model)
    yield from (f"provider:{place}" for model in models if model and (place := address_of(model)))
    yield from (f"tool:{name}" for name in document.get("tools", ()) if registry.get(name) is not None)


def _line(key: str, used: int, row: Breaker | None) -> Line:
    kind, name = split(key)
    assert kind is not None
    if row is None:
        return Line(key, kind, name, used)
    return Line(
        key, kind, name, used, row.status, row.failures, row.window_calls, row.window_errors, row.detail, row.reason,
        row.forced_name, row.changed_at, row.retry_at, row.failed_at, row.failed_probes,
    )  # fmt: skip


def _event(row: AuditEntry) -> Event:
    facts, by = row.body_json["facts"], row.body_json["principal"]["name"]
    return Event(row.at, row.kind, facts["key"], by, facts)
