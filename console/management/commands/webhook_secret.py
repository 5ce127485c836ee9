"""`manage.py webhook_secret URL`: print what the messages to a receiver are signed with."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.tools import egress
from console.reach import webhooks


class Command(BaseCommand):
    """Tell the secret of one receiver: scheme, host and port of its address make it its own."""

    help = "Print the secret, in the form of Standard Webhooks, that messages to an address are signed with."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the receiver's address."""
        parser.add_argument("url")

    def handle(self, *args: Any, url: str, **options: Any) -> None:
        """Print one line for each key, the newest first."""
        if wrong := egress.refused_webhook(url):
            raise CommandError(f"{url} {wrong}.")
        for secret in webhooks.secrets_of(url):
            self.stdout.write(secret)
