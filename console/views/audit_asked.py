"""What an address asks of the audit trail: filters that all must hold, kept in the address in one order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from audit.actors import NO_KIND, names_kind
from audit.events import EventKind
from audit.kinds import is_kind
from audit.queries import EntryFilter
from console.api.reading import EARLIEST, LATEST
from console.forms import AuditFilter
from console.views.filters import left_out

DOCS = {kind.value: kind.doc for kind in EventKind}
NAMES = ("q", "session", "stream", "principal", "kind", "tool", "from", "to")
NAMED = {"since": "from", "until": "to"}
"""Fields of the form that Python could not name as the address does."""
WRITE = {"principal": f"A principal {NO_KIND}."}
"""How a filter is written that could not be read; of others the form's own fields say it."""
DAY = len("2026-11-23")


@dataclass(frozen=True, slots=True)
class Asked:
    """Filters as the queries take them, as the address keeps them, and as the form shows them."""

    where: EntryFilter
    values: Mapping[str, str]
    shown: Mapping[str, str]
    wrong: Sequence[str]

    @property
    def carried(self) -> str:
        """The query that keeps the filters in an address."""
        return urlencode(self.values)


def read(given: Mapping[str, str]) -> Asked:
    """Read the filters; a value that there is not filters nothing and is named. A day without a time means all of it."""
    asked = {name: given.get(name, "") for name in NAMES}
    form = AuditFilter({field: asked[NAMED.get(field, field)] for field in AuditFilter.base_fields})
    wrong = [NAMED.get(field, field) for field in form.errors]
    wrong += [] if is_kind(asked["kind"]) else ["kind"]
    wrong += [] if names_kind(asked["principal"].strip()) else ["principal"]
    found: dict[str, Any] = {
        field: form.cleaned_data.get(field) or "" for field in form.fields if NAMED.get(field, field) not in wrong
    }
    since, until = found.get("since") or None, found.get("until") or None
    if until is not None and len(asked["to"].strip()) == DAY:
        until = min(until, LATEST) + timedelta(days=1)
    since, until = _within(since), _within(until)
    where = EntryFilter(
        stream=found.get("stream", ""), session=found.get("session", ""), principal=found.get("principal", ""),
        kind=found.get("kind", ""), tool=found.get("tool", ""), text=found.get("q", ""), since=since, until=until,
    )  # fmt: skip
    values = {name: asked[name] for name in NAMES if asked[name] and name not in wrong}
    times = {name: f"{at:%Y-%m-%dT%H:%M}" for name, at in (("from", since), ("to", until)) if at is not None}
    return Asked(where, values, {**dict.fromkeys(NAMES, ""), **values, **times}, wrong)


def not_read(asked: Asked, given: Mapping[str, str]) -> str:
    """Return the sentences that name the filters which cannot be read, and how they are written; empty where all can."""
    return " ".join([left_out(given, asked.wrong), *(WRITE[name] for name in asked.wrong if name in WRITE)]).strip()


def _within(at: datetime | None) -> datetime | None:
    return None if at is None else max(EARLIEST, min(at.astimezone(UTC), LATEST))
