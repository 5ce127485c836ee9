"""What is graded, one by one: taken in hand, graded, skipped. Nobody is shown what others gave before giving their own.

A grade never changes. Another person may give a second one; whoever thinks again gives another, and their newest counts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from agents.errors import BadText
from agents.grading.document import wrong_grades
from agents.grading.errors import BadGrade, InOtherHands, NotGradable, NothingToGrade, UnknownItem
from agents.grading.rubrics import document_of
from agents.grading.rules import stream_of
from agents.lifecycle import GRADING_ITEM
from agents.models import Grade, GradingItem
from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import After, Batch, Birth, Change, Entry, Plus, Text
from audit.services import transition as write

LEASE_S = 1_800.0  # an item that somebody took and did not grade is free again after so long
OPEN = ("waiting", "graded")
FREE: Mapping[str, Any] = {"claimed_by": None, "claimed_name": "", "claimed_until": None}
REASON_CHARACTERS = range(3, 501)


@dataclass(frozen=True, slots=True)
class Grader:
    """A person who grades: which account, and what they may read. A program is none."""

    id: int
    actor: Actor
    sessions: bool = True  # may read any session that was taken; else only those that they started
    results: bool = True  # may read results of suites


def item_named(ref: str) -> GradingItem:
    """Return an item by its short id, with what it is of. Raises UnknownItem."""
    number = ref.removeprefix("G-")
    key = int(number) if number.isascii() and number.isdecimal() and len(number) < 16 else 0
    found = _rows().filter(number=key).exclude(status="coming").first()
    if found is None:
        raise UnknownItem(ref=ref[:30])
    return found


def _rows() -> QuerySet[GradingItem]:
    kept = GradingItem.objects.select_related("rule__agent", "rubric", "session__agent", "result__case", "result__run__suite")
    return kept.defer("result__transcript", "result__checks", "result__case__document")


def readable(grader: Grader) -> Q:
    """What a person may read of all that was taken."""
    sessions = Q(session__isnull=False) if grader.sessions else Q(session__started_user=grader.id)
    return sessions | Q(result__isnull=False) if grader.results else sessions


def reads(grader: Grader, item: GradingItem) -> bool:
    """Say whether a person may read an item."""
    if item.session is None:
        return grader.results
    return grader.sessions or item.session.started_user == grader.id


def waiting(
    limit: int, *, grader: Grader | None, after: int = 0, status: str = "waiting", agent: str = ""
) -> list[GradingItem]:
    """Return items by number, behind `after`: those that a person may read, or with no grader all."""
    rows = _rows().filter(status=status, number__gt=after).order_by("number")
    rows = rows.filter(rule__agent__slug=agent) if agent else rows
    return list((rows if grader is None else rows.filter(readable(grader)))[:limit])


@atomically
def next_item(*, grader: Grader, agent: str = "") -> GradingItem:
    """Take the oldest item that nobody has in hand, or the one that this person has already. Raises NothingToGrade."""
    own = Q(claimed_by=grader.id, claimed_until__gt=Now())
    free = Q(claimed_by__isnull=True) | Q(claimed_until__lte=Now())
    rows = GradingItem.objects.filter(readable(grader), status="waiting").order_by("number")
    rows = rows.filter(rule__agent__slug=agent) if agent else rows
    found = rows.filter(own).first()
    if found is None:
        found = rows.filter(free).select_for_update(skip_locked=True, no_key=True, of=("self",)).first()
    if found is None:
        raise NothingToGrade
    return claim(ref=found.ref, grader=grader)


@atomically
def claim(*, ref: str, grader: Grader) -> GradingItem:
    """Take an item in hand for a while, so that two do not grade it by accident. Raises UnknownItem, InOtherHands, NotGradable."""
    item, now = _locked(ref, grader)
    _only_open(item, "taken")
    if holder(item, now) == grader.id and item.claimed_until and (item.claimed_until - now).total_seconds() > LEASE_S / 2:
        return item
    values = {"claimed_by": grader.id, "claimed_name": grader.actor.name, "claimed_until": After(LEASE_S)}
    _write(item, "claim", values, EventKind.GRADING_CLAIMED, grader.actor, {})
    return item_named(ref)


@atomically
def release(*, ref: str, grader: Grader) -> GradingItem:
    """Give an item back without a grade; nothing happens where one does not have it. Raises UnknownItem, InOtherHands."""
    item, now = _locked(ref, grader)
    if holder(item, now) != grader.id or item.status not in OPEN:
        return item
    _write(item, "release", FREE, EventKind.GRADING_RELEASED, grader.actor, {})
    return item_named(ref)


@atomically
def skip(*, ref: str, reason: str, grader: Grader) -> GradingItem:
    """Say why an item is not graded; it does not come up again. Raises UnknownItem, InOtherHands, NotGradable, BadText."""
    item, _ = _locked(ref, grader)
    said = reason.strip()
    if len(said) not in REASON_CHARACTERS or "\x00" in said:
        raise BadText(field="reason", reason="says why, in 3 to 500 characters")
    if item.status != "waiting":
        raise NotGradable(ref=item.ref, what="skipped", status=item.status)
    _write(item, "skip", {**FREE, "skipped_reason": said}, EventKind.GRADING_SKIPPED, grader.actor, {"reason": said})
    return item_named(ref)


@atomically
def give(*, ref: str, scores: Mapping[str, Any], notes: Mapping[str, Any], grader: Grader) -> Grade:
    """Grade an item, each criterion with a step of its scale and, if one likes, a note.

    A second time by the same person it is a correction: both stay, the newest counts.

    Raises:
        UnknownItem, InOtherHands, NotGradable, BadGrade.
    """
    item, _ = _locked(ref, grader)
    _only_open(item, "graded")
    if wrong := wrong_grades(document_of(item.rubric), scores, notes):
        raise BadGrade(problem="; ".join(f"{one['loc']}: {one['msg']}" for one in wrong)[:2_000], errors=wrong)
    given = {name: str(note).strip() for name, note in notes.items() if str(note).strip()}
    before = Grade.objects.filter(item=item, by_kind="person", by=str(grader.id)).count()
    id_ = uuid7()
    row = {
        "id": id_, "item_id": item.pk, "by_kind": "person", "by": str(grader.id), "name": grader.actor.name, "scores": dict(scores),
        "notes": given,
    }  # fmt: skip
    # What was given is content: whoever has not graded yet must not read it from the log by the way.
    text = Text(uuid7(), "grade", json.dumps({"scores": scores, "notes": given}, ensure_ascii=False))
    facts = {"rubric": item.rubric.slug, "revision": item.rubric.revision, "correction": before > 0}
    birth = Birth("agents.Grade", row)
    _write(item, "grade", {**FREE, "grades": Plus(1)}, EventKind.GRADING_GRADED, grader.actor, facts, birth, text)
    return Grade.objects.get(pk=id_)


def _locked(ref: str, grader: Grader) -> tuple[GradingItem, datetime]:
    """Return an item, locked, that nobody else has in hand, and the time by the database's clock."""
    item = item_named(ref)
    if not reads(grader, item):
        raise UnknownItem(ref=ref[:30])
    row = GradingItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    for name in ("status", "claimed_by", "claimed_name", "claimed_until", "grades"):
        setattr(item, name, getattr(row, name))
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    if holder(item, now) not in (None, grader.id):
        raise InOtherHands(ref=item.ref, name=item.claimed_name)
    return item, now


