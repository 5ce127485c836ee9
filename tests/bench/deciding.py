"""Decides on one request after the other, with rests between, and says when each decision was committed.

`python -m tests.bench.deciding DECISIONS`: the last line is JSON, one object for each decision with the short ids of
session and request and the moment of the commit on the machine's clock.
"""

import json
import random
import sys
import time

import django

django.setup()

from django.db import connection, transaction  # noqa: E402  settings first

from agents.gate import answer  # noqa: E402
from agents.models import Session  # noqa: E402
from agents.services import apply_agent  # noqa: E402
from approvals.models import ApprovalRequest  # noqa: E402
from tests.bench.people import AGENT, RESTING, account, actor_of, person_of, start  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

PATIENCE_S = 30


def decision(number: int) -> dict[str, object]:
    """Start a session, let everything come to rest, approve, and let it end."""
    olga, remy = account("olga", "operator"), account("remy", "reviewer")
    session = start(olga)
    asked = ApprovalRequest.objects.filter(session_id=session.pk, status="pending")
    wait_until(asked.exists, seconds=PATIENCE_S)
    time.sleep(random.uniform(0.4, 0.7))  # idle, and in no step with what the worker does each second
    request = asked.get()
    moments: list[int] = []
    with transaction.atomic():
        transaction.on_commit(lambda: moments.append(time.time_ns()))
        answer(request_id=request.pk, person=person_of(remy), actor=actor_of(remy), verdict="approve", digest=request.digest)
    wait_until(Session.objects.filter(pk=session.pk, status__in=RESTING).exists, seconds=PATIENCE_S)
    return {"session": session.ref, "request": request.ref, "committed_ns": moments[0], "number": number}


def main(decisions: int) -> None:
    """Decide so often, and print."""
    apply_agent(AGENT, actor=actor_of(account("olga", "operator")))
    made = [decision(number) for number in range(decisions)]
    print(json.dumps({"decisions": made}))
    connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
