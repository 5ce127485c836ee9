"""Access tokens: made, shown once, stored as a hash, limited in scope and time, revoked. `ctk_<id>_<secret>`."""

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Literal

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from audit.actors import Actor
from audit.canonical import Json
from audit.connection import read
from audit.events import EventKind
from audit.index import index_soon
from audit.services import Entry, record
from console.auth import ANONYMOUS, Caller, caller_of_token
from console.errors import ServiceNeverDecides, TokenWiderThanCaller, UnknownScope, UnknownToken
from console.models import ApiToken
from console.rights import DECIDE_SCOPE, SCOPES

_FORM = re.compile(r"ctk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})\Z")
_MINUTE = timedelta(minutes=1)
_OWNER = ("username", "first_name", "last_name", "is_active")
_TOKEN = ("secret_hash", "service", "scopes", "last_used_at")
# Every call over the API begins with it, so it is one question: the token, its owner and what groups that is in now.
_ALIVE = """
SELECT t.id AS token, t.secret_hash, t.service, t.scopes, t.last_used_at,
       u.id AS owner, u.username, u.first_name, u.last_name, u.is_active,
       ARRAY(SELECT g.name FROM auth_user_groups AS m JOIN auth_group AS g ON g.id = m.group_id WHERE m.user_id = u.id) AS groups
  FROM console_apitoken AS t JOIN auth_user AS u ON u.id = t.user_id
 WHERE t.id = %s AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > statement_timestamp())
"""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made; `secret` is the whole `ctk_…` text and exists nowhere else."""

    token: ApiToken
    secret: str


def create_token(
    *,
    user: User,
    scopes: Iterable[str],
    actor: Actor,
    service: str = "",
    label: str = "",
    days: int | None = None,
    within: frozenset[str] | None = None,
) -> NewToken:
    """Make a token for `user` and write it to the log; `within` are the scopes of the token that asks, if one does.

    Raises UnknownScope, ServiceNeverDecides, TokenWiderThanCaller.
    """
    wanted = tuple(sorted(set(scopes)))
    _check(wanted, service, within)
    public, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    expires = None if days is None else ExpressionWrapper(Now() + timedelta(days=days), output_field=DateTimeField())
    with transaction.atomic():
        token = ApiToken.objects.create(
            id=public,
            secret_hash=sha256(secret.encode()).hexdigest(),
            user=user,
            service=service.strip(),
            label=label.strip(),
            scopes=list(wanted),
            created_by=actor.name,
            expires_at=expires,
        )
        token.refresh_from_db()
        record([_entry(EventKind.TOKEN_CREATED, token, actor)])
    index_soon()
    return NewToken(token, f"ctk_{public}_{secret}")


def revoke_token(token_id: str, *, actor: Actor, owner: int | None) -> ApiToken:
    """Revoke the token, of `owner` or of anyone if None, and write that to the log; a second time changes nothing.

    Raises UnknownToken.
    """
    with transaction.atomic():
        token = tokens_of(owner).select_for_update(of=("self",)).filter(pk=token_id).first()
        if token is None:
            raise UnknownToken
        if token.revoked_at is None:
            ApiToken.objects.filter(pk=token_id).update(revoked_at=Now())
            token.refresh_from_db()
            record([_entry(EventKind.TOKEN_REVOKED, token, actor)])
    index_soon()
    return token


def tokens_of(owner: int | None) -> QuerySet[ApiToken]:
    """Return the tokens of one account, or of all if None, newest first."""
    tokens = ApiToken.objects.select_related("user").order_by("-created_at", "-id")
    return tokens if owner is None else tokens.filter(user_id=owner)


def token_page(*, owner: int | None, after: list[Any] | None, limit: int) -> tuple[list[ApiToken], list[str] | None]:
    """Return a page of tokens after a keyset key, newest first, and the key that the next page starts after."""
    tokens = tokens_of(owner)
    if after is not None:
        created, token_id = after
        tokens = tokens.filter(Q(created_at__lt=created) | Q(created_at=created, id__lt=token_id))
    rows = list(tokens[: limit + 1])
    following = [rows[limit - 1].created_at.isoformat(), rows[limit - 1].id] if len(rows) > limit else None
    return rows[:limit], following


def caller_of_bearer(value: str) -> Caller:
    """Return who sent the token; anonymous if it is malformed, unknown, wrong, expired, revoked or its owner is gone."""
    form = _FORM.fullmatch(value)
    if form is None:
        return ANONYMOUS
    public, secret = form.groups()
    for row in read(_ALIVE, [public]):
        token = ApiToken(
            user=User(id=row["owner"], **{name: row[name] for name in _OWNER}),
            id=row["token"],
            **{name: row[name] for name in _TOKEN},
        )
        if not hmac.compare_digest(token.secret_hash, sha256(secret.encode()).hexdigest()):
            return ANONYMOUS
        # At most one write a minute, however often it is used.
        if token.last_used_at is None or timezone.now() - token.last_used_at > _MINUTE:
            ApiToken.objects.filter(pk=public).update(last_used_at=Now())
        return caller_of_token(token, row["groups"])
    return ANONYMOUS


def state(token: ApiToken) -> Literal["live", "expired", "revoked"]:
    """Return how a token stands, for people to read; whether it is accepted is asked of the database's clock."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= timezone.now() else "live"


def _check(wanted: tuple[str, ...], service: str, within: frozenset[str] | None) -> None:
    for scope in wanted:
        if scope not in SCOPES:
            raise UnknownScope(scope=scope)
        if within is not None and scope not in within:
            raise TokenWiderThanCaller(scope=scope)
    if service and DECIDE_SCOPE in wanted:
        raise ServiceNeverDecides


def _entry(kind: EventKind, token: ApiToken, actor: Actor) -> Entry:
    facts: dict[str, Json] = {"token": token.id, "owner": token.user_id, "service": token.service, "scopes": list(token.scopes)}
    return Entry(stream=f"user:{token.user_id}", kind=kind, actor=actor, facts=facts, ids=(f"token:{token.id}",))
