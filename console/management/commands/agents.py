"""`manage.py agents apply FILE` and `manage.py agents list`: agents as documents in files."""

import json
import tomllib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.models import AgentRevision
from agents.services import apply_agent
from audit.actors import SYSTEM
from audit.errors import CountersignError


class Command(BaseCommand):
    """Apply an agent's document, or list the agents there are."""

    help = "Make a revision of an agent from a TOML or JSON file (apply FILE), or list the agents (list)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do."""
        actions = parser.add_subparsers(dest="action", required=True)
        apply = actions.add_parser("apply", help="make a revision from a TOML or JSON file")
        apply.add_argument("file", type=Path)
        actions.add_parser("list", help="list the agents and their current revisions")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        """Do it; a wrong document is one clear message that names the field."""
        if action == "list":
            self._list()
            return
        document = read_document(options["file"])
        try:
            revision = apply_agent(document, actor=SYSTEM)
        except CountersignError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{revision.agent.slug}: revision {revision.number} is current.")

    def _list(self) -> None:
        rows = AgentRevision.objects.filter(current=True).select_related("agent").order_by("agent__slug")
        for revision in rows:
            document = revision.document
            self.stdout.write(
                f"{revision.agent.slug}  revision {revision.number}  {document['environment']}  {document['model']}  "
                f"{len(document.get('tools', ()))} tools"
            )


def read_document(path: Path) -> dict[str, Any]:
    """Return the document in a file; raise CommandError with the place where it is not TOML or JSON."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
    try:
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise CommandError(f"{path} is not {'JSON' if path.suffix == '.json' else 'TOML'}: {error}") from error
    if not isinstance(document, dict):
        raise CommandError(f"{path} must hold one object.")
    return document
