"""What the demo has of the console's own things: a token that opens nothing, and people who are told by mail."""

from django.conf import settings
from django.contrib.auth.models import User

from agents.demo.people import DOMAIN
from audit.actors import Actor
from console.models import OCCASIONS
from console.preferences import set_notifications
from console.tokens import create_token, revoke_token

LABEL = "Demo: its secret was never shown, and it is revoked"
TOLD = ("ada", "remy")


def furnish() -> None:
    """Make them by the services that people use. Joins the caller's transaction; for an installation that was just seeded."""
    make_token()
    if not settings.EMAIL_HOST_GIVEN:  # to the demo's catcher alone: nobody reads mail at these addresses
        for name in TOLD:
            user, actor = _who(name)
            set_notifications(user.pk, occasions=OCCASIONS, channels=["email"], chat=None, actor=actor)


def make_token() -> None:
    """Make a token of a program of Ada's, throw its secret away, and revoke it."""
    user, actor = _who("ada")
    made = create_token(user=user, scopes=["audit:read"], service="weekly-report", label=LABEL, days=30, actor=actor)
    revoke_token(made.token.id, owner=user.pk, actor=actor)


def _who(name: str) -> tuple[User, Actor]:
    user = User.objects.get(username=f"{name}@{DOMAIN}")
    return user, Actor("user", str(user.pk), user.first_name)
