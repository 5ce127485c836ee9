"""Moves a queue evenly: `python -m tests.bench.stirring SECONDS A_SECOND` takes requests in hand, gives them back, extends and approves.

All of it among the first requests of the queue, which every page shows. Prints when each event was committed.
"""

import json
import sys
import time
from itertools import cycle
from uuid import UUID

import django

django.setup()

from django.db import connection, transaction  # noqa: E402  settings first

from agents.gate import answer  # noqa: E402
from approvals import claims  # noqa: E402
from approvals.models import ApprovalRequest  # noqa: E402
from tests.bench.people import account, actor_of, person_of  # noqa: E402

ACTS = ("claim", "claim", "release", "claim", "release", "extend", "claim", "release", "release", "approve")
EVENTS = {
    "claim": "approval.claimed",
    "release": "approval.unclaimed",
    "extend": "approval.extended",
    "approve": "approval.approved",
}
# Those of the benchmark's own tool alone can be approved, because no other is there.
_FIRST = """
    SELECT id FROM approvals_approvalrequest WHERE status = 'pending' AND expires_at > now() + interval '5 min' AND (tool = %s OR %s = '')
    ORDER BY expires_at, id LIMIT %s
"""


class Queue:
    """The requests that are moved, and who moves them."""

    def __init__(self, most: int) -> None:
        self.user = account("stirrer", "reviewer")
        self.free = self._first("", 200)
        self.own = [id_ for id_ in self._first("bench_send", most) if id_ not in self.free]
        self.held: list[UUID] = []
        self.moments: list[tuple[str, str, int]] = []

    def _first(self, tool: str, most: int) -> list[UUID]:
        with connection.cursor() as cursor:
            cursor.execute(_FIRST, [tool, tool, most])
            return [row[0] for row in cursor.fetchall()]

    def move(self, act: str) -> None:
        """Do one thing, and note when it was committed."""
        person, actor = person_of(self.user), actor_of(self.user)
        with transaction.atomic():
            match act:
                case "approve":
                    row = ApprovalRequest.objects.get(id=self.own.pop(0))
                    answer(request_id=row.pk, person=person, actor=actor, verdict="approve", digest=row.digest)
                case "release":
                    self.free.append(self.held.pop(0))
                    row = claims.release(request_id=self.free[-1], person=person, actor=actor)
                case "claim":
                    self.held.append(self.free.pop(0))
                    row = claims.claim(request_id=self.held[-1], person=person, actor=actor)
                case _:
                    row = claims.extend(request_id=self.free.pop(0), person=person, actor=actor)
            transaction.on_commit(lambda: self.moments.append((EVENTS[act], row.ref, time.time_ns())))


def main(seconds: int, a_second: int) -> None:
    """Move it, each time at its own moment, however long the one before took."""
    queue, began = Queue(seconds * a_second), time.monotonic()
    for number, act in zip(range(seconds * a_second), cycle(ACTS), strict=False):
        time.sleep(max(0.0, began + number / a_second - time.monotonic()))
        queue.move(act)
    print(json.dumps({"moments": queue.moments, "took_s": time.monotonic() - began}))
    connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
