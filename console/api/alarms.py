"""Over the API: where alarms of the log go, and what became of the newest message to each."""

from datetime import datetime
from typing import Literal

from ninja import Router, Schema

from console.api.endpoint import ApiRequest, endpoint
from console.reach.alarm_targets import targets
from console.rights import Right

router = Router(tags=["audit"])


class AlarmTarget(Schema):
    """A program named in ALARM_WEBHOOKS, by host, and its newest message: `kind` is null where there was none in 30 days."""

    host: str
    outcome: Literal["none", "delivered", "given_up", "trying"]
    kind: str | None
    at: datetime | None
    attempts: int
    error: str


class AlarmTargets(Schema):
    """All programs that are told of alarms, in the order of ALARM_WEBHOOKS."""

    items: list[AlarmTarget]
    next_cursor: None = None


@endpoint(router, "GET", "/audit/alarms", right=Right.READ_AUDIT, scope="audit:read", answer=AlarmTargets)
def list_alarm_targets(request: ApiRequest) -> AlarmTargets:
    """List the programs that are told of alarms of the log, and what became of the newest message to each."""
    return AlarmTargets(
        items=[
            AlarmTarget(
                host=one.host, outcome=one.outcome, kind=one.kind or None, at=one.at, attempts=one.attempts, error=one.error
            )
            for one in targets()
        ]
    )
