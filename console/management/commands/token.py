"""`manage.py token create|list|revoke`: access tokens from the command line of the installation."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from audit.actors import SYSTEM
from audit.errors import CountersignError
from console.errors import UnknownAccount
from console.rights import SCOPES
from console.tokens import create_token, revoke_token, state, tokens_of

READING = tuple(scope for scope in SCOPES if scope.endswith(":read"))


class Command(BaseCommand):
    """Make, list and revoke access tokens."""

    help = "Make, list and revoke access tokens. A new token is printed once; only its hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the three actions."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a token for an account")
        create.add_argument("email")
        known = f"repeatable; without it, to read all and change nothing: {', '.join(SCOPES)}"
        create.add_argument("--scope", action="append", metavar="SCOPE", help=known)
        create.add_argument("--service", default="", help="name of the program; without it the token acts as the person")
        create.add_argument("--label", default="", help="what it is for")
        create.add_argument("--days", type=int, default=None, help="days until it expires; without it, never")
        listing = actions.add_parser("list", help="list tokens")
        listing.add_argument("email", nargs="?", default="")
        revoke = actions.add_parser("revoke", help="revoke a token")
        revoke.add_argument("token", help="the token's id: the part between ctk_ and the second underscore")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action; a refused one is one clear line and exit code 1."""
        try:
            getattr(self, f"_{options['action']}")(options)
        except CountersignError as error:
            raise CommandError(error.detail) from error

    def _create(self, options: dict[str, Any]) -> None:
        days = options["days"]
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--days must lie between 1 and 3650.")
        made = create_token(
            user=account(options["email"]),
            scopes=options["scope"] or READING,
            service=options["service"],
            label=options["label"],
            days=days,
            actor=SYSTEM,
        )
        self.stdout.write(made.secret)
        if not options["scope"]:
            self.stderr.write(f"No --scope was given, so it has these: {' '.join(made.token.scopes)}")

    def _list(self, options: dict[str, Any]) -> None:
        owner = account(options["email"]).pk if options["email"] else None
        for token in tokens_of(owner)[:1000]:
            who = f"service {token.service}" if token.service else "personal"
            self.stdout.write(f"{token.id}  {state(token):8}{token.user.username}  {who}  {' '.join(token.scopes)}")

    def _revoke(self, options: dict[str, Any]) -> None:
        token = revoke_token(options["token"], actor=SYSTEM, owner=None)
        self.stdout.write(f"{token.id} is revoked.")


def account(email: str) -> User:
    """Return the active account; raises UnknownAccount."""
    user = User.objects.filter(username=email.strip().lower(), is_active=True).first()
    if user is None:
        raise UnknownAccount(email=email)
    return user
