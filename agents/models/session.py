"""A session and what was said and done in it: messages, turns, tool calls. Rows are added, never rewritten.

Order within a session is `index`, shared by messages and turns. A turn is the model's own message, a tool
call holds the one tool message of its call id; so the conversation is these three tables read in order.
Raw text stands in `audit.Content` and is referred to by id (`*_id` fields without a foreign key constraint
where retention may delete it).
"""

import uuid
from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from agents.lifecycle import SESSION, SESSION_ENDS, TOOL_CALL
from agents.models.agent import Agent, AgentRevision
from agents.models.prompt import PromptVersion


class Session(models.Model):
    """One durable run of an agent for a goal, on behalf of a principal."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.BigIntegerField(unique=True)  # S-88123; taken from the sequence `agents_session_number`
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="sessions", db_index=False)
    revision = models.ForeignKey(AgentRevision, on_delete=models.PROTECT, related_name="+", db_index=False)
    prompt_version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    environment = models.TextField()
    task_type = models.TextField(default="default", db_default="default")
    title = models.TextField()  # the first words of the goal, for lists
    # Who acts and for whom.
    started_kind = models.TextField()  # user | service | system
    started_by = models.TextField()  # id of that principal
    started_name = models.TextField()
    started_user = models.BigIntegerField(null=True)  # the user, or the owner of the token: four eyes
    token = models.TextField(default="", db_default="")
    on_behalf_of = models.TextField(default="", db_default="")
    on_behalf_user = models.BigIntegerField(null=True)
    tenant = models.TextField(default="", db_default="")
    feature = models.TextField(default="", db_default="")
    dry_run = models.BooleanField(default=False, db_default=False)
    webhook_url = models.TextField(default="", db_default="")
    # Where it stands.
    status = models.TextField(default=SESSION.start)
    step = models.IntegerField(default=0, db_default=0)  # records written by workers; guards a repeated one
    nudges = models.IntegerField(default=0, db_default=0)  # changes from outside: decisions, messages, pauses
    stop = models.TextField(default="", db_default="")  # "", pause, cancel, expire: asked of whoever runs it
    stop_note = models.JSONField(default=dict)  # {kind, id, name, reason} of who asked
    held_by = models.UUIDField(null=True)  # the stop of a tool that its next call waits for
    standing = models.BooleanField(null=True)  # true once a standing approval was given in it; NULL where none ever was
    mode = models.TextField(null=True)  # degraded | minimal; NULL: works with all that its agent has
    waits_for = models.TextField(null=True)  # money | rate | model | tool: why it was put back; NULL where nothing keeps it
    waits_since = models.DateTimeField(null=True)
    error = models.JSONField(null=True)  # {category, code, detail}
    priority = models.TextField(null=True)  # low | high; NULL is normal: who waits first where a budget runs short
    ready_at = models.DateTimeField(db_default=Now())
    lease_owner = models.TextField(null=True)
    lease_token = models.BigIntegerField(default=0, db_default=0)  # the fence: grows with every claim
    lease_expires = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0, db_default=0)  # claims since the last written step
    # Spent so far.
    turns = models.IntegerField(default=0, db_default=0)
    tool_calls = models.IntegerField(default=0, db_default=0)
    input_tokens = models.BigIntegerField(default=0, db_default=0)
    output_tokens = models.BigIntegerField(default=0, db_default=0)
    cost_microusd = models.BigIntegerField(default=0, db_default=0)
    active_ms = models.BigIntegerField(default=0, db_default=0)
    consecutive_errors = models.IntegerField(default=0, db_default=0)
    notes = models.JSONField(default=dict)  # warnings given once, extra allowances, loop hints
    lifted = models.JSONField(null=True)  # [key] refused calls that no longer count against asking again; nearly never any
    taint = models.JSONField(default=list)  # [{source, title, ref}] untrusted content in the context
    answer_id = models.UUIDField(null=True)  # content: the last answer, or the partial one
    partial = models.BooleanField(default=False, db_default=False)
    next_index = models.IntegerField(default=0, db_default=0)  # of messages and turns
    watched_until = models.DateTimeField(null=True)  # somebody looks: stream
    trace = models.TextField(default="", db_default="")
    schema_version = models.SmallIntegerField(default=1, db_default=1)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            # The claim reads only what is ready, whatever the number of old sessions.
            models.Index(fields=["ready_at"], name="session_ready", condition=Q(status="queued")),
            models.Index(fields=["lease_expires"], name="session_running", condition=Q(status="running")),
            models.Index(
                fields=["expires_at"],
                name="session_due",
                condition=Q(status__in=["queued", "running", "waiting_approval", "waiting_input", "paused"]),
            ),
            # Those that are queued or run are few, pass by quickly, and stand in the indexes above.
            models.Index(
                fields=["status", "-number"],
                name="session_by_status",
                condition=~Q(status__in=["queued", "running"]),
            ),
            models.Index(fields=["agent", "-number"], name="session_by_agent"),
            models.Index(fields=["-number"], name="session_degraded", condition=Q(mode__isnull=False)),
            # What keeps sessions back passes; those that ended meanwhile are in it no more.
            models.Index(
                fields=["waits_for", "-number"], name="session_waits", condition=Q(status="queued", waits_for__isnull=False)
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(SESSION.states)), name="session_status_known"),
            # Half a lease would be taken over while its owner still believes in it.
            models.CheckConstraint(
                condition=Q(lease_owner__isnull=True, lease_expires__isnull=True)
                | Q(lease_owner__isnull=False, lease_expires__isnull=False),
                name="lease_all_or_none",
            ),
            models.CheckConstraint(condition=~Q(status="running") | Q(lease_owner__isnull=False), name="running_needs_lease"),
            models.CheckConstraint(
                condition=~Q(status__in=sorted(SESSION_ENDS)) | Q(ended_at__isnull=False), name="ended_needs_time"
            ),
            models.CheckConstraint(condition=Q(mode__isnull=True) | Q(mode__in=["degraded", "minimal"]), name="mode_known"),
            models.CheckConstraint(
                condition=Q(waits_for__isnull=True, waits_since__isnull=True)
                | Q(waits_for__in=["money", "rate", "model", "tool"], waits_since__isnull=False),
                name="wait_known",
            ),
            models.CheckConstraint(condition=Q(stop__in=["", "pause", "cancel", "expire"]), name="stop_known"),
            models.CheckConstraint(condition=Q(priority__isnull=True) | Q(priority__in=["low", "high"]), name="priority_known"),
            models.CheckConstraint(
                condition=Q(turns__gte=0, tool_calls__gte=0, input_tokens__gte=0, output_tokens__gte=0, cost_microusd__gte=0),
                name="spent_not_negative",
            ),
        ]

    @property
    def ref(self) -> str:
        """The short id that people use."""
        return f"S-{self.number}"

    @property
    def rev(self) -> int:
        """Grows with every change, whoever made it: pages drop an older answer."""
        return self.step + self.nudges

    @property
    def ended(self) -> bool:
        """True if nothing more can happen in it."""
        return self.status in SESSION_ENDS


class Message(models.Model):
    """What a person or the system said to the agent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="messages", db_index=False)
    index = models.IntegerField()
    source = models.TextField()  # user | operator | system
    trust = models.TextField(default="trusted", db_default="trusted")
    text_id = models.UUIDField()  # content
    author = models.BigIntegerField(null=True)  # user id: four eyes
    author_name = models.TextField(default="", db_default="")
    supersedes = models.UUIDField(null=True)  # a goal that a person gave in the place of this one, before a replay
    covers_from = models.IntegerField(null=True)  # a summary: the first and the last index that it stands for
    covers_to = models.IntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "index"], name="message_index_once"),
            models.CheckConstraint(condition=Q(trust__in=["trusted", "untrusted"]), name="message_trust_known"),
            models.UniqueConstraint(
                fields=["session", "covers_to"], condition=Q(covers_to__isnull=False), name="summarised_once"
            ),
            models.CheckConstraint(
                condition=Q(covers_from__isnull=True, covers_to__isnull=True) | Q(covers_to__gte=F("covers_from")),
                name="summary_covers_a_part",
            ),
        ]

    @property
    def summarises(self) -> int | None:
        """How many earlier places a summary stands for; None for any other message."""
        return None if self.covers_to is None or self.covers_from is None else self.covers_to - self.covers_from + 1


