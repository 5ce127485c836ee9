"""One transaction, done again where the database undid it for somebody else's sake: a deadlock, a serialization failure.

Nothing of it is stored then, so a second time repeats nothing. What timed out or lost its connection is not done again
here: that waits for whoever asked, who has a key to ask with. No model and no tool is ever inside of such a transaction.
"""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connection, transaction

log = structlog.get_logger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

TIMES = 3
PAUSE_S = 0.05  # at most, before the second time; twice as long before the third
UNDONE = frozenset({"40001", "40P01"})  # serialization failure, deadlock
"""SQLSTATEs after which the database says that all of it is undone and may be tried at once."""


def atomically(work: Callable[P, R]) -> Callable[P, R]:
    """Do the work in one transaction, at most three times; within another transaction only once, as part of that."""

    @wraps(work)
    def done(*args: P.args, **named: P.kwargs) -> R:
        outermost = not connection.in_atomic_block
        for attempt in range(1, TIMES + 1):
            try:
                with transaction.atomic():
                    return work(*args, **named)
            except OperationalError as error:
                if not outermost or attempt == TIMES or not undone(error):
                    raise
                log.warning("transaction.undone", work=work.__name__, attempt=attempt, detail=str(error)[:200])
            time.sleep(random.uniform(0, PAUSE_S * attempt))  # noqa: S311  so that two do not meet again
        raise AssertionError("the last attempt returns or raises")

    return done


def undone(error: OperationalError) -> bool:
    """Tell whether the database undid the transaction for another's sake."""
    return getattr(error.__cause__, "sqlstate", None) in UNDONE
