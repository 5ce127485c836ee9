"""A session that makes no progress goes on with another version of its agent's prompt: one way to answer a `stuck` request.

It is the answer to the request, so whoever may answer may choose; the session is moved in the same transaction.
"""

from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from agents.errors import BadText, NotStuck, UnknownSession
from agents.gate.decide import answer
from agents.lifecycle import SESSION
from agents.models import PromptVersion, Recall, Release, Session
from agents.services import get_session
from approvals.models import ApprovalRequest
from approvals.policy import Person
from audit.actors import Actor
from audit.events import EventKind
from audit.services import Batch, Change, Entry
from audit.services import transition as write

LIVE_STATUS = ("active", "canary")
MOST = 20  # versions to choose from, the newest
TOLD = "A reviewer gave you other instructions, those above. Go on with the goal by them."


def versions(session: Session) -> list[PromptVersion]:
    """The versions of its prompt that a session may go on with, newest first, without their texts."""
    return list(_others(session.prompt_version).only("id", "version", "note", "created_at").order_by("-created_at")[:MOST])


def _others(current: PromptVersion) -> QuerySet[PromptVersion]:
    """Those that were released at some time: nobody comes past the release by this. None that was rolled back, unless it is
    live once more.
    """
    mine = PromptVersion.objects.filter(prompt_id=current.prompt_id).exclude(pk=current.pk)
    released = mine.filter(Exists(Release.objects.filter(version_id=OuterRef("pk"))))
    return released.filter(Q(status__in=LIVE_STATUS) | ~Exists(Recall.objects.filter(version_id=OuterRef("pk"))))


@transaction.atomic
def go_on(*, session: UUID, version: str, digest: str, person: Person, actor: Actor, instruction: str = "") -> Session:
    """Answer a session's `stuck` request by letting it go on with another version of its prompt.

    Args:
        session: the session.
        version: such as `1.1.0`, of the prompt that it runs with; released at some time; also an earlier one.
        digest: of the request, as it was shown.
        person, actor: who decides, as a human with rights and as a principal.
        instruction: what the agent is told besides; a plain sentence where it is empty.

    Raises:
        UnknownSession, NotStuck, BadText; the errors of `approvals.errors`.
    """
    asked = ApprovalRequest.objects.filter(session_id=session, kind="stuck", status="pending").first()
    row = Session.objects.select_related("prompt_version__prompt").filter(pk=session).first()
    if row is None:
        raise UnknownSession(ref=str(session))
    if asked is None:
        raise NotStuck(ref=row.ref)
    before = row.prompt_version
    other = _others(before).filter(version=version).first()
    if other is None:
        reason = f"names another version of the prompt {before.prompt.slug} than {before.version}, one that was released"
        raise BadText(field="version", reason=f"{reason} and is not rolled back")
    answer(request_id=asked.pk, person=person, actor=actor, verdict="answer", digest=digest, answer=instruction.strip() or TOLD)
    woken = Session.objects.get(pk=session)
    change = Change(SESSION, session, woken.status, "nudge", {"prompt_version_id": other.pk, "nudges": woken.nudges + 1})
    slug = before.prompt.slug
    told = {"from": f"{slug} {before.version}", "prompt_version": f"{slug} {other.version}", "prompt_checksum": other.checksum,
            "by": actor.name, "approval": asked.ref}  # fmt: skip
    entry = Entry(f"session:{row.ref}", EventKind.SESSION_MOVED, actor, told, ids=(row.ref, asked.ref), rev=woken.rev + 1,
                  trace=row.trace)  # fmt: skip
    write(Batch((change,), (), (entry,)))
    return get_session(session)
