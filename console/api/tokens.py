"""Access tokens over the API: one's own, and for admins everybody's."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.contrib.auth.models import User
from ninja import Query, Router, Schema
from pydantic import Field

from console import tokens as service
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, TokenPath, Word
from console.errors import Forbidden
from console.models import ApiToken
from console.rights import SCOPES, Right

router = Router(tags=["tokens"])
Scope = Literal[SCOPES]  # type: ignore[valid-type]  # one list of scopes, not two


class NewToken(Body):
    """What a new token may do, and for how long."""

    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    service: Annotated[Word, Field(max_length=60)] = ""
    label: Annotated[Word, Field(max_length=120)] = ""
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


class Token(Schema):
    """A token; its secret is not kept."""

    id: str
    state: Literal["live", "expired", "revoked"]
    owner: str
    service: str
    label: str
    scopes: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class CreatedToken(Token):
    """A token with its secret, shown this once."""

    token: str


class TokenPage(Schema):
    """A page of tokens, newest first."""

    items: list[Token]
    next_cursor: str | None


@endpoint(router, "GET", "/tokens", right=Right.OWN_TOKENS, scope="tokens:read", answer=TokenPage, refuses=(422,))
def list_tokens(request: ApiRequest, page: Query[Paged]) -> TokenPage:
    """List your tokens; an admin sees everybody's. Newest first."""
    rows, following = service.token_page(owner=_whose(request), after=decode("tokens", page.cursor), limit=page.limit)
    return TokenPage(items=[Token(**_shape(row)) for row in rows], next_cursor=encode("tokens", following))


@endpoint(
    router, "POST", "/tokens", right=Right.OWN_TOKENS, scope="tokens:write", answer=CreatedToken, status=201,
    refuses=(413, 415, 422), creates=True,
)  # fmt: skip
def create_token(request: ApiRequest, body: NewToken) -> CreatedToken:
    """Make a token of your own. The answer holds its secret, which is shown only here."""
    caller = request.auth
    if caller.kind == "service":
        raise Forbidden(needs="a person: service tokens make no tokens")
    made = service.create_token(
        user=User.objects.get(pk=caller.user_id),
        scopes=body.scopes,
        service=body.service,
        label=body.label,
        days=body.days,
        actor=caller.actor(),
        within=caller.scopes,
    )
    return CreatedToken(token=made.secret, **_shape(made.token))


@endpoint(
    router, "DELETE", "/tokens/{token_id}", right=Right.OWN_TOKENS, scope="tokens:write", answer=Token, refuses=(404, 422)
)
def revoke_token(request: ApiRequest, token_id: TokenPath) -> Token:
    """Revoke a token; it counts at once, and a second time changes nothing."""
    return Token(**_shape(service.revoke_token(token_id, actor=request.auth.actor(), owner=_whose(request))))


def _whose(request: ApiRequest) -> int | None:
    return None if request.auth.has(Right.ALL_TOKENS) else request.auth.user_id


def _shape(row: ApiToken) -> dict[str, Any]:
    fields = ("id", "service", "label", "scopes", "created_by", "created_at", "expires_at", "last_used_at", "revoked_at")
    return {name: getattr(row, name) for name in fields} | {"state": service.state(row), "owner": row.user.username}
