"""Tools for messages: a draft is kept and can be thrown away, an e-mail leaves at once."""

import contextlib
import hashlib
import smtplib
from typing import Annotated, Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agents.models.library import Draft
from agents.tools.addresses import clean_address, clean_line
from agents.tools.context import ToolContext
from agents.tools.errors import ApiError, OutcomeUnknown, Unavailable
from agents.tools.registry import tool

MANY = 3
Address = Annotated[str, Field(max_length=254), AfterValidator(clean_address)]
Subject = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_line)]


class Message(BaseModel):
    """A message that leaves."""

    model_config = ConfigDict(extra="forbid")
    to: list[Address] = Field(min_length=1, max_length=20, description="E-mail addresses.")
    subject: Subject
    body: str = Field(min_length=1, max_length=20_000, description="Plain text.")
    cc: list[Address] = Field(default=[], max_length=20)


class DraftMessage(BaseModel):
    """A message that is kept for a person to look at."""

    model_config = ConfigDict(extra="forbid")
    to: list[Annotated[str, Field(min_length=1, max_length=254), AfterValidator(clean_line)]] = Field(
        default=[], max_length=20, description="Addresses or names, as far as they are known."
    )
    subject: Subject
    body: str = Field(min_length=1, max_length=20_000)


@tool(
    tier="reversible_write",
    scopes=["mail:draft"],
    idempotent=True,
    timeout_s=15,
    summary="Draft a message to {to}: “{subject}”",
    consequence="Nothing is sent; the draft can be thrown away.",
)
def draft_message(args: DraftMessage, context: ToolContext) -> dict[str, Any]:
    """Write a message and keep it as a draft. Nothing is sent."""
    values = {"session_id": context.session_id, "recipients": args.to, "subject": args.subject, "body": args.body}
    draft, _ = Draft.objects.get_or_create(key=context.idempotency_key, defaults=values)
    return {"draft": str(draft.pk), "to": draft.recipients, "subject": draft.subject, "sent": False}


def reach(args: Message) -> str:
    """A message to many people is hard to take back from any of them."""
    return "wide" if len(args.to) + len(args.cc) > MANY else "narrow"


@tool(
    tier="irreversible_write",
    scopes=["mail:send"],
    egress=True,
    idempotent=False,
    timeout_s=30,
    concurrency=4,
    rate_per_minute=60,
    blast_radius=reach,
    summary="Send an e-mail to {to}: “{subject}”",
    consequence="The message leaves at once and cannot be called back.",
)
def send_email(args: Message, context: ToolContext) -> dict[str, Any]:
    """Send an e-mail. It leaves at once; use draft_message where it only has to be prepared."""
    message = EmailMessage(
        subject=args.subject,
        body=args.body,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=args.to,
        cc=args.cc,
        headers={"Message-ID": message_id(context.idempotency_key), "X-Countersign-Session": context.session},
    )
    _send(message)
    told = message.extra_headers["Message-ID"]
    return {"sent": True, "to": args.to, "cc": args.cc, "subject": args.subject, "message_id": told}


def message_id(key: str) -> str:
    """Return the one Message-ID of a call, so that a copy of the same message can be recognised wherever it arrives."""
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip(" >") or "localhost"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"


def _send(message: EmailMessage) -> None:
    """Hand the message over. Before the server is reached nothing was sent; a refusal is sure; a lost answer is not."""
    connection = get_connection()
    try:
        connection.open()
    except OSError as error:
        raise Unavailable(f"The mail server cannot be reached: {error}.", hint="Nothing was sent.") from error
    try:
        connection.send_messages([message])
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError) as error:
        raise ApiError(f"The mail server refused the message: {error}.", hint="Nothing was sent.") from error
    except OSError as error:
        raise OutcomeUnknown(f"The mail server's answer was lost: {error}.") from error
    finally:
        # The message is accepted or not by now; how the server says goodbye changes nothing.
        with contextlib.suppress(OSError):
            connection.close()
