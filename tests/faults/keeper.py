"""`manage.py worker` with a watchdog that is impatient about the minute sweep: `python -m tests.faults.keeper SECONDS`."""

import sys

import django

django.setup()

from django.core.management import call_command  # noqa: E402  settings first

from agents import clusters  # noqa: E402
from tests.server import ROOT  # noqa: E402

if __name__ == "__main__":
    clusters.LATE_S = float(sys.argv[1])
    sys.argv = [str(ROOT / "manage.py"), "worker"]  # what it starts its clusters as
    call_command("worker")
