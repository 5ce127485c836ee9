"""Brings the log's entries to the targets of `audit.push`: signed webhooks over the guarded client, and lines of a file."""

import asyncio
import threading
from datetime import UTC, datetime

from agents.tools import egress
from audit.models import Log
from audit.push import sending
from audit.push.errors import InvalidPush, NotPushed
from audit.push.files import append
from audit.push.lines import message
from audit.push.models import PushTarget
from audit.push.sending import Lines
from audit.push.targets import secrets
from console.reach import webhooks
from console.reach.errors import NotDelivered


def push_due(stopping: threading.Event | None = None) -> int:
    """Send what the targets have not got yet; return how many batches were tried."""
    return sending.push_due(send, stopping=stopping.is_set if stopping is not None else bool)


def send(row: PushTarget, lines: Lines) -> None:
    """Bring lines to a target. Raises NotPushed."""
    if row.way == "file":
        append(row.address, lines.lines)
        return
    # The same entries in the same batch have the same id; the receiver goes by the log index of each anyway.
    key = f"{row.pk.hex}-{lines.after + 1}-{lines.upto}"
    body = message(lines.lines, log=str(Log.objects.values_list("id", flat=True).get()), at=datetime.now(UTC))
    error = asyncio.run(_delivered(webhooks.Signed(row.address, key, body, tuple(secrets(row)))))
    if error is not None:
        raise NotPushed(reason=error.reason, final=error.final)


async def _delivered(signed: webhooks.Signed) -> NotDelivered | None:
    async with webhooks.caller() as client:
        return await webhooks.delivered(client, signed)


def checked(way: str, address: str) -> str:
    """Return the address that entries may be sent to. Raises InvalidPush."""
    if way == "webhook" and (wrong := egress.refused_webhook(address)):
        raise InvalidPush(field="address", reason=wrong)
    return address