class Turn(models.Model):
    """One pass of the loop: what the model said, and what it cost."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="turn_rows", db_index=False)
    index = models.IntegerField()
    number = models.IntegerField()
    text_id = models.UUIDField(null=True)  # content: the model's own words
    calls = models.SmallIntegerField(default=0, db_default=0)
    finish_reason = models.TextField()
    model = models.TextField()
    instead_of = models.TextField(null=True)  # the model that was asked first, where a fallback answered
    prompt_version = models.TextField()
    input_tokens = models.IntegerField(default=0, db_default=0)
    output_tokens = models.IntegerField(default=0, db_default=0)
    cached_tokens = models.IntegerField(default=0, db_default=0)
    cost_microusd = models.BigIntegerField(default=0, db_default=0)
    estimated = models.BooleanField(default=False, db_default=False)  # the server told no usage
    duration_ms = models.IntegerField(default=0, db_default=0)
    first_token_ms = models.IntegerField(null=True)
    retries = models.SmallIntegerField(default=0, db_default=0)
    omitted = models.IntegerField(default=0, db_default=0)  # context items left out of the budget
    span = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            # What was spent between two times; rows lie in the order of their making, so this costs a write nothing.
            BrinIndex(fields=["created_at"], name="turn_by_time", pages_per_range=32, autosummarize=True),
        ]
        constraints: ClassVar = [
            # A turn's number needs no index of its own: the keys of its calls, which are unique, are made of it.
            models.UniqueConstraint(fields=["session", "index"], name="turn_index_once"),
            models.CheckConstraint(condition=Q(number__gte=1, number__lte=F("index")), name="turn_number_in_order"),
        ]


class ToolCall(models.Model):
    """One call that the model planned: its arguments, how it was judged, its one outcome."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="calls", db_index=False)
    turn = models.ForeignKey(Turn, on_delete=models.PROTECT, related_name="call_rows", db_index=False)
    index = models.SmallIntegerField()  # place in the plan
    provider_id = models.TextField()  # the model's own call id; its answer carries it back
    key = models.TextField()  # idempotency key: S-88123/7.1 (session / turn . place)
    tool = models.TextField()
    tier = models.TextField(default="", db_default="")
    definition = models.TextField(default="", db_default="")  # hash of the tool's definition
    status = models.TextField(default=TOOL_CALL.start)
    raw_id = models.UUIDField(null=True)  # content: as the model wrote it
    arguments_id = models.UUIDField(null=True)  # content: validated, canonical; the bytes that run
    fingerprint = models.TextField(default="", db_default="")  # SHA-256 of tool and canonical arguments
    judgement = models.JSONField(default=dict)  # {verdict, risk, reasons: [{code, text}]}
    repeat_of = models.UUIDField(null=True)  # the same call, done or unknown, earlier in this session
    needs_approval = models.BooleanField(default=False, db_default=False)
    request_id = models.UUIDField(null=True)  # the request that is, or was, open for it
    consumed_id = models.UUIDField(null=True)  # the request whose approval it used up
    edited = models.BooleanField(default=False, db_default=False)
    dry = models.BooleanField(default=False, db_default=False)  # told what it would have done
    attempts = models.SmallIntegerField(default=0, db_default=0)
    result_id = models.UUIDField(null=True)  # content: what the model reads
    result_hash = models.TextField(default="", db_default="")  # SHA-256 of the full result, before truncation
    result_size = models.IntegerField(default=0, db_default=0)
    error_type = models.TextField(default="", db_default="")
    trust = models.TextField(default="trusted", db_default="trusted")
    sources = models.JSONField(default=list)  # [{source, title, ref}] untrusted content in the result
    confidence = models.FloatField(null=True)
    superseded_by = models.UUIDField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    duration_ms = models.IntegerField(null=True)
    span = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["session"], name="call_of_session"),
            # What policy refused in the last days; rows lie in the order of their making, so this costs a write nothing.
            BrinIndex(fields=["created_at"], name="call_by_time", pages_per_range=32, autosummarize=True),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(TOOL_CALL.states)), name="call_status_known"),
            # Two calls under one key would be one effect to a service that honours it.
            models.UniqueConstraint(fields=["key"], name="call_key_once"),
            models.UniqueConstraint(fields=["turn", "index"], name="call_place_once"),
            # What needed a person runs only on an approval that was used up for it.
            models.CheckConstraint(
                condition=Q(needs_approval=False)
                | ~Q(status__in=["executing", "succeeded", "failed", "unknown", "resolved"])
                | Q(consumed_id__isnull=False),
                name="executing_needs_consumed_approval",
            ),
            # One approval, one execution.
            models.UniqueConstraint(
                fields=["consumed_id"], condition=Q(consumed_id__isnull=False), name="approval_consumed_by_one_call"
            ),
            models.CheckConstraint(
                condition=Q(consumed_id__isnull=True) | Q(consumed_id=F("request_id")), name="consumed_is_its_own_request"
            ),
            models.CheckConstraint(condition=Q(trust__in=["trusted", "untrusted"]), name="call_trust_known"),
        ]
