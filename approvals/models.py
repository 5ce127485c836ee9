"""What is put before people and what they said of it: requests, decisions, standing approvals, policy, tool settings.

Sessions and calls stand on the floor above, so they are named here by id and never by foreign key.
Requests change only through `audit.services.transition`; decisions and policy revisions are never changed.
What a constraint cannot say (four eyes, digest of the body, a decision that stays as it was) triggers of the first
migration say.
"""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from approvals.control_models import ControlRequest, ControlSetting
from approvals.exceptional import Cover, GlassUse
from approvals.facts import RequestFacts
from approvals.lifecycle import REQUEST
from approvals.settled import SETTLED, settled_at
from approvals.standing_rows import StandingApproval

__all__ = ["KINDS", "VERDICTS", "ApprovalRequest", "ControlRequest", "ControlSetting", "Cover", "Decision", "GlassUse",
           "PolicyRevision", "Reveal", "StandingApproval", "ToolSetting"]  # fmt: skip

KINDS = ("tool_call", "budget", "question", "unknown_outcome", "stuck", "prompt_release")
VERDICTS = ("approve", "reject", "edit", "answer", "extend", "happened", "run_again", "give_up")


class ApprovalRequest(models.Model):
    """One question to people, of a kind, about one call or one session."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.BigIntegerField(unique=True)  # AP-20418; taken from the sequence `approvals_request_number`
    kind = models.TextField()
    status = models.TextField(default=REQUEST.start)
    revision = models.IntegerField(default=1, db_default=1)
    digest = models.TextField()  # SHA-256 over `body`, hex
    body = models.BinaryField()  # the canonical bytes of what is asked (RFC 8785)
    session_id = models.UUIDField(null=True)
    session_ref = models.TextField(default="", db_default="")  # S-88123
    call_id = models.UUIDField(null=True)
    agent = models.TextField(default="", db_default="")
    environment = models.TextField(default="", db_default="")
    tool = models.TextField(default="", db_default="")
    tier = models.TextField(default="", db_default="")
    blast_radius = models.TextField(default="", db_default="")
    risk = models.SmallIntegerField(default=3, db_default=3)  # 1 low, 2 elevated, 3 high, 4 critical
    summary = models.TextField()  # the tool's own sentence over validated values
    reasons = models.JSONField(default=list)  # [{code, text}] why policy asks
    reasoning_id = models.UUIDField(null=True)  # content: the model's own words
    raw_arguments_id = models.UUIDField(null=True)  # content: what the model wrote
    facts = models.JSONField(default=dict)  # of the kind: evidence, amounts, the question, the lost call
    taint = models.JSONField(default=list)  # [{source, title, ref, quote}] untrusted content before it
    # What earlier requests are compared by, see `approvals.likeness`.
    shape = models.TextField(default="", db_default="")
    target = models.TextField(default="", db_default="")
    band = models.SmallIntegerField(default=0, db_default=0)
    cost_microusd = models.BigIntegerField(default=0, db_default=0)  # of the session when it was asked
    prompt_version = models.TextField(default="", db_default="")
    requested_by = models.TextField(default="", db_default="")  # who started the session, by name
    requested_for = models.TextField(default="", db_default="")  # on whose behalf
    excluded = ArrayField(models.BigIntegerField(), default=list)  # four eyes: users who may not decide
    requester = models.BigIntegerField(null=True)  # the human who started the session, where he did so himself
    self_confirm = models.BooleanField(default=False, db_default=False)  # policy lets the requester confirm it
    reauthenticate = models.BooleanField(default=False, db_default=False)  # deciding asks for the password again
    groups = ArrayField(models.TextField(), default=list)  # each must be met; "finance|legal" is met by either
    required = models.SmallIntegerField(default=1, db_default=1)  # distinct humans needed
    hold_s = models.SmallIntegerField(default=5, db_default=5)  # undo period of the console's own buttons
    held_until = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.BigIntegerField(null=True)
    decided_name = models.TextField(default="", db_default="")
    claimed_by = models.BigIntegerField(null=True)  # who has it in hand; binds nobody
    claimed_name = models.TextField(default="", db_default="")
    claimed_until = models.DateTimeField(null=True)  # the end of a claim's lease; an assignment has none
    assigned_by = models.TextField(default="", db_default="")  # who gave it to them; empty where they took it themselves
    extensions = models.SmallIntegerField(default=0, db_default=0)  # how often it was given more time
    escalates_at = models.DateTimeField(null=True)  # when it has lived so long that others should know
    escalated_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            # The inbox: what waits, soonest expiry first.
            models.Index(fields=["expires_at", "id"], name="request_waiting", condition=Q(status__in=["pending", "held"])),
            # Expiry also catches what was approved and never run.
            models.Index(fields=["expires_at"], name="request_due", condition=Q(status__in=["pending", "held", "approved"])),
            models.Index(fields=["session_id"], name="request_of_session"),
            models.Index(fields=["tool", "-number"], name="request_of_tool"),
            # How requests like one were decided: to the same recipient, of the same shape and size.
            models.Index(
                fields=["kind", "tool", "target", "-number"],
                name="request_same_target",
                condition=Q(status__in=["consumed", "rejected", "answered"]),
            ),
            models.Index(
                fields=["kind", "tool", "band", "shape", "-number"],
                name="request_same_shape",
                condition=Q(status__in=["consumed", "rejected", "answered"]),
            ),
            # What the sweep looks for every few seconds: nobody decided, somebody left.
            models.Index(
                fields=["escalates_at"], name="request_escalates", condition=Q(status="pending", escalated_at__isnull=True)
            ),
            models.Index(
                fields=["claimed_until"], name="request_claim_ends", condition=Q(status="pending", claimed_until__isnull=False)
            ),
            # Who was asked for a prompt version's release: few.
            models.Index(fields=["prompt_version", "-number"], name="request_of_release", condition=Q(kind="prompt_release")),
            # What was decided, by when that was: the newest pages of a long history.
            models.Index(settled_at().desc(), F("number").desc(), name="request_settled", condition=Q(status__in=SETTLED)),
            # What can be undone for a moment.
            models.Index(fields=["decided_by"], name="request_held", condition=Q(status="held")),
            # What one person has in hand.
            models.Index(
                fields=["claimed_by", "expires_at", "id"],
                name="request_in_hand",
                condition=Q(status__in=["pending", "held"], claimed_by__isnull=False),
            ),
            # The measures of the last days; rows lie in the order of their making, so this costs a write nothing.
            BrinIndex(fields=["created_at"], name="request_by_time", pages_per_range=32, autosummarize=True),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(REQUEST.states)), name="request_status_known"),
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="request_kind_known"),
            # A digest is what a reviewer's decision binds to; anything else would bind to nothing.
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="request_digest_is_sha256"),
            # Two open requests for one call would let one approval be spent while the other still asks.
            models.UniqueConstraint(
                fields=["call_id"], condition=Q(status__in=["pending", "held", "approved"]), name="one_open_request_per_call"
            ),
            # A decided request that names nobody cannot be audited.
            models.CheckConstraint(
                condition=~Q(status__in=["held", "approved", "consumed", "rejected", "answered"])
                | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="decided_needs_decider_and_time",
            ),
            models.CheckConstraint(condition=~Q(status="held") | Q(held_until__isnull=False), name="held_needs_its_end"),
            models.CheckConstraint(condition=Q(required__gte=1), name="request_needs_a_human"),
            # A claim without an end would look taken for ever; only what was assigned has none.
            models.CheckConstraint(
                condition=Q(claimed_by__isnull=True, claimed_name="", claimed_until__isnull=True, assigned_by="")
                | Q(claimed_by__isnull=False, claimed_until__isnull=False, assigned_by="")
                | (Q(claimed_by__isnull=False, claimed_until__isnull=True) & ~Q(assigned_by="")),
                name="claim_ends_or_is_assigned",
            ),
            # Time to decide does not grow without bound.
            models.CheckConstraint(condition=Q(extensions__range=(0, 3)), name="request_extended_thrice_at_most"),
        ]

    @property
    def ref(self) -> str:
        """The short id that people use."""
        return f"AP-{self.number}"

    @property
    def stream(self) -> str:
        """The audit stream that it belongs to."""
        return f"session:{self.session_ref}" if self.session_ref else f"approval:{self.ref}"

    @property
    def ids(self) -> tuple[str, ...]:
        """The short ids that an audit entry about it carries."""
        return (self.ref, self.session_ref) if self.session_ref else (self.ref,)

    @property
    def rights(self) -> RequestFacts:
        """What of it says who may decide."""
        return RequestFacts(
            kind=self.kind,
            excluded=frozenset(self.excluded),
            requester=self.requester,
            groups=tuple(self.groups),
            self_confirm=self.self_confirm,
            reauthenticate=self.reauthenticate,
        )


class Decision(models.Model):
    """What one person said of one revision of a request. Never changed, except that an undo or an edit voids it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="decisions")
    revision = models.IntegerField()
    verdict = models.TextField()
    digest = models.TextField()  # what the reviewer was shown
    decided_by = models.BigIntegerField()  # a human account, never a typed name
    decided_name = models.TextField()
    token = models.TextField(default="", db_default="")
    instruction = models.TextField(default="", db_default="")
    answer = models.TextField(default="", db_default="")
    amount = models.BigIntegerField(null=True)
    difference = models.JSONField(default=list)  # of an edit: [{path, before, after}]
    idempotency_key = models.TextField(default="", db_default="")
    standing_id = models.UUIDField(null=True)  # the standing approval that gave it in this person's name
    voided = models.TextField(default="", db_default="")  # "", "undo", "edit", "rights"
    # How long they had it before them, where they decided on a page; see `approvals.looked`.
    served_ms = models.IntegerField(null=True)
    screen_ms = models.IntegerField(null=True)
    in_place_of = models.BigIntegerField(null=True)  # whose place it was given in, by a cover; NULL: one's own
    in_place_name = models.TextField(null=True)  # NULL costs an ordinary decision nothing
    broke_glass = models.BooleanField(null=True)  # approved alone, loudly; NULL: an ordinary decision
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            BrinIndex(fields=["created_at"], name="decision_by_time", pages_per_range=32, autosummarize=True),
            # What a standing approval decided; nearly no decision is.
            models.Index(fields=["standing_id"], name="decision_by_standing", condition=Q(standing_id__isnull=False)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(verdict__in=VERDICTS), name="verdict_known"),
            # In view for longer than it was served would make a reviewer look more careful than anybody can know.
            models.CheckConstraint(
                condition=Q(served_ms__isnull=True, screen_ms__isnull=True)
                | Q(served_ms__isnull=False, served_ms__range=(0, 86_400_000), screen_ms__isnull=True)
                | Q(served_ms__isnull=False, served_ms__range=(0, 86_400_000), screen_ms__range=(0, F("served_ms"))),
                name="decision_looked_at_as_served",
            ),
            # A quorum is of distinct humans: nobody votes twice on one revision.
            models.UniqueConstraint(
                fields=["request", "revision", "decided_by"],
                condition=Q(voided=""),
                name="one_decision_per_person_and_revision",
            ),
            # A place is one vote, however many decide in it.
            models.UniqueConstraint(
                fields=["request", "revision", "in_place_of"],
                condition=Q(voided="", in_place_of__isnull=False),
                name="one_decision_per_place_and_revision",
            ),
            # A double click or a network retry is one decision.
            models.UniqueConstraint(
                fields=["request", "decided_by", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="one_decision_per_idempotency_key",
            ),
        ]


