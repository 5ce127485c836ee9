"""What keeps sessions back that nobody decides: money, a rate, a model, a tool. The kinds, and reading who waits for what.

Whoever puts a session back notes the kind on its row, and since when; the row is cleared with the session's next step. A
session that waits for a place in a rate inside its worker stands among the questions that wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from django.db.models import Q
from django.db.models.expressions import RawSQL

from agents.loads import places_of
from agents.models import Session
from agents.rates.round import SEEN_S
from audit.queries import EntryFilter, entries

Kind = Literal["money", "rate", "model", "tool"]
KINDS: tuple[Kind, ...] = ("money", "rate", "model", "tool")
MOST = 100  # waits of one session that its timeline shows
PARKED = "session.parked"
_CODES: dict[str, Kind] = {
    "budget_spent": "money",
    "budget_throttled": "money",
    "budget_crowded": "money",
    "model_later": "rate",
    "model_rate_limited": "rate",
    "breaker_open": "tool",
}
_ASKING = """
SELECT session_id FROM agents_ratewait
WHERE slot_at IS NULL AND (seen_at > clock_timestamp() - make_interval(secs => %s) OR back_at > clock_timestamp())"""


@dataclass(frozen=True, slots=True)
class Wait:
    """What a session waits for now, since when, and until when at most; `until` is None where it waits in its worker."""

    kind: Kind
    since: datetime
    until: datetime | None
    model: str = ""  # whose rate it waits for


@dataclass(frozen=True, slots=True)
class Parked:
    """One time that a session was put back: what for, why in words, and until when at most."""

    kind: Kind
    at: datetime
    seconds: int
    reason: str


def kind_of(code: str) -> Kind:
    """Return what a session waits for that is put back with this code; what is not known is the model's."""
    return _CODES.get(code, "model")


def waiting(kind: str) -> Q:
    """Return the condition of sessions that wait for one thing; `people` are those who decide."""
    if kind == "people":
        return Q(status="waiting_approval")
    put_back = Q(status="queued", waits_for=kind)
    if kind != "rate":
        return put_back
    return put_back | Q(status__in=("queued", "running"), pk__in=RawSQL(_ASKING, [SEEN_S]))  # noqa: S611  a constant


def waits_of(sessions: Sequence[Session]) -> dict[UUID, Wait]:
    """Return what those of these sessions wait for that wait."""
    moving = [row for row in sessions if row.status in ("queued", "running")]
    found = {
        row.pk: Wait(cast(Kind, row.waits_for), row.waits_since, row.ready_at)
        for row in moving
        if row.status == "queued" and row.waits_for and row.waits_since
    }
    places = places_of([row.pk for row in moving])
    return found | {key: Wait("rate", place.since, place.until, place.model) for key, place in places.items()}


def parked(ref: str) -> list[Parked]:
    """Return the times that a session was put back for one of these, the oldest first; the newest where there are many."""
    rows = entries(EntryFilter(stream=f"session:{ref}", kind=PARKED), limit=MOST).items
    return [
        Parked(kind_of(str(row.facts["code"])), row.at, int(row.facts["seconds"]), _reason(row.facts))
        for row in reversed(rows)
        if "seconds" in row.facts
    ]


def _reason(facts: object) -> str:
    """Return why, in words; of tools the entry states only which."""
    assert isinstance(facts, dict)
    if facts.get("tools"):
        return f"The breaker of {', '.join(facts['tools'])} is open."
    said = str(facts.get("reason", "")).strip()
    return f"{said[:1].upper()}{said[1:].rstrip('.')}." if said else ""
