"""Looking at canaries: every few seconds one worker counts what the sessions came to and asks the guards, who may roll back.
Where none does, the next step of a planned rollout is taken if it is due.

Each worker's sweep comes by; the time of the last look is the lease, taken in one statement, so that whoever dies over it is
followed by the next. A rollback by a guard is that of people (`agents.prompts.rollback`), with the guard's figures as reason.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from pydantic import ValidationError

from agents.errors import BadGuards, NothingBefore, StaleRelease
from agents.models import CanaryWatch, GuardSet, Release
from agents.prompts.asking import void_stale
from agents.prompts.figures import counted
from agents.prompts.guards import MEASURES, USUAL, Finding, Guards, Measure, Sample, as_stored, findings, tripped
from agents.prompts.plans import advance
from agents.prompts.releases import routed
from agents.prompts.rollback import rollback
from approvals.errors import StaleSetting
from approvals.wording import said
from audit.actors import SYSTEM, Actor
from audit.atomically import atomically
from audit.connection import read
from audit.entry import Entry
from audit.events import EventKind
from audit.index import index_soon
from audit.services import record

LOOK_S = 10
_CANARIES = """
SELECT r.id, p.slug FROM agents_release r JOIN agents_promptversion v ON v.id = r.version_id AND v.status = 'canary'
JOIN agents_prompt p ON p.id = r.prompt_id WHERE r.ended_at IS NULL ORDER BY r.id"""
_TAKE = """
INSERT INTO agents_canarywatch AS w (release_id, looked_at, looks, found) VALUES (%s, now(), 1, '[]')
ON CONFLICT (release_id) DO UPDATE SET looked_at = now(), looks = w.looks + 1
WHERE w.looked_at < now() - make_interval(secs => %s) RETURNING looks"""


def watch() -> int:
    """Look at each canary that nobody looked at lately; returns how many were rolled back."""
    return sum(_looked(row["slug"], row["id"]) for row in read(_CANARIES) if read(_TAKE, [row["id"], LOOK_S]))


def guards_of(prompt: UUID) -> tuple[Guards, int]:
    """Return the guards of a prompt's canaries and their revision; 0 where nobody set any."""
    row = GuardSet.objects.filter(prompt=prompt).first()
    return (Guards.model_validate(row.document), row.revision) if row else (USUAL, 0)


@atomically
def set_guards(*, slug: str, guards: Guards, actor: Actor, revision: int | None = None) -> int:
    """Set the guards of a prompt's canaries, all of them, and return their revision.

    Args:
        slug: the prompt's.
        guards: those that hold from the next look on; none: nothing is rolled back by itself.
        actor: who sets them; the caller has checked the right to.
        revision: the one that was shown, where it shall be compared.

    Raises:
        UnknownPrompt, StaleSetting.
    """
    prompt = routed(slug, lock=True).prompt
    before, known = guards_of(prompt.pk)
    if revision is not None and revision != known:
        raise StaleSetting(name=slug, revision=known)
    if known and before == guards:
        return known
    told = {"guards": _told(guards), "running": guards.running, "before": _told(before), "running_before": before.running}
    entry = Entry(f"prompt:{slug}", EventKind.PROMPT_GUARDED, actor, told, ids=(slug,), rev=known + 1)
    (written,) = record([entry])
    values = {
        "document": guards.model_dump(mode="json"), "revision": known + 1, "changed_by": actor.name, "changed_at": written.at,
    }  # fmt: skip
    GuardSet.objects.update_or_create(prompt=prompt, defaults=values)
    transaction.on_commit(index_soon)
    return known + 1


def checked_guards(given: object) -> Guards:
    """Return guards as they were sent. Raises BadGuards, which names every wrong field."""
    try:
        return Guards.model_validate(given)
    except ValidationError as error:
        errors = [{"loc": ".".join(map(str, one["loc"])), "msg": said(one)} for one in error.errors()]
        told = "; ".join(": ".join(filter(None, (one["loc"], one["msg"]))) for one in errors)
        raise BadGuards(errors=errors, problem=told[:2000]) from None


def _looked(slug: str, release: UUID) -> int:
    """Count, ask the guards, and keep what they say; where one trips, roll the canary back."""
    now = routed(slug)
    if now.canary is None or now.base is None or now.canary.pk != release:
        return 0
    guards, _ = guards_of(now.prompt.pk)
    mine, theirs = now.canary.version_id, now.base.version_id
    figures = counted([mine, theirs], now.canary.started_at)
    found = findings(guards, figures[mine], figures[theirs])
    worst = tripped(found)
    if worst is None:
        CanaryWatch.objects.filter(release=release).update(found=[as_stored(one) for one in found])
        if advance(slug, release, figures[mine], found):
            void_stale(slug)
        return 0
    try:
        roll_back(slug, now.canary, guards, found, worst)
    except (StaleRelease, NothingBefore):
        return 0  # a person was faster
    return 1


@atomically
def roll_back(slug: str, canary: Release, guards: Guards, found: Sequence[Finding], worst: Finding) -> None:
    """Roll a canary back because of a finding, and say so in the log and in its last look. Raises StaleRelease, NothingBefore."""
    done = rollback(slug=slug, reason=sentence(worst), running=guards.running, actor=SYSTEM, shown=canary.pk)
    facts = {"version": done.left.version, "to": done.to.version, "share": canary.share, **_facts(worst)}
    record([Entry(f"prompt:{slug}", EventKind.PROMPT_TRIPPED, SYSTEM, facts, ids=(f"prompt:{slug}", slug))])
    CanaryWatch.objects.filter(release=canary.pk).update(found=[as_stored(one) for one in found], tripped=worst.guard.measure)


def sentence(one: Finding) -> str:
    """Return why a guard rolled back: the measure, both samples, and the interval."""
    measure = MEASURES[one.guard.measure]
    unit = "points" if measure.kind == "share" else "%"
    worse, low, high, allowed = (round(100 * part) for part in (one.worse, one.low, one.high, one.guard.allowed))
    return (
        f"Guard {measure.name}: {amount(one.canary, measure)} {measure.of}, against {amount(one.other, measure)}."
        f" Worse by {worse} {unit} ({low} to {high}, however often one looks); {allowed} are allowed."
    )


def amount(sample: Sample, measure: Measure) -> str:
    """Return what was counted of how many, in words."""
    if measure.kind == "share":
        return f"{sample.events:,} of {sample.n:,}"
    return f"{sample.mean:,.1f} {measure.unit} on average over {sample.n:,}"


def _facts(one: Finding) -> dict[str, Any]:
    """As an entry states it, which holds no fractions: in thousandths."""
    kind = MEASURES[one.guard.measure].kind
    scale = 1000 if kind == "share" else 1
    return {
        "measure": one.guard.measure, "canary_n": one.canary.n, "other_n": one.other.n, "minimum": one.guard.minimum,
        "canary_value": round(scale * one.canary.value(kind)), "other_value": round(scale * one.other.value(kind)),
        "worse_thousandths": round(1000 * one.worse), "low_thousandths": round(1000 * one.low),
        "high_thousandths": round(1000 * one.high), "allowed_thousandths": round(1000 * one.guard.allowed),
    }  # fmt: skip


def _told(guards: Guards) -> list[dict[str, Any]]:
    return [
        {"measure": one.measure, "allowed_thousandths": round(1000 * one.allowed), "minimum": one.minimum}
        for one in guards.guards
    ]
