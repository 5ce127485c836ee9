"""What the console itself keeps: access tokens, sign-in attempts, kept answers, people's settings and views, the outbox.

People and roles are Django's own users and groups. Secrets stand here only as hashes, or encrypted where they have to
be used again.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from console.rights import DECIDE_SCOPE

OCCASIONS = ("requested", "escalated", "assigned", "ended", "budget", "breaker", "canary", "audit")
"""What a person can be told of: a request they may decide, one that presses, one given to them, their session's answer or end,
a budget, a breaker, a canary that a guard rolled back, an audit log that needs somebody."""
ALWAYS = frozenset({"glass"})
"""What everybody is told of through the channels that they have, whatever else they chose: somebody broke the glass."""
CHANNELS = ("browser", "email", "chat")
DELIVERED = ("email", "chat")
"""Channels that messages are sent to; the browser tells by itself while a page is open."""


def all_occasions() -> list[str]:
    """Return what a person is told of who chose nothing; through no channel, until one is chosen."""
    return list(OCCASIONS)


class ApiToken(models.Model):
    """A key for programs: personal (acts as its user) or of a named service (never decides)."""

    id = models.TextField(primary_key=True)  # the public part of ctk_<id>_<secret>
    secret_hash = models.TextField()  # SHA-256 of the secret's 256 random bits; a slow hash would add nothing
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens")
    service = models.TextField(default="", db_default="")  # name of the program; empty for a personal token
    label = models.TextField(default="", db_default="")
    scopes = ArrayField(models.TextField())
    created_by = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)  # to the minute
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "-created_at"], name="token_of_user")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id__regex=r"^[0-9a-f]{16}$"), name="token_id_form"),
            # A secret stored in the clear by mistake is refused.
            models.CheckConstraint(condition=Q(secret_hash__regex=r"^[0-9a-f]{64}$"), name="token_secret_is_sha256"),
            # A program is nobody's second pair of eyes.
            models.CheckConstraint(
                condition=Q(service="") | ~Q(scopes__contains=[DECIDE_SCOPE]), name="service_token_never_decides"
            ),
        ]

    @property
    def personal(self) -> bool:
        """True if the token acts as its user."""
        return not self.service


class SignInAttempt(models.Model):
    """One attempt to sign in, kept until the account proves itself from there or the window is over."""

    account = models.TextField()  # keyed hash of what was typed as e-mail
    address = models.TextField()  # keyed hash of the network address
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "address", "created_at"], name="attempt_of_account"),
            models.Index(fields=["address", "created_at"], name="attempt_of_address"),
            models.Index(fields=["created_at"], name="attempt_age"),
        ]


class StoredAnswer(models.Model):
    """The answer to a creating request that carried an Idempotency-Key, kept for a day."""

    caller = models.TextField()
    key_hash = models.TextField()
    request_hash = models.TextField()  # SHA-256 over method, path, query and body
    status = models.SmallIntegerField(null=True)  # NULL only inside the transaction that makes the answer
    body = models.BinaryField(default=b"")  # encrypted under the key that the client holds
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["created_at"], name="stored_answer_age")]
        constraints: ClassVar = [
            # What makes a repeated request wait for the first one, and then get its answer.
            models.UniqueConstraint(fields=["caller", "key_hash"], name="one_answer_per_key"),
        ]


class Preference(models.Model):
    """How the console looks to one person, and what of the day's events reaches them where."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="preference")
    theme = models.TextField(default="", db_default="")  # "" is what the browser asks for
    density = models.TextField(default="", db_default="")  # "" is compact
    letters = models.BooleanField(default=True, db_default=True)  # single letters are keys
    occasions = ArrayField(models.TextField(), default=all_occasions)
    channels = ArrayField(models.TextField(), default=list)
    chat = models.BinaryField(default=b"")  # the chat's address, encrypted: it holds keys of another service
    guide_hidden = models.BooleanField(default=False, db_default=False)  # the demo's list of first steps

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(theme__in=["", "light", "dark"]), name="theme_known"),
            models.CheckConstraint(condition=Q(density__in=["", "compact", "comfortable"]), name="density_known"),
            models.CheckConstraint(condition=Q(occasions__contained_by=list(OCCASIONS)), name="occasions_known"),
            models.CheckConstraint(condition=Q(channels__contained_by=list(CHANNELS)), name="channels_known"),
        ]


