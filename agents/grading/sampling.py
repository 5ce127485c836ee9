"""Taking what is graded: by a beat in the background, set by set, never where a session works.

Whether a session or a result is taken follows from its id and the share alone, so that anybody can say later why it was,
and a beat that is repeated takes the same. A session is looked at once, soon after it began; if it is taken while it still
works, its item is `coming` until it has ended, or has answered and rested for a while. What is said in it later is not
graded, so that all its graders read the same. Where too much waits already, nothing more is taken until people have caught up.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from agents.grading.errors import UnknownRubric
from agents.grading.rubrics import rubric_named
from agents.grading.rules import stream_of
from agents.lifecycle import GRADING_ITEM, JUDGING
from agents.models import GradingItem, GradingRubric, GradingRule
from agents.queue import evaluate_soon
from agents.starters import one_at_a_time
from audit.actors import SYSTEM
from audit.connection import read
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Batch, Birth, Change, Entry
from audit.services import transition as write

LOOKED_AT = 500  # sessions of one agent in one beat
RESULTS = 100  # of one run
RUNS = 5  # of one suite in one beat
MOST_WAITING = 1_000  # items of one rule that people have not graded yet
RESTS_S = 120.0  # a session that answered may be asked more; after so long it is taken as it stands
SETTLES_S = 60.0  # a number is given before its row can be seen; after so long every row below a seen one can be
_PLACE = "('x' || substr(md5({id}::text), 1, 7))::bit(28)::bigint %% 10000"
"""Where an id lies among ten thousand: below the share it is taken."""
_FINISHED = "(s.ended_at IS NOT NULL OR s.status = 'waiting_input' AND s.updated_at < now() - make_interval(secs => %s))"
_SESSIONS = f"""
WITH seen AS (
  SELECT id, number FROM agents_session
  WHERE agent_id = %s AND number > %s AND created_at < now() - make_interval(secs => %s) ORDER BY number LIMIT %s)
