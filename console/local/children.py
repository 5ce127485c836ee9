"""The processes of one installation: what each is called and how it is started."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

POOL = "16"  # connections that the web process keeps at most, unless the environment says another number
MANAGE = Path(__file__).resolve().parent.parent.parent / "manage.py"


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep running."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def web(host: str, port: int) -> Child:
    """Pages, API and websocket."""
    daphne = ("-m", "daphne", "--bind", host, "--port", str(port), "--no-server-name", "--proxy-headers", "--verbosity", "0")
    return Child("web", (sys.executable, *daphne, "console.asgi:application"), {"DATABASE_POOL": POOL, **_environment()})


def worker() -> Child:
    """The clusters that run sessions, schedules and background jobs."""
    return Child("worker", (sys.executable, str(MANAGE), "worker"), {**_environment(), "DATABASE_POOL": "0"})  # it forks


def sealer() -> Child:
    """The one that signs the audit log."""
    return Child("sealer", (sys.executable, str(MANAGE), "seal"), {**_environment(), "DATABASE_POOL": "0"})


def scripted_model(port: int) -> Child:
    """The scripted model server."""
    return Child("scripted model", (sys.executable, "-m", "agents.llm.scripted", "--port", str(port)), _environment())


def mail_catcher(port: int) -> Child:
    """The demo's SMTP server."""
    return Child("mail catcher", (sys.executable, str(MANAGE), "mail_catcher", "--port", str(port)), _environment())


def _environment() -> dict[str, str]:
    root = str(MANAGE.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    return {"DJANGO_SETTINGS_MODULE": "console.settings", "PYTHONUNBUFFERED": "1", **os.environ, "PYTHONPATH": path}
