"""Deleting what was said in a person's or customer's sessions because they ask for it, and what that leaves elsewhere.

Beside the texts of the log go the sessions' titles, files, drafts, their memory, quotes in their marks of taint, and of requests the
arguments that were decided on and the words of those who decided; digests and verdicts stay. What was published, sent, exported, or
made into a case stays: the preview counts it, so that people see to it themselves.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, LiteralString
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from agents.errors import AgentsError, BadText
from agents.models import Case, Message, Rerun, Session, ToolCall, Turn
from agents.models.library import Draft, Memory, Note, WorkspaceFile
from approvals.digest import ERASED
from approvals.models import ApprovalRequest
from audit.actors import Actor
from audit.atomically import atomically
from audit.models import AuditStream, Content
from audit.retention import deletions
from audit.retention.holds import held_streams
from audit.retention.models import Deletion

MOST = 500
"""Sessions that are deleted at once; whoever has more is asked again."""
NAMED = 20
_TITLES: LiteralString = """
UPDATE agents_session SET title = 'Deleted', taint = coalesce(
    (SELECT jsonb_agg(mark - '{title,quote,passage}'::text[]) FROM jsonb_array_elements(taint) AS mark
      WHERE jsonb_typeof(mark) = 'object'), '[]')
WHERE id = ANY (%s)"""
_QUOTES: LiteralString = """
UPDATE agents_toolcall SET sources = '[]', judgement = judgement - '{changes,origins}'::text[] WHERE session_id = ANY (%s)"""
_REQUESTS: LiteralString = """
UPDATE approvals_approvalrequest SET body = '{"arguments":{}}', summary = 'Deleted', shape = '', target = '',
    facts = CASE WHEN kind IN ('budget', 'prompt_release') THEN facts
                 WHEN facts #> '{standing,ref}' IS NOT NULL
                 THEN jsonb_build_object('standing', (facts -> 'standing') - 'why') ELSE '{}' END,
    taint = coalesce((SELECT jsonb_agg(mark - '{title,quote,passage}'::text[]) FROM jsonb_array_elements(taint) AS mark
                       WHERE jsonb_typeof(mark) = 'object'), '[]')
