#!/usr/bin/env python
"""The command line of one installation: every command of Django's and of the product starts here."""

import gc
import os
import sys

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import InterfaceError, OperationalError, ProgrammingError

UNDEFINED_TABLE = "42P01"


def main() -> int:
    """Run the command named on the command line.

    A wrong setting is one clear line and exit code 2; a database that is away or not prepared is one and exit code 1.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    try:
        load()
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        print(f"countersign: {error}", file=sys.stderr)
        return 2
    except (OperationalError, InterfaceError, ProgrammingError) as error:
        told = database_trouble(error)
        if told is None or "--traceback" in sys.argv:
            raise
        print(f"countersign: {told}", file=sys.stderr)
        return 1
    return 0


def load() -> None:
    """Load the applications without looking for garbage: nothing of them ever is, and looking is a fifth of the start."""
    gc.disable()
    django.setup()
    gc.freeze()
    gc.enable()


def database_trouble(error: OperationalError | InterfaceError | ProgrammingError) -> str | None:
    """Return what is wrong with the database and what to do; None where the statement is wrong, not the database."""
    if isinstance(error, ProgrammingError):
        if getattr(error.__cause__, "sqlstate", None) != UNDEFINED_TABLE:
            return None
        start = "start it with `make up`" if settings.EMBEDDED else "run `manage.py migrate --database owner`"
        return f"The database is not prepared for this version: {start} first."
    reason = str(error).strip().partition("\n")[0][:300].rstrip(".")
    way = "Start PostgreSQL there, or correct DATABASE_URL and DATABASE_OWNER_URL."
    if settings.EMBEDDED:
        way = "Start the installation with `make up`, or name its folder in COUNTERSIGN_DATA or its database in DATABASE_URL."
    return f"The database cannot be used: {reason}. {way}"


if __name__ == "__main__":
    sys.exit(main())
