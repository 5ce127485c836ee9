"""`manage.py demo_reset`: drop the demo's own database and seed it anew."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from console.local import preflight
from console.local.errors import CannotStart
from console.local.installation import Installation
from console.local.paths import Runtime


class Command(BaseCommand):
    """Reset the demo while nothing of the installation runs."""

    help = "Drop the embedded database, migrate and seed the demo anew, with new passwords."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase, rebuild, print the sign-ins; what stands in the way is one line and exit code 2."""
        try:
            preflight.usable_folder(settings.COUNTERSIGN_DATA)
            with preflight.alone(settings.COUNTERSIGN_DATA):
                self._reset()
        except CannotStart as error:
            print(f"countersign: {error}", file=sys.stderr)
            sys.exit(2)

    def _reset(self) -> None:
        if not settings.EMBEDDED:
            raise CannotStart("The demo is reset in the embedded database only. Unset DATABASE_URL.")
        installation = Installation(self.stdout.write)
        try:
            installation.open_database()
            installation.erase_demo()
            Runtime(database_url=installation.url, owner_url=installation.owner_url).write(settings.COUNTERSIGN_DATA)
            installation.migrate()
            installation.seed_demo()
            self.stdout.write(f"The demo is new.\n{installation.sign_ins()}")
        finally:
            installation.close_database()
            (settings.COUNTERSIGN_DATA / "runtime.json").unlink(missing_ok=True)