WHERE session_id = ANY (%s) AND status IN ('consumed', 'rejected', 'answered', 'expired', 'withdrawn', 'void')"""
_WORDS: LiteralString = """
UPDATE approvals_decision SET instruction = '', answer = '', difference = '[]'
 WHERE (instruction <> '' OR answer <> '' OR difference <> '[]')
   AND request_id IN (SELECT id FROM approvals_approvalrequest WHERE session_id = ANY (%s))"""
_STANDING: LiteralString = """
UPDATE approvals_standingapproval SET vary = '[]', up_to = '{}' WHERE session_id = ANY (%s) AND (vary <> '[]' OR up_to <> '{}')"""
"""What rows repeat of texts: titles, quotes of what was untrusted, values that reviewers changed, where values came from; arguments
that were decided on, what people said of them, and which of them could differ up to what in further calls."""
BY = ("session", "tenant", "on_behalf_of", "principal")


class SessionsOpen(AgentsError):
    """Nothing was deleted: {told} can still go on and would need its texts. Cancel or close it first."""

    code: ClassVar[str] = "sessions_open"


class StalePreview(AgentsError):
    """Something was said or deleted since you were shown what goes. Look again."""

    code: ClassVar[str] = "stale_preview"


class ContentGone(AgentsError):
    """What was said in {ref} is not whole any more, so no model is given it. {why}"""  # noqa: D400  the reason ends the sentence

    code: ClassVar[str] = "content_gone"


@dataclass(frozen=True, slots=True)
class Found:
    """What a deletion would take: `token` names exactly this, so that nothing else is deleted than what was shown."""

    sessions: tuple[str, ...]
    more: bool
    open: tuple[str, ...]
    held: tuple[str, ...]
    texts: Mapping[str, int] = field(default_factory=dict)
    goes: Mapping[str, int] = field(default_factory=dict)
    stays: Mapping[str, int] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """The hash of the sessions and counts that were shown."""
        said = repr((self.sessions, self.open, self.held, sorted(self.texts.items()), sorted(self.goes.items())))
        return hashlib.sha256(said.encode()).hexdigest()


def find(by: str, whose: str) -> Found:
    """Return whose texts would be deleted, and what of them lies elsewhere.

    Args:
        by: "session", "tenant", "on_behalf_of" or "principal".
        whose: `S-88123`, a tenant, a name that sessions ran on behalf of, or a principal (`user:5`, `service:NAME`).

    Raises:
        BadText.
    """
    return _look(_sessions(by, whose), by, whose)


def _sessions(by: str, whose: str) -> list[Session]:
    whose = whose.strip()
    if by not in BY or not whose:
        raise BadText(field="by" if by not in BY else "whose", reason="names whose texts are meant")
    return list(_where(by, whose).order_by("number")[: MOST + 1])


def _where(by: str, whose: str) -> QuerySet[Session]:
    rows = Session.objects.all()
    if by == "session":
        number = whose.removeprefix("S-")
        return rows.filter(number=int(number)) if number.isascii() and number.isdecimal() and len(number) < 16 else rows.none()
    if by == "principal":
        kind, _, id_ = whose.partition(":")
        return rows.filter(started_kind=kind, started_by=id_)
    return rows.filter(**{by: whose})


def _look(sessions: list[Session], by: str, whose: str) -> Found:
    more, rows = len(sessions) > MOST, sessions[:MOST]
    refs, streams = tuple(row.ref for row in rows), [_stream(row) for row in rows]
    closed = set(AuditStream.objects.filter(name__in=streams, closed=True).values_list("name", flat=True))
    keys = [row.pk for row in rows]
    return Found(
        sessions=refs,
        more=more,
        open=tuple(row.ref for row in rows if _stream(row) not in closed),
        held=tuple(stream.removeprefix("session:") for stream in sorted(held_streams(streams))) if streams else (),
        texts=deletions.counted(streams) if streams else {},
        goes={
            "memories": _memories(refs, by, whose).count(),
            "files": WorkspaceFile.objects.filter(session__in=keys).count(),
            "drafts": Draft.objects.filter(session__in=keys).count(),
            "arguments of requests": ApprovalRequest.objects.filter(session_id__in=keys).exclude(body=ERASED).count(),
        },
        stays={
            "published notes": Note.objects.filter(session__in=keys).count(),
            "cases": _cases(keys, refs).count(),
            "re-runs": Rerun.objects.filter(session__in=keys).count(),
        },
    )


def _cases(keys: Sequence[UUID], refs: tuple[str, ...]) -> QuerySet[Case]:
    numbers = ApprovalRequest.objects.filter(session_id__in=keys).values_list("number", flat=True)
    return Case.objects.filter(origin_ref__in=[*refs, *(f"AP-{number}" for number in numbers)])


def _stream(row: Session) -> str:
    return f"session:{row.ref}"


def _memories(refs: tuple[str, ...], by: str, whose: str) -> QuerySet[Memory]:
    mine = Q(scope="session", owner__in=refs) | Q(session__in=refs, scope="principal")
    if by in ("principal", "on_behalf_of"):
        mine |= Q(scope="principal", owner=whose.strip())
    return Memory.objects.filter(mine)


@atomically
def erase(*, by: str, whose: str, token: str, reason: str, actor: Actor) -> Deletion:
    """Delete what was shown; the entry of it says whose, why, how much, and what is left elsewhere.

    Args:
        by, whose: as they were looked for.
        token: of the preview that was shown: what has changed since is not deleted unseen.
        reason: why, for the log and for whoever meets the gap.
        actor: who deletes; the caller has checked the right to.

    Raises:
        BadText, StalePreview, SessionsOpen, ContentHeld, InvalidRetention.
    """
    rows = _sessions(by, whose)
    found = _look(rows, by, whose)
    if not found.sessions:
        raise BadText(field="whose", reason="names nobody whose sessions are here")
    if found.open:
        raise SessionsOpen(told=", ".join(found.open[:NAMED]))
    if found.token != token:
        raise StalePreview
    rows, keys = rows[:MOST], [row.pk for row in rows[:MOST]]
    beside = {
        **{f"deleted {name}": n for name, n in found.goes.items() if n},
        **{f"left {name}": n for name, n in found.stays.items() if n},
    }
    asked = deletions.Asked([_stream(row) for row in rows], {by: whose.strip()}, reason, beside)
    made = deletions.delete(asked, actor=actor)
    _memories(found.sessions, by, whose).delete()
    WorkspaceFile.objects.filter(session__in=keys).delete()
    Draft.objects.filter(session__in=keys).delete()
    with connection.cursor() as cursor:
        for statement in (_TITLES, _QUOTES, _REQUESTS, _WORDS, _STANDING):
            cursor.execute(statement, [keys])
    return made


def check_whole(session: Session) -> None:
    """Raise ContentGone where a text of the session was deleted: a model that read the rest would be misled."""
    ids = set(Message.objects.filter(session=session).values_list("text_id", flat=True))
    ids |= {id_ for (id_,) in Turn.objects.filter(session=session).values_list("text_id") if id_}
    for row in ToolCall.objects.filter(session=session).values_list("raw_id", "arguments_id", "result_id"):
        ids |= {id_ for id_ in row if id_}
    if Content.objects.filter(pk__in=ids).count() < len(ids):
        raise ContentGone(ref=session.ref, why=deletions.why_gone(_stream(session)))