class Reveal(models.Model):
    """That one person had the sensitive fields of one revision shown. Only requests that have some have such rows."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="reveals")
    revision = models.IntegerField()
    person = models.BigIntegerField()
    person_name = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            # One entry of the log for one person's look at one revision.
            models.UniqueConstraint(fields=["request", "revision", "person"], name="one_reveal_per_person_and_revision"),
        ]


class PolicyRevision(models.Model):
    """One immutable policy document; the newest current one judges every call."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.IntegerField(unique=True)
    document = models.JSONField()
    checksum = models.TextField()
    note = models.TextField(default="", db_default="")
    created_by = models.TextField(default="", db_default="")
    current = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            # Two current policies would make the judgement depend on which row was read.
            models.UniqueConstraint(fields=["current"], condition=Q(current=True), name="one_current_policy"),
        ]


class ToolSetting(models.Model):
    """An operator's lever on one tool: another tier, or switched off."""

    name = models.TextField(primary_key=True)
    tier = models.TextField(null=True)  # NULL means: as the tool declares it
    enabled = models.BooleanField(default=True, db_default=True)
    reason = models.TextField(default="", db_default="")
    changed_by = models.TextField(default="", db_default="")
    revision = models.IntegerField(default=1, db_default=1)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(tier__isnull=True)
                | Q(tier__in=["read_only", "reversible_write", "irreversible_write", "destructive"]),
                name="setting_tier_known",
            ),
        ]
