"""Lets people in, as another process: `python -m tests.bench.signing ROLE COUNT` prints a cookie and a token for each."""

import json
import sys

import django

django.setup()

from django.conf import settings  # noqa: E402  settings first
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import connection  # noqa: E402

from console.rights import SCOPES  # noqa: E402
from console.tokens import create_token  # noqa: E402
from tests.bench.people import account, actor_of  # noqa: E402


def cookie(user: User) -> str:
    """The cookie of a signed-in browser."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def token(user: User) -> str:
    """The text of a token that may do all that its owner may."""
    return create_token(user=user, scopes=SCOPES, actor=actor_of(user)).secret


def main(role: str, count: int) -> None:
    """Let so many in, and print."""
    users = [account(f"{role}-{number}", role) for number in range(count)]
    print(json.dumps({"cookies": [cookie(user) for user in users], "tokens": [token(user) for user in users]}))
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
