"""Brings an installation up to the point where its processes can start: database, roles, schema, pages' files, demo."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections

from audit import keys
from audit.errors import NoKey
from audit.seal import origin
from console.environment import database_from_url
from console.local import preflight
from console.local.errors import CannotStart
from console.local.paths import APP_ROLE, OWNER_ROLE, write_private
from console.local.postgres import Server
from console.local.roles import drop, grant_future_tables, provision

SIGN_INS = "demo-sign-ins.txt"


@dataclass(slots=True)
class Installation:
    """One installation on this machine. `say` speaks to the person at the terminal."""

    say: Callable[[str], None]
    data: Path = field(default_factory=lambda: settings.COUNTERSIGN_DATA)
    server: Server | None = None
    url: str = ""
    owner_url: str = ""

    def open_database(self) -> None:
        """Start the embedded PostgreSQL, or check the one that DATABASE_URL names. Raises CannotStart."""
        if settings.EMBEDDED:
            self.server = Server(self.data / "postgres")
            self.server.start()
            provision(self.server)
            self.url, self.owner_url = (self.server.url(role, "countersign") for role in (APP_ROLE, OWNER_ROLE))
        else:
            self.url, self.owner_url = settings.DATABASE_URL, settings.DATABASE_OWNER_URL
            self._check_roles()
        self._use()

    def _use(self) -> None:
        """Point this process's own connections at the database, which may lie elsewhere than the settings supposed."""
        for alias, url in (("default", self.url), ("owner", self.owner_url)):
            connections[alias].close()
            connections.settings[alias].update(database_from_url(alias, url))

    def _check_roles(self) -> None:
        owner_variable = "DATABASE_OWNER_URL" if self.owner_url != self.url else "DATABASE_URL"
        with (
            preflight.connect("DATABASE_URL", self.url) as application,
            preflight.connect(owner_variable, self.owner_url) as owner,
        ):
            preflight.same_database(application, owner)
            role = preflight.owner_may_migrate(owner)
            if application.info.user != role:
                grant_future_tables(owner, role, application.info.user)

    def migrate(self) -> None:
        """Bring the schema up to date as the owner, then prove that the application may work with it. Raises CannotStart."""
        try:
            call_command("migrate", database="owner", verbosity=0, interactive=False)
        except DatabaseError as error:
            raise CannotStart(f"The schema could not be brought up to date: {' '.join(str(error).split())[:300]}") from error
        if not settings.EMBEDDED:
            with preflight.connect("DATABASE_URL", self.url) as application:
                preflight.application_may_work(application)

    def make_key(self) -> None:
        """Make the key that signs the log, where this installation has none yet. Raises CannotStart where it cannot be used."""
        try:
            if settings.SEAL_KEY.exists():
                keys.read(settings.SEAL_KEY)
            else:
                keys.make(settings.SEAL_KEY, origin())
        except (NoKey, OSError) as error:
            raise CannotStart(f"The log's key cannot be used: {error}") from error

    def collect_pages_files(self) -> None:
        """Hash and compress the pages' files, where they changed since the last start."""
        mark, now = settings.STATIC_ROOT / ".fingerprint", _fingerprint(settings.STATICFILES_DIRS)
        if mark.exists() and mark.read_text() == now:
            return
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
        mark.write_text(now)

    def seed_demo(self) -> None:
        """Seed the demo where it is wanted and nobody has an account yet, and keep its sign-ins for later starts."""
        if not settings.DEMO or not self._is_empty():
            return
        self.say("Seeding the demo")
        told = io.StringIO()
        try:
            call_command("demo", stdout=told)
        except CommandError as error:
            raise CannotStart(f"The demo could not be seeded: {error}") from error
        write_private(self.data / SIGN_INS, told.getvalue().strip() + "\n")

    def sign_ins(self) -> str:
        """Return the demo's sign-ins as they were printed when it was seeded; empty where there is no demo."""
        kept = self.data / SIGN_INS
        return kept.read_text(encoding="utf-8").strip() if settings.DEMO and kept.exists() else ""

    def erase_demo(self) -> None:
        """Drop the embedded database and what belongs to it."""
        if self.server is None:
            raise CannotStart("The demo is reset in the embedded database only. Unset DATABASE_URL.")
        for alias in ("default", "owner"):
            connections[alias].close()
        drop(self.server, "countersign")
        (self.data / SIGN_INS).unlink(missing_ok=True)
        for message in settings.MAIL_CATCHER_DIR.glob("*"):
            if message.is_file():
                message.unlink()
        provision(self.server)

    def close_database(self) -> None:
        """Stop the embedded PostgreSQL, last of all."""
        for alias in ("default", "owner"):
            connections[alias].close()
        if self.server is not None:
            self.server.stop()

    def _is_empty(self) -> bool:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT NOT EXISTS (SELECT 1 FROM auth_user)")
            return bool(cursor.fetchone()[0])


def _fingerprint(folders: list[Path]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0{path.stat().st_mtime_ns}\n".encode())
    return digest.hexdigest()
