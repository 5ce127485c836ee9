"""A second person for a release, where policy asks for one: the request before people, and the release that follows from it.

Who wrote the version and who asked cannot agree to it. The release is written with the approval, in one transaction; where the
traffic was routed anew meanwhile, it is refused there, and the request is void as soon as the other release stands.
"""

from typing import Any
from uuid import UUID

from django.db import transaction

from agents.errors import NotReleased, StaleRelease
from agents.prompts.gate import refuse_below
from agents.prompts.releases import Routed, checked_release, release, released, routed
from agents.prompts.versions import version_named
from approvals import policies
from approvals.digest import digest, other_body
from approvals.facts import Judgement, Reason
from approvals.lifecycle import REQUEST
from approvals.models import ApprovalRequest
from approvals.moves import request_entry
from approvals.outcome import Settled
from approvals.services import NewRequest, open_request, take_numbers, void
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


def send(
    *, slug: str, version: str, share: int, actor: Actor, user_id: int | None, reason: str = "", shown: UUID | None = None,
    override: str = "",
) -> Routed | ApprovalRequest:  # fmt: skip
    """Release a version as `agents.prompts.releases.release` does, or put it before a second person where policy says so.

    `user_id` is who asks, the user or the owner of the token. Raises as that does.
    """
    if asks():
        return _asked(
            slug=slug, version=version, share=share, actor=actor, user_id=user_id, reason=reason, shown=shown, override=override
        )  # fmt: skip
    done = release(slug=slug, version=version, share=share, actor=actor, reason=reason, shown=shown, override=override)
    void_stale(slug)
    return done


def asks() -> bool:
    """Say whether policy asks a second person."""
    return policies.current(fresh=True).policy.releases.second_person


def waiting(slug: str) -> ApprovalRequest | None:
    """Return the request that a release of this prompt waits for; None where none does."""
    return ApprovalRequest.objects.filter(kind=KIND, status="pending", facts__prompt=slug).defer("body").first()


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
    change = Change(REQUEST, request.id, "approved", "consume", {}, {"digest": request.digest, "revision": request.revision})
    entry = request_entry(request, EventKind.APPROVAL_CONSUMED, actor, {"version": facts["version"], "share": facts["share"]})
    return Batch((*batch.changes, change), batch.births, (*batch.entries, entry))


@atomically
def void_stale(slug: str) -> int:
    """Void the open requests for a prompt whose traffic was routed anew since; returns how many."""
    asked = ApprovalRequest.objects.select_for_update(no_key=True).filter(kind=KIND, status="pending", facts__prompt=slug)
    now, rows = routed(slug), list(asked.order_by("id"))
    stale = [row for row in rows if not _stands(row, now)]
    if stale:
        changes, entries = void(stale, actor=SYSTEM, reason="the prompt's traffic was routed anew since it was asked")
        write(Batch(tuple(changes), (), tuple(entries)))
        transaction.on_commit(index_soon)
    return len(stale)


def _stands(request: ApprovalRequest, now: Routed) -> bool:
    """Say whether the traffic still goes as it did when it was asked."""
    return bool(request.facts["routed"] == [str(row.pk) for row in now.rows])


@atomically
def _asked(
    *, slug: str, version: str, share: int, actor: Actor, user_id: int | None, reason: str, shown: UUID | None, override: str
) -> ApprovalRequest:
    now, target, why = checked_release(slug, version, share, reason, shown)
    held = refuse_below(target, override=override, actor=actor)
    open_one = waiting(slug)
    if open_one is not None:
        raise NotReleased(slug=slug, version=version, reason=f"{open_one.ref} waits for a second person already")
    live = now.base.version.version if now.base else "nothing"
    facts: dict[str, Any] = {
        "prompt": slug, "version": version, "share": share, "beside": live, "checksum": target.checksum,
        "written_by": target.author, "reason": why, "routed": [str(row.pk) for row in now.rows],
        **({"held_back": held, "override": override.strip()} if held else {}),
    }  # fmt: skip
    id_, (number,) = uuid7(), take_numbers(1)
    body = other_body(request=str(id_), revision=1, kind=KIND, session="", facts=facts)
    judgement = Judgement("ask", (WHY,), GRAVE, ttl_s=policies.current().policy.ttl_s)
    excluded = frozenset(one for one in (target.author_user, user_id) if one is not None)
    new = NewRequest(
        id=id_, number=number, kind=KIND, body=body, digest=digest(body), judgement=judgement, facts=facts,
        summary=f"Release {version} of {slug} to {share}% of new sessions", prompt_version=f"{slug} {version}",
        requested_by=actor.name, requester=user_id, excluded=excluded,
    )  # fmt: skip
    birth, entry = open_request(new, actor=actor)
    write(Batch(births=(birth,), entries=(entry,)))
    transaction.on_commit(index_soon)
    return ApprovalRequest.objects.get(pk=id_)
