"""`manage.py prompts`: rolling back as the prompt page does, and prompts as files that can live in version control."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.evals import files as suite_files
from agents.evals import report, work
from agents.evals.runs import OPEN, run_numbered, start_run
from agents.evals.suites import listed
from agents.models import EvalRun, Prompt, Release
from agents.prompts import folder
from agents.prompts.rollback import RUNNING, rollback
from agents.prompts.versions import version_named
from agents.tasks import provider
from audit.actors import SYSTEM
from audit.errors import CountersignError

FILES = {
    "export": "write every version into a folder, as SLUG/VERSION.md, and every suite, as SLUG/suites/SUITE.json",
    "import": "store the versions that are only in a folder, as drafts, and its suites",
    "drift": "say how a folder and the database differ; exit code 1 where they do",
}


LOOK_S = 0.5
MOST_S = 3_600.0
"""So long a check waits: a model that stays away must not hold a pull request for good."""


class Command(BaseCommand):
    """List the prompts, roll one back, hold a version against its suites, or keep all of it as files."""

    help = "List the prompts, roll one back, run suites (check SLUG VERSION), or keep all as files (export, import, drift DIR)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="list the prompts and where their traffic goes")
        back = actions.add_parser("rollback", help="restore the release before, for every session that starts from now on")
        back.add_argument("slug")
        back.add_argument("--reason", required=True, help="why; it stands in the audit trail")
        back.add_argument("--running", choices=RUNNING, default="finish", help="what becomes of sessions that run")

        check = actions.add_parser("check", help="run a prompt's suites with a version; exit code 1 where they hold it back")
        check.add_argument("slug")
        check.add_argument("version")
        check.add_argument("--suite", default="", help="this one alone")
        check.add_argument("--model", default="", help="another model than the agent's")
        check.add_argument("--seed", type=int, default=1, help="the same gives the same, as far as the model keeps to it")

        for name, told in FILES.items():
            actions.add_parser(name, help=told).add_argument("folder", type=Path)

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        """Do it; what cannot be is one clear message."""
        if action == "list":
            self._list()
            return
        try:
            if action == "check":
                self._check(**{name: options[name] for name in ("slug", "version", "suite", "model", "seed")})
                return
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
            self._export(where)
            return
        if action == "import":
            self._take_in(where)
            return
        if lines := [*(one.line for one in folder.drifted(where)), *(one.line for one in suite_files.drifted(where))]:
            self.stdout.write("\n".join(lines))
            raise CommandError(
                f"{len(lines)} difference{'s'[: len(lines) > 1]} between {where} and the database.", returncode=1
            )
        self.stdout.write("Folder and database hold the same.")

    def _export(self, where: Path) -> None:
        try:
            written = folder.export(where) + suite_files.export(where)
        except OSError as error:
            raise CommandError(f"{where} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"{written} files are new or changed." if written != 1 else "1 file is new or changed.")

    def _take_in(self, where: Path) -> None:
        found = folder.take_in(where, actor=SYSTEM)
        told = "1 version was" if len(found) == 1 else f"{len(found)} versions were"
        self.stdout.write("\n".join([*(f"{one.slug} {one.version}" for one in found), f"{told} taken in as drafts."]))
        try:
            suites = suite_files.take_in(where, actor=SYSTEM)
        except CountersignError as error:
            # A new installation has the prompts first: an agent names one, and a suite names an agent.
            raise CommandError(
                f"{error.detail} The versions are stored; no suite is. Import again once that is mended."
            ) from error
        if suites:
            self.stdout.write("\n".join(one.line for one in suites))

    def _check(self, *, slug: str, version: str, suite: str, model: str, seed: int) -> None:
        suites = [one.slug for one in listed(200, prompt=slug) if suite in ("", one.slug)]
        version_named(slug, version)
        if not suites:
            raise CommandError(f"The prompt {slug} has no suite {suite}." if suite else f"The prompt {slug} has no suite.")
        started = [start_run(suite=one, version=version, actor=SYSTEM, model=model, seed=seed) for one in suites]
        numbers = [one.number for one in started]
        until = time.monotonic() + MOST_S
        while EvalRun.objects.filter(number__in=numbers, status__in=OPEN).exists():
            if time.monotonic() >= until:
                told = ", ".join(f"E-{number}" for number in numbers)
                raise CommandError(f"Not all was played within {MOST_S / 60:.0f} minutes: {told}. See /evals/; they go on.")
            work.work_open(provider, seconds=until - time.monotonic())  # beside the workers
            time.sleep(LOOK_S)  # other workers may play the rest
        ended = [run_numbered(f"E-{number}") for number in numbers]
        self.stdout.write(report.markdown(ended))
        if not all(run.reached for run in ended if run.suite.gate or suite):
            raise CommandError(f"{slug} {version} is below the threshold of a suite.", returncode=1)

    def _list(self) -> None:
        live: dict[str, list[str]] = {}
        rows = Release.objects.filter(ended_at=None).select_related("prompt", "version").order_by("id")
        for row in rows:
            live.setdefault(row.prompt.slug, []).append(f"{row.version.version} at {row.share} %")
        for slug in Prompt.objects.order_by("slug").values_list("slug", flat=True):
            self.stdout.write(f"{slug}  {', '.join(live.get(slug, ['nothing is live']))}")
