"""What the console itself keeps: access tokens, sign-in attempts, and answers kept for repeated requests.

People and roles are Django's own users and groups. Secrets stand here only as hashes.
"""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from console.rights import DECIDE_SCOPE


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