class ReachPlace(models.Model):
    """How far the log was read for what people are told of: one row, moved together with the notices it led to."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    n = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="one_place_in_the_log")]


class Delivery(models.Model):
    """What is sent to one person through one channel in one go. Its id makes the Message-ID of the mail."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    channel = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    attempts = models.SmallIntegerField(default=0, db_default=0)  # counted before sending, so that a crash counts
    ready_at = models.DateTimeField(db_default=Now())  # not before; while it is being sent: when it counts as lost
    sent_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    error = models.TextField(default="", db_default="")  # of the last attempt, shown to the person

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["ready_at"], name="delivery_due", condition=Q(sent_at=None, given_up_at=None)),
            models.Index(fields=["user", "channel", "-created_at"], name="delivery_newest"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(channel__in=DELIVERED), name="delivery_channel_known"),
            models.CheckConstraint(condition=Q(sent_at=None) | Q(given_up_at=None), name="sent_or_given_up"),
            # Two at once would overtake each other, and the second could hold what the first had better said too.
            models.UniqueConstraint(
                fields=["user", "channel"], condition=Q(sent_at=None, given_up_at=None), name="one_delivery_under_way"
            ),
        ]


class Notice(models.Model):
    """One thing that one person is told through one channel: the outbox."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    channel = models.TextField()
    n = models.BigIntegerField()  # place in the log of what it tells
    occasion = models.TextField()
    ref = models.TextField()  # AP-20418, S-88123
    text = models.TextField()  # one line without anything raw
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, null=True, related_name="notices")
    dropped = models.BooleanField(default=False, db_default=False)  # settled before it was sent
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["user", "channel"], name="notice_to_send", condition=Q(delivery=None, dropped=False)),
            models.Index(fields=["created_at"], name="notice_age"),
        ]
        constraints: ClassVar = [
            # Whoever reads the log twice tells nobody twice.
            models.UniqueConstraint(fields=["user", "channel", "n"], name="told_once"),
            models.CheckConstraint(condition=Q(channel__in=DELIVERED), name="notice_channel_known"),
            models.CheckConstraint(condition=Q(occasion__in=(*OCCASIONS, *ALWAYS)), name="notice_occasion_known"),
        ]


class Callback(models.Model):
    """One signed message to a program that is told of a session, or of alarms of the log: the outbox of webhooks, filled from the log."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)  # the message's id, the same at each attempt
    n = models.BigIntegerField()  # place in the log of what it tells
    session = models.TextField()  # S-88123; "audit" for an alarm of the log
    kind = models.TextField()
    url = models.TextField()
    body = models.TextField()  # the bytes that are signed and sent, without anything raw
    created_at = models.DateTimeField(db_default=Now())
    attempts = models.SmallIntegerField(default=0, db_default=0)  # counted before sending, so that a crash counts
    ready_at = models.DateTimeField(db_default=Now())  # not before; while it is being sent: when it counts as lost
    delivered_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    error = models.TextField(default="", db_default="")  # of the last attempt

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["ready_at"], name="callback_due", condition=Q(delivered_at=None, given_up_at=None)),
            models.Index(fields=["session", "n"], name="callback_of_session"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(delivered_at=None) | Q(given_up_at=None), name="delivered_or_given_up"),
            # Each program is told once, however often the log is read.
            models.UniqueConstraint(fields=["n", "url"], name="each_program_told_once"),
        ]


class SavedView(models.Model):
    """A view of the approvals queue, or a search of the audit trail, that one person saved: its name, and the query of its address."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    of = models.TextField(default="approvals", db_default="approvals")  # approvals, audit
    name = models.TextField()
    query = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            # Saving under the same name replaces; two of one name could not be told apart.
            models.UniqueConstraint(fields=["user", "of", "name"], name="one_view_per_name"),
        ]


class Reading(models.Model):
    """That one person or program read one raw content within the last hour: it has its entry. See `console.readings`."""

    reader = models.TextField()  # user:7, service:nightly
    item = models.TextField()  # AP-20418, S-88123, the name of a list
    read_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["read_at"], name="reading_age")]
        constraints: ClassVar = [
            # Two reads at once are one entry.
            models.UniqueConstraint(fields=["reader", "item"], name="one_reading_per_hour"),
        ]
