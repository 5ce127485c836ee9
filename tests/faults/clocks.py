"""Puts a process's clock wrong, and steps it while the process runs.

By patching what Python code asks for the time (`time.time`, `time.time_ns`, `datetime.now`), because a library that does
it beneath the process (libfaketime) is on few machines. What the database says of the time is not touched: its clock is
the one that counts.
"""

import datetime as dt
import sys
import time
from pathlib import Path
from typing import Any

PACKAGES = ("agents", "approvals", "audit", "console", "django", "django_q")
_time, _time_ns = time.time, time.time_ns


def follow(file: Path) -> None:
    """Have this process's clock be wrong by the seconds that a file tells, whenever it is asked."""

    def wrong_by() -> float:
        return float(file.read_text(encoding="ascii") or 0)

    class Told(type):
        """Lets every moment count as one of this kind."""

        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, _datetime)

    class Wrong(_datetime, metaclass=Told):
        """Moments by the wrong clock."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return _datetime.now(tz) + dt.timedelta(seconds=wrong_by())

    time.time = lambda: _time() + wrong_by()
    time.time_ns = lambda: _time_ns() + int(wrong_by() * 1_000_000_000)
    dt.datetime = Wrong  # type: ignore[misc]  # that is the point
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in PACKAGES:
            for known in [key for key, value in vars(module).items() if value is _datetime]:
                setattr(module, known, Wrong)


_datetime = dt.datetime
