"""`manage.py mail_catcher`: the demo's mail server, which keeps every message for the page of sent mail."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.demo.catcher import serve


class Command(BaseCommand):
    """Run the catcher until it is told to stop."""

    requires_system_checks = ()  # it needs no database and starts beside everything else
    help = "Speak SMTP on loopback and keep what is sent as files; nothing is passed on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the port."""
        parser.add_argument("--port", type=int, required=True)

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        """Serve; end with one line where the port is taken."""
        try:
            asyncio.run(serve(port))
        except OSError as error:
            raise CommandError(f"The mail catcher cannot listen on port {port}: {error.strerror}.") from error
