"""The demo's people: seven sign-ins with passwords made at random, stored hashed and told once."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import Group, User

from audit.actors import SYSTEM
from audit.entry import Entry
from audit.events import EventKind
from audit.services import record

ROLES = ("viewer", "reviewer", "prompt_manager", "operator", "auditor", "admin")
PEOPLE = (
    ("olga", "Olga", "operator"),
    ("ada", "Ada", "admin"),
    ("remy", "Remy", "reviewer"),
    ("rosa", "Rosa", "reviewer"),
    ("paul", "Paul", "prompt_manager"),
    ("audrey", "Audrey", "auditor"),
    ("vic", "Vic", "viewer"),
)
DOMAIN = "demo.example"
WORDS = Path(__file__).parent / "words.txt"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One account of the demo, with the password that is told this once."""

    email: str
    role: str
    password: str


def make_people() -> list[SignIn]:
    """Make the roles and the people; return how to sign in. Joins the caller's transaction."""
    groups = {role: Group.objects.get_or_create(name=role)[0] for role in ROLES}
    return [_make(name, shown, role, groups[role]) for name, shown, role in PEOPLE]


def _make(name: str, shown: str, role: str, group: Group) -> SignIn:
    email = f"{name}@{DOMAIN}"
    password = _password()
    user = User.objects.create_user(username=email, email=email, password=password, first_name=shown)
    user.groups.add(group)
    record([Entry(f"user:{user.pk}", EventKind.USER_CREATED, SYSTEM, {"name": email, "roles": [role]}, (f"user:{user.pk}",))])
    return SignIn(email, role, password)


def _password() -> str:
    """Four words and two digits: about 32 bits, easy to type from a terminal; the sign-in limits guesses."""
    words = WORDS.read_text(encoding="utf-8").split()
    return "-".join([*(secrets.choice(words) for _ in range(4)), f"{secrets.randbelow(100):02d}"])