def holder(item: GradingItem, now: datetime) -> int | None:
    """Return who has an item in hand at `now`."""
    return item.claimed_by if item.claimed_until is not None and item.claimed_until > now else None


def _only_open(item: GradingItem, what: str) -> None:
    if item.status not in OPEN:
        raise NotGradable(ref=item.ref, what=what, status=item.status)


def _write(
    item: GradingItem, event: str, values: Mapping[str, Any], kind: EventKind, actor: Actor, facts: Mapping[str, Any],
    birth: Birth | None = None, *texts: Text,
) -> None:  # fmt: skip
    told = {"item": item.ref, "of": item.subject, **facts}
    ids = (item.ref, item.subject.partition(" ")[0])
    entry = Entry(stream_of(item.rule.agent.slug), kind, actor, told, ids=ids, texts=texts)
    change = Change(GRADING_ITEM, item.pk, item.status, event, values)
    write(Batch((change,), (birth,) if birth else (), (entry,)))
    transaction.on_commit(index_soon)


def newest_grades(items: Sequence[UUID]) -> dict[UUID, list[Grade]]:
    """Return what counts of each item, by who gave it first: of each grader the newest."""
    rows = Grade.objects.filter(item__in=items).order_by("item_id", "by_kind", "by", "-created_at", "-id")
    found: dict[UUID, list[Grade]] = {}
    for row in rows.distinct("item_id", "by_kind", "by"):
        found.setdefault(row.item_id, []).append(row)
    return {item: sorted(given, key=lambda one: (one.created_at, str(one.pk))) for item, given in found.items()}


def shown(given: Sequence[Grade], *, user: int, grades: bool, closed: bool) -> list[Grade]:
    """Return which grades of an item somebody may see.

    Args:
        given: all that count.
        user: who looks.
        grades: whether they may grade at all; who may not gives no grade that could lean on another's.
        closed: whether the item was skipped: nobody grades it any more.
    """
    own = any(one.by_kind == "person" and one.by == str(user) for one in given)
    return list(given) if own or closed or not grades else []
