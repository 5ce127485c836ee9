"""A second person for a release, where policy asks for one: the request before people, and the release that follows from it.

Who wrote the version and who asked cannot agree to it. The release is written with the approval, in one transaction; where the
traffic was routed anew meanwhile, or the version set aside, it is refused there, and the request is void as soon as that stands.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.errors import NotReleased, StaleRelease
from agents.models import PromptVersion
from agents.prompts.errors import NothingAsked
from agents.prompts.gate import refuse_below
from agents.prompts.plans import begin, with_plan
from agents.prompts.releases import Routed, checked_release, create_prompt, has_it, release, released, routed
from agents.prompts.steps import Steps
from agents.prompts.versions import move_version, moved, version_named
from approvals import policies
from approvals.digest import digest, other_body
from approvals.facts import Judgement, Reason
from approvals.lifecycle import REQUEST
from approvals.models import ApprovalRequest
from approvals.moves import request_entry
from approvals.outcome import Settled
from approvals.services import NewRequest, open_request, take_numbers, void, withdraw
from audit.actors import SYSTEM, Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Batch, Change
from audit.services import transition as write

KIND = "prompt_release"
WHY = Reason("second_person", "Policy asks a second person before a version gets traffic.")
GRAVE = 3
CHANGED = "the prompt's traffic or the version changed since it was asked"


def send(
    *, slug: str, version: str, share: int, actor: Actor, user_id: int | None, reason: str = "", shown: UUID | None = None,
    override: str = "", steps: Steps | None = None,
) -> Routed | ApprovalRequest:  # fmt: skip
    """Release a version as `agents.prompts.releases.release` does, or put it before a second person where policy says so.

    `user_id` is who asks, the user or the owner of the token. With `steps` it begins with the first of them instead of `share`, and
    goes on by itself. Raises as that does.
    """
    first = steps.steps[0].share if steps is not None else share
    if asks():
        return _asked(
            slug=slug, version=version, share=first, actor=actor, user_id=user_id, reason=reason, shown=shown, override=override,
            steps=steps,
        )  # fmt: skip
    if steps is not None:
        done = begin(slug=slug, version=version, steps=steps, actor=actor, reason=reason, shown=shown, override=override)
    else:
        done = release(slug=slug, version=version, share=share, actor=actor, reason=reason, shown=shown, override=override)
    void_stale(slug)
    return done


def asks() -> bool:
    """Say whether policy asks a second person."""
    return policies.current(fresh=True).policy.releases.second_person


def waiting(slug: str) -> ApprovalRequest | None:
    """Return the request that a release of this prompt waits for; None where none does."""
    return ApprovalRequest.objects.filter(kind=KIND, status="pending", facts__prompt=slug).defer("body").first()


def waiting_of(slugs: Sequence[str]) -> dict[str, str]:
    """Return which of these prompts have a release that waits, and by which request, such as `AP-12`."""
    rows = ApprovalRequest.objects.filter(kind=KIND, status="pending", facts__prompt__in=slugs)
    return {slug: f"AP-{number}" for slug, number in rows.values_list("facts__prompt", "number")}


def last_asked(slug: str, version: str) -> ApprovalRequest | None:
    """Return the newest request to release a version; None where nobody ever asked."""
    rows = ApprovalRequest.objects.filter(kind=KIND, prompt_version=f"{slug} {version}")
    return rows.defer("body").order_by("-number").first()


@atomically
def create(*, slug: str, text: str, actor: Actor, note: str, user_id: int | None) -> None:
    """Make a new prompt with version 1.0.0, which gets all traffic, or waits for a second person where policy says so."""
    if not asks():
        create_prompt(slug=slug, text=text, actor=actor, note=note)
        return
    made = create_prompt(slug=slug, text=text, actor=actor, note=note, user_id=user_id, live=False)
    _asked(slug=slug, version=made.version, share=100, actor=actor, user_id=user_id, reason=note)


def move(*, slug: str, version: str, event: str, actor: Actor) -> PromptVersion:
    """Move a version as `agents.prompts.versions.move_version` does; a release of it that waits is void if that changes it."""
    row = move_version(slug=slug, version=version, event=event, actor=actor)
    void_stale(slug)
    return row


@atomically
def take_back(*, slug: str, actor: Actor) -> ApprovalRequest:
    """Withdraw the release that waits for a second person. Raises UnknownPrompt, NothingAsked."""
    now = routed(slug)
    row = ApprovalRequest.objects.select_for_update(no_key=True).filter(kind=KIND, status="pending", facts__prompt=slug).first()
    if row is None:
        raise NothingAsked(slug=now.prompt.slug)
    changes, entries = withdraw([row], actor=actor, reason=f"taken back by {actor.name}")
    write(Batch(tuple(changes), (), tuple(entries)))
    transaction.on_commit(index_soon)
    row.refresh_from_db()
    return row


def agreed(settled: Settled, actor: Actor) -> Batch:
    """Return what is written with a decision on such a request: the release and the use of the approval, or nothing.

    Raises StaleRelease where the traffic goes another way than when it was asked, NotReleased where it cannot be any more.
    """
    request, facts = settled.request, settled.request.facts
    if request.kind != KIND or settled.effect != "approved":
        return Batch()
    now = routed(facts["prompt"], lock=True)
    if not _stands(request, now):
        raise StaleRelease(slug=facts["prompt"])
    target = version_named(facts["prompt"], facts["version"])
    why = f"{request.ref}, asked by {request.requested_by}. {facts.get('reason', '')}".strip()
    batch = released(now, target, facts["share"], why[:500], actor, override=facts.get("override", ""), approval=request.ref)
    if facts.get("steps"):
        batch = with_plan(batch, now, target, Steps.model_validate({"steps": facts["steps"]}), why[:500], actor)
    change = Change(REQUEST, request.id, "approved", "consume", {}, {"digest": request.digest, "revision": request.revision})
    entry = request_entry(request, EventKind.APPROVAL_CONSUMED, actor, {"version": facts["version"], "share": facts["share"]})
    return Batch((*batch.changes, change), batch.births, (*batch.entries, entry))


@atomically
def void_stale(slug: str) -> int:
    """Void the open requests for a prompt whose traffic was routed anew since, or whose version moved; returns how many."""
    asked = ApprovalRequest.objects.select_for_update(no_key=True).filter(kind=KIND, status="pending", facts__prompt=slug)
    now, rows = routed(slug), list(asked.order_by("id"))
    stale = [row for row in rows if not _stands(row, now)]
    if stale:
        changes, entries = void(stale, actor=SYSTEM, reason=CHANGED)
        write(Batch(tuple(changes), (), tuple(entries)))
        transaction.on_commit(index_soon)
    return len(stale)


def _stands(request: ApprovalRequest, now: Routed) -> bool:
    """Say whether the traffic still goes as it did when it was asked, and the version stands where it did."""
    asked = request.facts
    if asked["routed"] != [str(row.pk) for row in now.rows]:
        return False
    return asked.get("stage") in (None, version_named(asked["prompt"], asked["version"]).status)


@atomically
def _asked(
    *, slug: str, version: str, share: int, actor: Actor, user_id: int | None, reason: str, shown: UUID | None = None,
    override: str = "", steps: Steps | None = None,
) -> Routed | ApprovalRequest:  # fmt: skip
    now, target, why = checked_release(slug, version, share, reason, shown)
    if steps is None and has_it(now, target, share):
        return now
    held = refuse_below(target, override=override, actor=actor)
    open_one = waiting(slug)
    if open_one is not None:
        raise NotReleased(slug=slug, version=version, reason=f"{open_one.ref} waits for a second person already")
    facts = _facts(now, target, share, why)
    facts |= {"held_back": held, "override": override.strip()} if held else {}
    facts |= {"steps": steps.model_dump(mode="json")["steps"], "then": steps.words} if steps is not None else {}
    id_, (number,) = uuid7(), take_numbers(1)
    body = other_body(request=str(id_), revision=1, kind=KIND, session="", facts=facts)
    judgement = Judgement("ask", (WHY,), GRAVE, ttl_s=policies.current().policy.ttl_s)
    excluded = frozenset(one for one in (target.author_user, user_id) if one is not None)
    new = NewRequest(
        id=id_, number=number, kind=KIND, body=body, digest=digest(body), judgement=judgement, facts=facts,
        summary=f"Release {version} of {slug} to {share}% of new sessions{_onwards(steps)}", prompt_version=f"{slug} {version}",
        requested_by=actor.name, requester=user_id, excluded=excluded,
    )  # fmt: skip
    birth, entry = open_request(new, actor=actor)
    # Whoever wants it released says that it is ready.
    moves = [moved(target, "propose", actor)] if target.status == "draft" else []
    write(Batch(tuple(change for change, _ in moves), (birth,), (*(told for _, told in moves), entry)))
    transaction.on_commit(index_soon)
    return ApprovalRequest.objects.get(pk=id_)


def _onwards(steps: Steps | None) -> str:
    return f", and in steps to {steps.steps[-1].share}%" if steps is not None else ""


def _facts(now: Routed, target: PromptVersion, share: int, why: str) -> dict[str, Any]:
    """What is bound by the approval: the version, its share, and how traffic and version stand."""
    return {
        "prompt": now.prompt.slug, "version": target.version, "share": share,
        "beside": now.base.version.version if now.base else "nothing", "checksum": target.checksum,
        "written_by": target.author, "reason": why, "routed": [str(row.pk) for row in now.rows],
        "stage": "candidate" if target.status == "draft" else target.status,
    }  # fmt: skip
