"""`manage.py demo`: seed the demo into an empty installation and print its sign-ins."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from agents.demo import seed as seeding
from agents.demo.people import SignIn
from audit.errors import CountersignError
from console.demo import furnish


class Command(BaseCommand):
    """Seed, then tell the passwords this once."""

    help = "Seed the demo (people, policy, documents, agents, first sessions) into an empty installation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to start sessions."""
        parser.add_argument(
            "--follow-provider", action="store_true", help="only give the demo's agents the model that is there"
        )
        parser.add_argument("--no-sessions", action="store_true", help="do not give the agent its first goals")

    def handle(self, *args: Any, no_sessions: bool, follow_provider: bool, **options: Any) -> None:
        """Seed the demo; one clear line where that is not possible."""
        if follow_provider:
            for slug in seeding.follow_provider():
                self.stdout.write(f"{slug} uses the model of the configured provider now.")
            return
        try:
            with transaction.atomic():
                people = seeding.seed(goals=not no_sessions)
                if not no_sessions:
                    furnish()
        except CountersignError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(sign_ins(people))


def sign_ins(people: list[SignIn]) -> str:
    """Return the sign-ins as a table for a terminal."""
    wide = max(len(person.email) for person in people)
    return "\n".join(f"{person.email:<{wide}}  {person.password:<36}  {person.role.replace('_', ' ')}" for person in people)
