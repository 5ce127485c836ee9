"""`manage.py up`: the whole installation on this machine, in the foreground, until Ctrl-C."""

import asyncio
import signal
import sys
from types import FrameType
from typing import IO, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand

from console.local import children, preflight
from console.local.children import Child
from console.local.errors import CannotStart
from console.local.installation import Installation
from console.local.paths import Runtime
from console.local.supervisor import Supervisor, end_leftovers
from console.local.watch import (
    announce_when_ready,
    restart_lost_database,
    restart_stalled,
    seconds_since_heartbeat,
    seconds_unsigned,
    stop_with_make,
)

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Command(BaseCommand):
    """Start everything, say when it is ready, keep it running, stop it together."""

    help = "Start database, web, worker and what the demo needs; stop all with Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped; a cause that prevents the start is one line and exit code 2."""
        # Until the supervisor listens, a SIGTERM is taken like Ctrl-C: what was started is stopped.
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            lock = self._prepare()
            installation = Installation(self._say)
            try:
                self._run(installation)
            finally:
                installation.close_database()
                (settings.COUNTERSIGN_DATA / "runtime.json").unlink(missing_ok=True)
                lock.close()
        except CannotStart as error:
            preflight.leave_nothing(settings.COUNTERSIGN_DATA, settings.ABSENT)
            print(f"countersign: {error}", file=sys.stderr)
            sys.exit(2)
        except KeyboardInterrupt:
            self._say("Stopped before it was ready")
            sys.exit(130)
        self._say("Stopped")

    def _prepare(self) -> IO[str]:
        preflight.usable_folder(settings.COUNTERSIGN_DATA)
        lock = preflight.alone(settings.COUNTERSIGN_DATA)
        try:
            if end_leftovers(settings.COUNTERSIGN_DATA):
                self._say("Ended what an earlier start had left running")
            preflight.free_address(settings.HOST, settings.PORT)
        except BaseException:
            lock.close()
            raise
        return lock

    def _run(self, installation: Installation) -> None:
        self._say("Starting the database" if settings.EMBEDDED else "Checking the database")
        installation.open_database()
        runtime, kept = self._plan(installation)
        runtime.write(settings.COUNTERSIGN_DATA)
        installation.migrate()
        installation.make_key()
        installation.collect_pages_files()
        installation.seed_demo()
        supervisor = Supervisor(settings.COUNTERSIGN_DATA, self._say)
        duties = [
            announce_when_ready(_local_address(), lambda: self._announce(installation)),
            restart_stalled(supervisor, "worker", lambda: seconds_since_heartbeat(installation.url)),
            restart_stalled(supervisor, "sealer", lambda: seconds_unsigned(installation.url)),
            stop_with_make(supervisor),
        ]
        if installation.server is not None:
            duties.append(restart_lost_database(installation.server, self._say))
        asyncio.run(supervisor.run(kept, *duties))

    def _plan(self, installation: Installation) -> tuple[Runtime, list[Child]]:
        """Return what later commands need to know and which processes to run."""
        kept = [children.web(settings.HOST, settings.PORT), children.worker(), children.sealer()]
        scripted_url, mail_port = settings.SCRIPTED_URL, 0
        if settings.SCRIPTED:
            port = preflight.spare_port()
            scripted_url = f"http://127.0.0.1:{port}/v1"
            kept.append(children.scripted_model(port))
        if settings.DEMO and not settings.EMAIL_HOST_GIVEN:
            mail_port = preflight.spare_port()
            kept.append(children.mail_catcher(mail_port))
        embedded = settings.EMBEDDED
        return Runtime(
            database_url=installation.url if embedded else "",
            owner_url=installation.owner_url if embedded else "",
            public_url=settings.COUNTERSIGN_PUBLIC_URL,
            scripted_url=scripted_url,
            mail_port=mail_port,
        ), kept

    def _announce(self, installation: Installation) -> None:
        self._say(f"Countersign is ready at {settings.COUNTERSIGN_PUBLIC_URL}")
        sign_ins = installation.sign_ins()
        if sign_ins:
            self._say(f"\n{sign_ins}\n")
        if settings.HOST not in _LOOPBACK and not settings.SECURE:
            self._say(f"Warning: {settings.HOST} is reached over plain http. Put a TLS proxy in front (docs/operations.md).")
        self._say("Ctrl-C stops everything.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _local_address() -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(settings.HOST, settings.HOST)  # noqa: S104  read, not bound
    return f"http://{urlsplit(f'//{host}').netloc}:{settings.PORT}"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
