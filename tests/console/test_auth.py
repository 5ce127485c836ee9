"""Signing in and out, proving oneself again, tokens, and what a caller may."""

import re
import time
from contextlib import suppress
from io import StringIO
from threading import Thread

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.http import HttpRequest
from django.test import Client, RequestFactory

from audit.actors import SYSTEM
from audit.models import AuditEntry
from console import signin, tokens
from console.auth import ANONYMOUS, caller_of_user
from console.errors import (
    Forbidden,
    PasswordRefused,
    ServiceNeverDecides,
    SignInRefused,
    TokenWiderThanCaller,
    Unauthenticated,
    UnknownScope,
    UnknownToken,
)
from console.models import ApiToken, SignInAttempt
from console.rights import RIGHTS, SCOPES, Right, Role, holds
from tests.conftest import PASSWORD


def request_with_session(address: str = "192.0.2.1") -> HttpRequest:
    """A request as the middleware hands it on."""
    request = RequestFactory().post("/sign-in/", REMOTE_ADDR=address)
    request.session = Client().session
    request.user = User()
    return request


def kinds(stream: str) -> list[str]:
    """What the log says of a stream."""
    return list(AuditEntry.objects.filter(stream=stream).order_by("seq").values_list("kind", flat=True))


# --- signing in


def test_signing_in_rotates_the_session_id_and_is_logged(olga: User) -> None:
    """THREATS 50: a session id that was planted before is worth nothing afterwards."""
    request = request_with_session()
    request.session["planted"] = "by somebody"
    request.session.create()
    before = request.session.session_key
    signin.sign_in(request, " Olga@Demo.Example ", PASSWORD)
    assert request.session.session_key != before
    assert kinds(f"user:{olga.pk}") == ["user.signed_in"]


def test_signing_out_ends_the_session_on_the_server(olga: User) -> None:
    """THREATS 50: a copied cookie opens nothing after sign-out."""
    request = request_with_session()
    signin.sign_in(request, olga.username, PASSWORD)
    key = request.session.session_key
    signin.sign_out(request)
    assert key is not None
    assert not request.session.exists(key)
    assert kinds(f"user:{olga.pk}") == ["user.signed_in", "user.signed_out"]


@pytest.mark.parametrize("email", ["olga@demo.example", "nobody@demo.example", "", "closed@demo.example"])
def test_every_refusal_reads_the_same(olga: User, email: str) -> None:
    """THREATS 51: nobody learns from the answer which accounts exist."""
    User.objects.create_user("closed@demo.example", password=PASSWORD, is_active=False)
    password = PASSWORD if email.startswith("closed") else "wrong"
    with pytest.raises(SignInRefused) as refused:
        signin.sign_in(request_with_session(), email, password)
    assert refused.value.detail == SignInRefused().detail


def test_attempts_are_limited_per_account_and_address(olga: User) -> None:
    """THREATS 51: the right password does not help after too many wrong ones, and elsewhere it still does."""
    for _ in range(signin.PER_ACCOUNT):
        with pytest.raises(SignInRefused):
            signin.sign_in(request_with_session(), olga.username, "wrong")
    with pytest.raises(SignInRefused):
        signin.sign_in(request_with_session(), olga.username, PASSWORD)
    assert signin.sign_in(request_with_session("192.0.2.2"), olga.username, PASSWORD) == olga


def test_the_limit_is_over_after_its_window(olga: User) -> None:
    """Nobody is locked out for good by strangers."""
    for _ in range(signin.PER_ACCOUNT + 1):
        with pytest.raises(SignInRefused):
            signin.sign_in(request_with_session(), olga.username, "wrong")
    SignInAttempt.objects.update(created_at=Now() - signin.WINDOW)
    assert signin.sign_in(request_with_session(), olga.username, PASSWORD) == olga
    assert not SignInAttempt.objects.exists()


def test_one_password_cannot_be_tried_on_many_accounts(olga: User) -> None:
    """THREATS 51: spraying from one address is limited too."""
    SignInAttempt.objects.bulk_create(
        SignInAttempt(account=f"{number}", address=signin._key("address", "192.0.2.1")) for number in range(signin.PER_ADDRESS)
    )
    with pytest.raises(SignInRefused):
        signin.sign_in(request_with_session(), olga.username, PASSWORD)


