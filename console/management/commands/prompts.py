"""`manage.py prompts rollback SLUG`: what the prompt page's buttons do, for whoever is at the machine."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.models import Prompt, Release
from agents.prompts.rollback import RUNNING, rollback
from audit.actors import SYSTEM
from audit.errors import CountersignError


class Command(BaseCommand):
    """List the prompts, or roll one back."""

    help = "List the prompts with what is live (list), or restore the release before of one (rollback SLUG)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="list the prompts and where their traffic goes")
        back = actions.add_parser("rollback", help="restore the release before, for every session that starts from now on")
        back.add_argument("slug")
        back.add_argument("--reason", required=True, help="why; it stands in the audit trail")
        back.add_argument("--running", choices=RUNNING, default="finish", help="what becomes of sessions that run")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        """Do it; what cannot be is one clear message."""
        if action == "list":
            self._list()
            return
        try:
            done = rollback(slug=options["slug"], reason=options["reason"], running=options["running"], actor=SYSTEM)
        except CountersignError as error:
            raise CommandError(error.detail) from error
        told = {"finish": "finish with it", "move": f"move to {done.to.version}", "stop": "stop"}[done.running]
        self.stdout.write(
            f"{done.slug}: {done.to.version} has all new sessions. {done.left.version} was rolled back;"
            f" {done.sessions} running or resting sessions {told}."
        )

    def _list(self) -> None:
        live: dict[str, list[str]] = {}
        rows = Release.objects.filter(ended_at=None).select_related("prompt", "version").order_by("id")
        for row in rows:
            live.setdefault(row.prompt.slug, []).append(f"{row.version.version} at {row.share} %")
        for slug in Prompt.objects.order_by("slug").values_list("slug", flat=True):
            self.stdout.write(f"{slug}  {', '.join(live.get(slug, ['nothing is live']))}")
