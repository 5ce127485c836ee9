"""The loop that reads the log for people and sends what waits in the outbox. One thread beside each host's clusters.

It may run on many hosts at once: the place in the log is locked, deliveries are claimed. Nothing is sent inside a
transaction.
"""

import contextlib
import smtplib
import threading
import time

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection

from audit.index import index_log
from console.models import Delivery, Notice
from console.preferences import settings_of
from console.reach import chat, outbox, pushing, webhooks
from console.reach.errors import NotDelivered
from console.reach.links import link
from console.reach.occasions import heading, path_of

log = structlog.get_logger(__name__)
EVERY_S = 2.0
FORGET_EVERY_S = 3600.0
IN_A_ROUND = 50
LISTED = 20
LONGEST_REASON = 300
NAME = "reach"


def start(stopping: threading.Event) -> threading.Thread:
    """Start the loop in a thread; it ends when `stopping` is set, after what it is sending."""
    thread = threading.Thread(target=run, args=[stopping], name=NAME, daemon=True)
    thread.start()
    return thread


def run(stopping: threading.Event) -> None:
    """Do rounds until told to stop; an error that nobody thought of is told, and costs a pause, not the loop."""
    forgotten = time.monotonic()
    while not stopping.wait(EVERY_S):
        try:
            round_trip(stopping)
            if time.monotonic() - forgotten > FORGET_EVERY_S:
                outbox.forget()
                webhooks.forget()
                forgotten = time.monotonic()
        except Exception as error:  # noqa: BLE001  nobody waits for this thread: it tells, and goes on
            log.warning("reach.round_failed", error=type(error).__name__)
            connection.close()
    connection.close()


def round_trip(stopping: threading.Event | None = None) -> int:
    """Read what is new, make deliveries, send those that are due; return how many were tried."""
    index_log()
    while outbox.gather():
        pass
    webhooks.send_due()
    pushing.push_due(stopping)
    outbox.pack()
    for tried in range(IN_A_ROUND):
        claimed = None if stopping is not None and stopping.is_set() else outbox.claim()
        if claimed is None:
            return tried
        deliver(claimed)
    return IN_A_ROUND


def deliver(claimed: outbox.Claimed) -> None:
    """Send one delivery and note what became of it."""
    if claimed.attempt > outbox.MOST_ATTEMPTS:
        outbox.failed(claimed, "Whoever sent it ended each time before saying how it went.", final=True)
        return
    try:
        _send(claimed.delivery, again=claimed.attempt > 1)
    except NotDelivered as error:
        log.warning("reach.not_delivered", channel=claimed.delivery.channel, attempt=claimed.attempt, final=error.final)
        outbox.failed(claimed, error.reason[:LONGEST_REASON], final=error.final)
    else:
        outbox.sent(claimed)


def _send(delivery: Delivery, *, again: bool) -> None:
    notices = list(delivery.notices.order_by("n"))
    title, text = subject(notices), body(delivery, notices)
    if delivery.channel == "email":
        _mail(delivery, title, text)
        return
    address = settings_of(delivery.user_id).chat
    if not address:
        raise NotDelivered(reason="There is no chat address that can be read.", final=True)
    # A mail is recognised by its Message-ID; of a chat message that may come twice, the reader is told.
    chat.send(address, title, f"{text}\n(Tried again: you may have this twice.)" if again else text)


def subject(notices: list[Notice]) -> str:
    """Return the line that stands above a delivery."""
    if len(notices) == 1:
        return heading(notices[0].occasion, notices[0].ref)
    return f"{len(notices)} things to look at in Countersign"


def body(delivery: Delivery, notices: list[Notice]) -> str:
    """Return a delivery's text: the same again whenever it is sent again."""
    parts = [
        f"{heading(one.occasion, one.ref)}.\n{one.text}\n{link(path_of(one.ref), delivery.created_at)}"
        for one in notices[:LISTED]
    ]
    if len(notices) > LISTED:
        parts.append(f"And {len(notices) - LISTED} more: {link('/approvals/', delivery.created_at)}")
    parts.append(
        "The links open pages, for a week and after signing in; nothing is decided by them.\n"
        f"What reaches you: {settings.COUNTERSIGN_PUBLIC_URL}/settings/"
    )
    return "\n\n".join(parts)


def message_id(delivery: Delivery) -> str:
    """Return the one Message-ID of a delivery, by which mail programs drop a second copy."""
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip(" >") or "localhost"
    return f"<{delivery.pk.hex}@{domain}>"


def _mail(delivery: Delivery, title: str, text: str) -> None:
    if not delivery.user.email:
        raise NotDelivered(reason="Your account has no e-mail address.", final=True)
    headers = {"Message-ID": message_id(delivery), "Auto-Submitted": "auto-generated"}
    message = EmailMessage(title, text, settings.DEFAULT_FROM_EMAIL, [delivery.user.email], headers=headers)
    server = get_connection()
    try:
        server.open()
        server.send_messages([message])
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
        raise NotDelivered(reason=f"The mail server refused it: {_code(error)}.", final=_permanent(error)) from error
    except OSError as error:
        raise NotDelivered(reason=f"The mail server cannot be reached: {type(error).__name__}.", final=False) from error
    finally:
        # It is accepted or not by now; how the server says goodbye changes nothing.
        with contextlib.suppress(OSError):
            server.close()


def _codes(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPResponseException) -> list[int]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    return [error.smtp_code]


def _code(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPResponseException) -> str:
    return ", ".join(map(str, _codes(error)))


def _permanent(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPResponseException) -> bool:
    """5xx of the recipient is an answer for good; of the sign-in it is the installation's fault and may be mended."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return False
    return all(500 <= code < 600 for code in _codes(error))