def test_attempts_keep_neither_account_nor_address_in_the_clear(olga: User) -> None:
    """What is counted tells a reader of the table nothing."""
    with pytest.raises(SignInRefused):
        signin.sign_in(request_with_session(), olga.username, "wrong")
    row = SignInAttempt.objects.get()
    assert "olga" not in row.account
    assert "192" not in row.address


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/approvals/?status=pending", "/approvals/?status=pending"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("approvals/", "/"),
        ("", "/"),
    ],
)
def test_after_sign_in_only_paths_of_this_installation_are_followed(target: str, expected: str) -> None:
    """THREATS 51: no open redirect."""
    assert signin.safe_next(RequestFactory().get("/sign-in/", headers={"host": "localhost"}), target) == expected


def test_reauthentication_counts_for_one_digest_and_a_new_session_id(olga: User) -> None:
    """THREATS 30, 50: bound to what was shown; a sign-in alone does not count."""
    request = request_with_session()
    signin.sign_in(request, olga.username, PASSWORD)
    request.user = olga
    before = request.session.session_key
    assert not signin.reauthenticated(request, "d" * 64)
    signin.reauthenticate(request, PASSWORD, "d" * 64)
    assert request.session.session_key != before
    assert signin.reauthenticated(request, "d" * 64)
    assert not signin.reauthenticated(request, "e" * 64)


