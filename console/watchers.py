"""Who sits at an open socket, and what of the feed they may see. Looked up anew every few seconds, many in one go.

A browser session ends here the moment it ends anywhere: signed out, expired, password changed, account closed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session as BrowserSession
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from agents.errors import UnknownSession
from agents.services import get_session, watch
from audit.feed import FeedEvent
from console.rights import Right, holds

GATHER_S = 0.02
"""Lookups asked for within this are made together; who has the patience waits for more of them."""
SEEN_BY_ALL = frozenset(
    {
        "session", "turn", "message", "tool_call", "approval", "decision", "agent", "prompt", "policy", "tool",
        "stop", "breaker", "budget", "limit", "glass", "document", "note", "schedule",
        "inlet", "suite", "case", "eval_run", "rerun", "grading",
    }
)  # fmt: skip
"""Nouns of events that everybody may know of who may see sessions and approvals; all other nouns are the log's."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """A person at a socket."""

    user_id: int
    roles: frozenset[str]
    name: str = ""

    @property
    def sees(self) -> bool:
        """True if there is anything this person may see."""
        return holds(self.roles, Right.SEE)


def may_see(watcher: Watcher, event: FeedEvent) -> bool:
    """Return whether this person may know that the event happened."""
    noun = event.kind.partition(".")[0]
    if noun in SEEN_BY_ALL:
        return watcher.sees
    # A noun that nobody thought of here belongs to the log, so that a new kind is hidden until it is placed.
    return holds(watcher.roles, Right.READ_AUDIT) or event.stream == f"user:{watcher.user_id}"


class Desk:
    """Looks watchers up; those who are asked for at the same moment are read together."""

    def __init__(self, call: Callable[..., Awaitable[Any]]) -> None:
        self._call = call
        self._asked: dict[str, asyncio.Future[Watcher | None]] = {}
        self._round: asyncio.TimerHandle | None = None
        self._looking: set[asyncio.Task[None]] = set()

    async def watcher(self, key: str, patience_s: float = 0) -> Watcher | None:
        """Return who the browser session with this key belongs to, looked up within so long; None when it is over."""
        if key not in self._asked:
            self._asked[key] = asyncio.get_running_loop().create_future()
        self._look_by(asyncio.get_running_loop().time() + max(patience_s, GATHER_S))
        return await asyncio.shield(self._asked[key])

    def _look_by(self, at: float) -> None:
        """Look for all who are asked for at this moment, or earlier if somebody has less patience."""
        if self._round is not None and self._round.when() <= at:
            return
        if self._round is not None:
            self._round.cancel()
        self._round = asyncio.get_running_loop().call_at(at, self._begin)

    def _begin(self) -> None:
        self._round = None
        task = asyncio.create_task(self._look())
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look(self) -> None:
        asked, self._asked = self._asked, {}
        try:
            found = await self._call(lookup, set(asked))
        except Exception as error:  # noqa: BLE001  each socket that waits ends with the reason; nobody stays unchecked
            for future in asked.values():
                _settle(future, error)
            return
        for key, future in asked.items():
            _settle(future, found.get(key))


def _settle(future: "asyncio.Future[Watcher | None]", outcome: Watcher | Exception | None) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
        future.exception()  # the socket may have gone; the reason is not lost, others carry it
    else:
        future.set_result(outcome)


def stream_answer(ref: str) -> None:
    """Note that somebody looks at a session, so that its worker streams; an unknown session is nobody's business."""
    with suppress(UnknownSession):
        watch(session=get_session(ref).id)


def lookup(keys: Collection[str]) -> Mapping[str, Watcher]:
    """Return the people behind these browser sessions; keys of sessions that are over are left out."""
    proofs = {}
    for session in BrowserSession.objects.filter(session_key__in=keys, expire_date__gt=Now()):
        data = session.get_decoded()
        proofs[session.session_key] = (str(data.get(SESSION_KEY, "")), str(data.get(HASH_SESSION_KEY, "")))
    ids = {int(user_id) for user_id, _ in proofs.values() if user_id.isdigit()}
    users = {str(user.pk): user for user in User.objects.filter(pk__in=ids, is_active=True).prefetch_related("groups")}
    return {
        key: _watcher(users[user_id])
        for key, (user_id, proof) in proofs.items()
        if user_id in users and constant_time_compare(proof, users[user_id].get_session_auth_hash())
    }


def _watcher(user: User) -> Watcher:
    return Watcher(user.pk, frozenset(group.name for group in user.groups.all()), user.get_full_name() or user.username)
