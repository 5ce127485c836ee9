"""`manage.py prompts`: rolling back as the prompt page does, and prompts as files that can live in version control."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.models import Prompt, Release
from agents.prompts import folder
from agents.prompts.rollback import RUNNING, rollback
from audit.actors import SYSTEM
from audit.errors import CountersignError

FILES = {
    "export": "write every version into a folder, as SLUG/VERSION.md",
    "import": "store the versions that are only in a folder, as drafts",
    "drift": "say how a folder and the database differ; exit code 1 where they do",
}


class Command(BaseCommand):
    """List the prompts, roll one back, write them to a folder, take new ones from it, or say how the two differ."""

    help = "List the prompts (list), roll one back (rollback SLUG), or keep them as files (export, import, drift DIR)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="list the prompts and where their traffic goes")
        back = actions.add_parser("rollback", help="restore the release before, for every session that starts from now on")
        back.add_argument("slug")
        back.add_argument("--reason", required=True, help="why; it stands in the audit trail")
        back.add_argument("--running", choices=RUNNING, default="finish", help="what becomes of sessions that run")

        for name, told in FILES.items():
            actions.add_parser(name, help=told).add_argument("folder", type=Path)

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        """Do it; what cannot be is one clear message."""
        if action == "list":
            self._list()
            return
        try:
            if action in FILES:
                self._files(action, options["folder"])
                return
            done = rollback(slug=options["slug"], reason=options["reason"], running=options["running"], actor=SYSTEM)
        except CountersignError as error:
            raise CommandError(error.detail) from error
        told = {"finish": "finish with it", "move": f"move to {done.to.version}", "stop": "stop"}[done.running]
        self.stdout.write(
            f"{done.slug}: {done.to.version} has all new sessions. {done.left.version} was rolled back;"
            f" {done.sessions} running or resting sessions {told}."
        )

    def _files(self, action: str, where: Path) -> None:
        if action != "export" and not where.is_dir():
            raise CommandError(f"There is no folder {where}.")
        if action == "export":
            self.stdout.write(f"{folder.export(where)} files are new or changed.")
            return
        if action == "import":
            found = folder.take_in(where, actor=SYSTEM)
            self.stdout.write(
                "\n".join([*(f"{one.slug} {one.version}" for one in found), f"{len(found)} versions were taken in as drafts."])
            )
            return
        if found := folder.drifted(where):
            self.stdout.write("\n".join(one.line for one in found))
            raise CommandError(f"{len(found)} differences between {where} and the database.", returncode=1)
        self.stdout.write("Folder and database hold the same.")

    def _list(self) -> None:
        live: dict[str, list[str]] = {}
        rows = Release.objects.filter(ended_at=None).select_related("prompt", "version").order_by("id")
        for row in rows:
            live.setdefault(row.prompt.slug, []).append(f"{row.version.version} at {row.share} %")
        for slug in Prompt.objects.order_by("slug").values_list("slug", flat=True):
            self.stdout.write(f"{slug}  {', '.join(live.get(slug, ['nothing is live']))}")