def test_reauthentication_grows_stale(olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS 30: five minutes."""
    request = request_with_session()
    request.user = olga
    request.session.create()
    signin.reauthenticate(request, PASSWORD, "d" * 64)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + signin.REAUTHENTICATION_S + 2)
    assert not signin.reauthenticated(request, "d" * 64)


def test_reauthentication_with_a_wrong_password_is_refused(olga: User) -> None:
    """A stolen session cannot confirm itself."""
    request = request_with_session()
    request.user = olga
    request.session.create()
    with pytest.raises(PasswordRefused) as refused:
        signin.reauthenticate(request, "wrong", "d" * 64)
    assert "password does not match" in refused.value.detail
    assert "E-mail" not in refused.value.detail
    assert not signin.reauthenticated(request, "d" * 64)


# --- callers and rights


def test_every_right_is_in_the_table_or_needs_no_role() -> None:
    """A right that nobody placed would be held by nobody; one that is placed twice is a mistake."""
    assert set(Right) - set(RIGHTS) == {Right.PUBLIC, Right.SIGNED_IN}


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gives_exactly_its_column(db: None, role: Role) -> None:
    """API.md, Rights: the table is the rule, for a user with one role."""
    user = User.objects.create_user(f"{role}@demo.example")
    user.groups.set([Group.objects.get_or_create(name=role)[0]])
    caller = caller_of_user(user)
    assert {right for right in RIGHTS if caller.has(right)} == {right for right in RIGHTS if role in RIGHTS[right]}


def test_nobody_and_nobody_with_a_role_may_anything(sam: User) -> None:
    """Deny by default: an account without a role can only sign out."""
    assert [right for right in Right if ANONYMOUS.has(right)] == [Right.PUBLIC]
    assert [right for right in Right if caller_of_user(sam).has(right)] == [Right.PUBLIC, Right.SIGNED_IN]
    assert not any(holds(["root", "superuser"], right) for right in Right)


def test_a_changed_role_counts_at_once(olga: User) -> None:
    """OPS-3: the next request has the new rights, in the same session."""
    assert caller_of_user(olga).has(Right.DIRECT_SESSIONS)
    olga.groups.clear()
    assert not caller_of_user(olga).has(Right.DIRECT_SESSIONS)


def test_a_closed_account_is_nobody(olga: User) -> None:
    """Also with a session or a token that was valid before."""
    made = tokens.create_token(user=olga, scopes=["sessions:read"], actor=SYSTEM)
    User.objects.filter(pk=olga.pk).update(is_active=False)
    assert caller_of_user(User.objects.get(pk=olga.pk)) is ANONYMOUS
    assert tokens.caller_of_bearer(made.secret) is ANONYMOUS


def test_a_refusal_names_the_roles_that_may(vic: User) -> None:
    """UI.md: the page says which role is needed."""
    with pytest.raises(Forbidden, match="the role operator or admin"):
        caller_of_user(vic).check(Right.RESTRAIN)
    with pytest.raises(Unauthenticated):
        ANONYMOUS.check(Right.SEE)
    with pytest.raises(Unauthenticated):
        ANONYMOUS.actor()


# --- tokens


def test_a_token_is_stored_only_as_a_hash_and_is_its_users(olga: User) -> None:
    """API.md, Manners: ctk_…, shown once, personal."""
    made = tokens.create_token(user=olga, scopes=["sessions:read", "sessions:write"], actor=SYSTEM)
    assert re.fullmatch(r"ctk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", made.secret)
    row = ApiToken.objects.values().get(pk=made.token.pk)
    assert made.secret.split("_", 2)[2] not in str(row)
    caller = tokens.caller_of_bearer(made.secret)
    assert (caller.kind, caller.user_id, caller.token) == ("personal", olga.pk, made.token.pk)
    assert caller.actor().token == made.token.pk
    assert kinds(f"user:{olga.pk}") == ["token.created"]


def test_scopes_only_narrow_what_the_user_may(vic: User) -> None:
    """A token with every scope gives a viewer no more than a viewer has."""
    made = tokens.create_token(user=vic, scopes=SCOPES, actor=SYSTEM)
    caller = tokens.caller_of_bearer(made.secret)
    assert caller.has(Right.SEE, "sessions:read")
    assert not caller.has(Right.RUN_SESSIONS, "sessions:write")


def test_a_right_without_its_scope_is_refused(ada: User) -> None:
    """A token for sessions does not read the audit trail, though its admin may."""
    caller = tokens.caller_of_bearer(tokens.create_token(user=ada, scopes=["sessions:read"], actor=SYSTEM).secret)
    assert caller.has(Right.SEE, "sessions:read")
    assert not caller.has(Right.READ_AUDIT, "audit:read")
    with pytest.raises(Forbidden, match="scope audit:read"):
        caller.check(Right.READ_AUDIT, "audit:read")


def test_a_service_token_never_decides(ada: User) -> None:
    """THREATS 23, 25: refused when it is made, refused in the database, refused when it is used."""
    with pytest.raises(ServiceNeverDecides):
        tokens.create_token(user=ada, scopes=["approvals:decide"], service="robot", actor=SYSTEM)
    made = tokens.create_token(user=ada, scopes=["approvals:read"], service="robot", actor=SYSTEM)
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiToken.objects.filter(pk=made.token.pk).update(scopes=["approvals:decide"])
    caller = tokens.caller_of_bearer(made.secret)
    assert caller.kind == "service"
    assert not caller.has(Right.DECIDE)
    assert caller.person().service
    assert caller.actor().kind == "service"


def test_a_token_cannot_make_a_wider_one(ada: User) -> None:
    """A token that may only make tokens cannot make itself an admin's."""
    with pytest.raises(TokenWiderThanCaller):
        tokens.create_token(user=ada, scopes=["stop:write"], actor=SYSTEM, within=frozenset({"tokens:write"}))
    with pytest.raises(UnknownScope):
        tokens.create_token(user=ada, scopes=["everything"], actor=SYSTEM)


def test_wrong_expired_and_revoked_tokens_are_nobody(olga: User) -> None:
    """Uniformly: the caller learns nothing of why."""
    made = tokens.create_token(user=olga, scopes=["sessions:read"], actor=SYSTEM, days=1)
    assert tokens.caller_of_bearer(made.secret).known
    wrong = made.secret[:-1] + ("A" if made.secret[-1] != "A" else "B")
    assert [tokens.caller_of_bearer(text) for text in (wrong, "", "ctk_", "ctk_" + "0" * 16 + "_" + "x" * 43)] == [
        ANONYMOUS
    ] * 4
    ApiToken.objects.filter(pk=made.token.pk).update(expires_at=Now())
    assert tokens.caller_of_bearer(made.secret) is ANONYMOUS
    ApiToken.objects.filter(pk=made.token.pk).update(expires_at=None)
    tokens.revoke_token(made.token.pk, actor=SYSTEM, owner=olga.pk)
    assert tokens.caller_of_bearer(made.secret) is ANONYMOUS


def test_revoking_is_logged_once_and_only_for_ones_own(olga: User, vic: User) -> None:
    """Another person's token is not there, for those who may not see it."""
    made = tokens.create_token(user=olga, scopes=["sessions:read"], actor=SYSTEM)
    with pytest.raises(UnknownToken):
        tokens.revoke_token(made.token.pk, actor=SYSTEM, owner=vic.pk)
    tokens.revoke_token(made.token.pk, actor=SYSTEM, owner=None)
    tokens.revoke_token(made.token.pk, actor=SYSTEM, owner=None)
    assert kinds(f"user:{olga.pk}") == ["token.created", "token.revoked"]


def test_last_use_is_written_at_most_once_a_minute(olga: User, django_assert_num_queries: object) -> None:
    """A busy token does not write a row for each request."""
    made = tokens.create_token(user=olga, scopes=["sessions:read"], actor=SYSTEM)
    tokens.caller_of_bearer(made.secret)
    first = ApiToken.objects.get(pk=made.token.pk).last_used_at
    tokens.caller_of_bearer(made.secret)
    assert first is not None
    assert ApiToken.objects.get(pk=made.token.pk).last_used_at == first


def test_the_command_makes_lists_and_revokes(olga: User) -> None:
    """`manage.py token`: the secret is printed once."""
    out = StringIO()
    call_command("token", "create", "OLGA@demo.example", "--scope", "sessions:read", "--service", "nightly", stdout=out)
    secret = out.getvalue().strip()
    caller = tokens.caller_of_bearer(secret)
    assert (caller.kind, caller.service) == ("service", "nightly")
    listing = StringIO()
    call_command("token", "list", olga.username, stdout=listing)
    assert secret.split("_")[1] in listing.getvalue()
    assert secret not in listing.getvalue()
    call_command("token", "revoke", secret.split("_")[1], stdout=StringIO())
    assert tokens.caller_of_bearer(secret) is ANONYMOUS


@pytest.mark.parametrize(
    "arguments",
    [
        ("nobody@demo.example", "--scope", "sessions:read"),
        ("olga@demo.example", "--scope", "everything"),
        ("olga@demo.example", "--scope", "approvals:decide", "--service", "robot"),
        ("olga@demo.example", "--scope", "sessions:read", "--days", "0"),
    ],
)
def test_the_command_refuses_in_one_line(olga: User, arguments: tuple[str, ...]) -> None:
    """No traceback, and nothing is made."""
    with pytest.raises(CommandError) as refused:
        call_command("token", "create", *arguments)
    assert "\n" not in str(refused.value)
    assert not ApiToken.objects.exists()


def test_many_attempts_at_once_do_not_outrun_the_limit(
    fresh_database: object, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS 51: attempts are counted before passwords are looked at."""
    looked_at: list[str] = []

    def look(request: HttpRequest, username: str, password: str) -> None:
        looked_at.append(password)

    monkeypatch.setattr(signin, "authenticate", look)

    def attempt() -> None:
        with suppress(SignInRefused):
            signin.sign_in(request_with_session(), "olga@demo.example", "wrong")
        connection.close()

    threads = [Thread(target=attempt) for _ in range(3 * signin.PER_ACCOUNT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert len(looked_at) <= signin.PER_ACCOUNT


def test_a_part_that_comes_too_late_does_not_take_the_new_cookie_away(client: Client, remy: User) -> None:
    """A page asks for parts while its person gives the password: the old name of the session is no reason to sign out."""
    client.force_login(remy)
    client.cookies[settings.SESSION_COOKIE_NAME] = "the-name-of-before-which-is-no-session"
    part = client.get("/approvals/?fragment=queue", headers={"HX-Request": "true"})
    assert part.status_code == 401
    assert settings.SESSION_COOKIE_NAME not in part.cookies
    client.cookies[settings.SESSION_COOKIE_NAME] = "the-name-of-before-which-is-no-session"
    whole = client.get("/approvals/")
    assert whole.cookies[settings.SESSION_COOKIE_NAME].value == ""


def test_without_scopes_the_command_says_which_it_gave(olga: User) -> None:
    """To read everything and change nothing; the secret stands alone on the output."""
    out, told = StringIO(), StringIO()
    call_command("token", "create", "olga@demo.example", stdout=out, stderr=told)
    token = ApiToken.objects.get()
    assert len(out.getvalue().split()) == 1
    assert token.scopes
    assert all(scope.endswith(":read") and scope in told.getvalue() for scope in token.scopes)