SELECT s.id, s.number, {_PLACE.format(id="s.id")} < %s AS taken FROM seen s ORDER BY s.number"""  # noqa: S608  constants
_RUNS = """
SELECT e.id, e.number, e.ended_at FROM agents_evalrun e JOIN agents_suite s ON s.id = e.suite_id
WHERE s.slug = %s AND e.ended_at > %s AND e.ended_at < now() - make_interval(secs => %s) ORDER BY e.ended_at LIMIT %s"""
_RESULTS = f"""
SELECT r.id, c.name, r.repeat, {_PLACE.format(id="r.id")} AS place FROM agents_evalresult r JOIN agents_case c ON c.id = r.case_id
WHERE r.run_id = %s AND {_PLACE.format(id="r.id")} < %s ORDER BY place, r.id LIMIT %s"""  # noqa: S608  constants
_RIPE = f"""
SELECT i.id, s.next_index AS upto, r.judge FROM agents_gradingitem i JOIN agents_session s ON s.id = i.session_id
JOIN agents_gradingrule r ON r.id = i.rule_id
WHERE i.status = 'coming' AND {_FINISHED} ORDER BY i.number LIMIT %s"""  # noqa: S608  constants


def beat(*, settles_s: float = SETTLES_S, rests_s: float = RESTS_S) -> int:
    """Take what is to be graded, and let in whose sessions have finished; returns how many items were made or came in.

    Args:
        settles_s: how long ago something has to have been made to be looked at.
        rests_s: how long a session that answered has to have rested to be finished.
    """
    rules = list(GradingRule.objects.filter(share__gt=0).select_related("agent").order_by("kind", "key"))
    made = sum(_taken(rule, settles_s) for rule in rules)
    return made + (_ripened(rests_s) if rules or GradingItem.objects.filter(status="coming").exists() else 0)


@transaction.atomic
def _taken(rule: GradingRule, settles_s: float) -> int:
    """Take what is new of one rule."""
    one_at_a_time("grading_items")
    rule = GradingRule.objects.select_related("agent").get(pk=rule.pk)
    try:
        rubric = rubric_named(rule.rubric)
    except UnknownRubric:
        return 0
    waiting = GradingItem.objects.filter(rule=rule, status__in=["coming", "waiting"]).count()
    if waiting >= MOST_WAITING:
        return 0
    sessions = rule.kind == "agent"
    found, seen = _of_sessions(rule, settles_s) if sessions else _of_runs(rule, settles_s)
    if seen is None:
        return 0
    GradingRule.objects.filter(pk=rule.pk).update(**{"seen_session" if sessions else "seen_run": seen})
    _write(rule, rubric, found)
    return len(found)


def _of_sessions(rule: GradingRule, settles_s: float) -> tuple[list[dict[str, Any]], int | None]:
    rows = read(_SESSIONS, [rule.agent_id, rule.seen_session, settles_s, LOOKED_AT, rule.share * 100])
    there = set(GradingItem.objects.filter(session__in=[row["id"] for row in rows]).values_list("session_id", flat=True))
    taken = [
        {"session_id": row["id"], "subject": f"S-{row['number']}"} for row in rows if row["taken"] and row["id"] not in there
    ]
    return taken, rows[-1]["number"] if rows else None


def _of_runs(rule: GradingRule, settles_s: float) -> tuple[list[dict[str, Any]], datetime | None]:
    runs = read(_RUNS, [rule.key, rule.seen_run, settles_s, RUNS])
    taken: list[dict[str, Any]] = []
    for run in runs:
        rows = read(_RESULTS, [run["id"], rule.share * 100, RESULTS])
        there = set(GradingItem.objects.filter(result__in=[row["id"] for row in rows]).values_list("result_id", flat=True))
        taken += [
            {"result_id": row["id"], "subject": f"E-{run['number']} {row['name']} {row['repeat']}"}
            for row in rows
            if row["id"] not in there
        ]
    return taken, runs[-1]["ended_at"] if runs else None


def _write(rule: GradingRule, rubric: GradingRubric, found: list[dict[str, Any]]) -> None:
    if not found:
        return
    number = GradingItem.objects.aggregate(last=Max("number"))["last"] or 0
    births, entries = [], []
    for place, one in enumerate(found, number + 1):
        id_, ended = uuid7(), "result_id" in one
        values = {"id": id_, "number": place, "rule_id": rule.pk, "rubric_id": rubric.pk, **one}
        births.append(Birth("agents.GradingItem", values, GRADING_ITEM, ("ripen",) if ended else ()))
        births += [_judged(id_, rule.judge)] if ended and rule.judge else []
        facts = {
            "item": f"G-{place}",
            "of": one["subject"],
            "rubric": rubric.slug,
            "revision": rubric.revision,
            "share": rule.share,
        }
        entries.append(
            Entry(stream_of(rule.agent.slug), EventKind.GRADING_SAMPLED, SYSTEM, facts, ids=_ids(place, one["subject"]))
        )
    write(Batch(births=tuple(births), entries=tuple(entries)))
    _told(rule.judge)


def _judged(item: UUID, model: str) -> Birth:
    return Birth("agents.Judging", {"id": uuid7(), "item_id": item, "model": model}, JUDGING)


@transaction.atomic
def _ripened(rests_s: float) -> int:
    """Let in what was taken while its session still worked, as it stands now."""
    one_at_a_time("grading_items")
    rows = read(_RIPE, [rests_s, LOOKED_AT])
    if not rows:
        return 0
    changes = tuple(Change(GRADING_ITEM, row["id"], "coming", "ripen", {"upto": row["upto"]}) for row in rows)
    births = tuple(_judged(row["id"], row["judge"]) for row in rows if row["judge"])
    write(Batch(changes, births))
    _told("".join(row["judge"] for row in rows))
    return len(rows)


def _told(judge: str) -> None:
    transaction.on_commit(index_soon)
    if judge:
        transaction.on_commit(evaluate_soon)


def _ids(number: int, subject: str) -> tuple[str, ...]:
    return (f"G-{number}", subject.partition(" ")[0])
