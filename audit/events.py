"""Everything that can happen: one event kind per line, "noun.verb", grouped by noun. Pure.

An entry of the log carries exactly one of these. The sentence beside a kind says what the entry states; pages show it.
Kinds are part of the entry format: one is never renamed or removed, only added.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class EventKind(StrEnum):
    """The kind of an audit entry, with a sentence about it in `doc`."""

    doc: str

    def __new__(cls, value: str, doc: str = "") -> Self:
        """Make a member of its value and its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member

    @property
    def noun(self) -> str:
        """What the event is about: the part before the dot."""
        return self.value.partition(".")[0]

    # A session, from its start to one of its six ends.
    SESSION_STARTED = "session.started", "A session was started and queued."
    SESSION_CLAIMED = "session.claimed", "A worker took the session under its lease."
    SESSION_RECLAIMED = "session.reclaimed", "A worker took over a session whose lease had run out."
    SESSION_RELEASED = "session.released", "A worker gave the session back to the queue."
    SESSION_STOPPED = "session.stopped", "The kill switch holds the session where it is."
    SESSION_PARKED = "session.parked", "The session was put back until a later time."
    SESSION_WAITING_APPROVAL = "session.waiting_approval", "The session rests until people decide."
    SESSION_WAITING_INPUT = "session.waiting_input", "The session answered and rests until another message comes."
    SESSION_RESUMED = "session.resumed", "What the session waited for has come; it is queued again."
    SESSION_PAUSED = "session.paused", "An operator paused the session."
    SESSION_UNPAUSED = "session.unpaused", "An operator let the session go on."
    SESSION_REFUSALS_LIFTED = "session.refusals_lifted", "A person let the agent ask again for what people refused."
    SESSION_WARNED = "session.warned", "A soft limit of the session was passed, or it goes in circles; the model is told."
    SESSION_EXTENDED = "session.extended", "A limit of the session was raised by a person."
    SESSION_TAINTED = "session.tainted", "Untrusted content came into the session's context."
    SESSION_UPGRADED = "session.upgraded", "The session's stored state was brought to the version of the product that runs it."
    SESSION_MOVED = "session.moved", "The session goes on with another prompt version or agent revision."
    SESSION_STUCK = "session.stuck", "The session makes no progress; a person is asked."
    SESSION_REPLAYED = "session.replayed", "An ended session was queued again from its last good turn."
    SESSION_COMPLETED = "session.completed", "The session ended with its answer."
    SESSION_HALTED = "session.halted", "A limit ended the session."
    SESSION_FAILED = "session.failed", "The session ended with an error that is not worth a replay."
    SESSION_CANCELLED = "session.cancelled", "A person ended the session."
    SESSION_EXPIRED = "session.expired", "The session's time to live was over."
    SESSION_DEAD_LETTERED = "session.dead_lettered", "The session failed for good and is kept for replay."
    SESSION_CLOSED = "session.closed", "A dead letter was closed with a note."

    # A turn: one pass of perceive, plan, act, observe.
    TURN_STARTED = "turn.started", "A turn began."
    TURN_PLANNED = "turn.planned", "The model answered: its text and the calls that it planned."
    TURN_COMPLETED = "turn.completed", "All calls of the turn have an outcome."
    TURN_RETRIED = "turn.retried", "The model call failed in a way that can succeed, and is tried again."
    TURN_FAILED = "turn.failed", "The turn failed."
    TURN_ABANDONED = "turn.abandoned", "A worker left before the model answered; the call counts as spent."

    # Messages and what the context is made of.
    MESSAGE_RECEIVED = "message.received", "A person or program sent a message to the session."
    MESSAGE_ANSWERED = "message.answered", "The agent's answer was given."
    MESSAGE_SUMMARISED = "message.summarised", "Older messages were summarised for the context."
    MESSAGE_RELEASED = "message.released", "A person gave the model a result that was kept from it."
    MESSAGE_FLAGGED = "message.flagged", "An input or answer was flagged or bounded."

    # A tool call, from plan to outcome. `facts.tool` names the tool.
    TOOL_CALL_PROPOSED = "tool_call.proposed", "The model planned a call."
    TOOL_CALL_INVALID = "tool_call.invalid", "The call could not be accepted; the model is told why."
    TOOL_CALL_DENIED = "tool_call.denied", "Policy refused the call."
    TOOL_CALL_ALLOWED = "tool_call.allowed", "Policy lets the call run without a person."
    TOOL_CALL_AWAITING = "tool_call.awaiting", "Policy asks people before the call may run."
    TOOL_CALL_APPROVED = "tool_call.approved", "People approved the call."
    TOOL_CALL_REVISED = "tool_call.revised", "A reviewer changed the call's arguments; it is judged and asked about anew."
    TOOL_CALL_REJECTED = "tool_call.rejected", "People rejected the call."
    TOOL_CALL_EXPIRED = "tool_call.expired", "Nobody answered in time; the call is not run."
    TOOL_CALL_VOIDED = "tool_call.voided", "What the call relied on changed; it is not run."
    TOOL_CALL_STOPPED = "tool_call.stopped", "The kill switch came before the call was entered; it waits."
    TOOL_CALL_CANCELLED = "tool_call.cancelled", "The session ended before the call ran."
    TOOL_CALL_EXECUTING = "tool_call.executing", "The intent to run the call is written; it runs now."
    TOOL_CALL_SUCCEEDED = "tool_call.succeeded", "The call ran; the hash of its result is kept."
    TOOL_CALL_FAILED = "tool_call.failed", "The call ran and failed."
    TOOL_CALL_UNKNOWN = "tool_call.unknown", "Nobody can know whether the call had its effect."
    TOOL_CALL_RESOLVED = "tool_call.resolved", "An unknown outcome was settled."
    TOOL_CALL_RETRIED = "tool_call.retried", "The call is run again under its idempotency key."
    TOOL_CALL_SIMULATED = "tool_call.simulated", "A dry run reported what the call would have done."

    # An approval request, and the decisions on it.
    APPROVAL_REQUESTED = "approval.requested", "People are asked."
    APPROVAL_REVISED = "approval.revised", "The request has a new revision and digest; earlier votes are void."
    APPROVAL_CLAIMED = "approval.claimed", "A reviewer took the request."
    APPROVAL_UNCLAIMED = "approval.unclaimed", "A reviewer gave the request back."
    APPROVAL_DELEGATED = "approval.delegated", "The request was assigned or delegated."
    APPROVAL_EXCLUDED = "approval.excluded", "A person took part in the session and may not decide any more."
    APPROVAL_ESCALATED = "approval.escalated", "The request was escalated before it expires."
    APPROVAL_EXTENDED = "approval.extended", "The request was given more time."
    APPROVAL_HELD = "approval.held", "The decision stands and can be withdrawn until its undo period is over."
    APPROVAL_UNDONE = "approval.undone", "A decision was withdrawn in its undo period."
    APPROVAL_APPROVED = "approval.approved", "The request is approved."
    APPROVAL_REJECTED = "approval.rejected", "The request is rejected."
    APPROVAL_ANSWERED = "approval.answered", "The question is answered."
    APPROVAL_CONSUMED = "approval.consumed", "The approval was used, together with the intent; it cannot be used again."
    APPROVAL_EXPIRED = "approval.expired", "Nobody answered in time."
    APPROVAL_WITHDRAWN = "approval.withdrawn", "The request fell away: its session ended."
    APPROVAL_VOIDED = "approval.voided", "What the request was about changed."
    APPROVAL_STANDS = "approval.stands", "A reviewer approved the same call for the rest of the session, within bounds."
    APPROVAL_REPEATED = "approval.repeated", "A standing approval approved the request in its reviewer's name."
    APPROVAL_REVOKED = "approval.revoked", "A standing approval was revoked; it covers nothing more."
    DECISION_MADE = "decision.made", "One reviewer gave a verdict on one revision."
    DECISION_REFUSED = "decision.refused", "A verdict was not accepted."

    GLASS_BROKEN = "glass.broken", "Somebody approved alone what others would have had to agree to."
    GLASS_REVIEWED = "glass.reviewed", "Another person reviewed a use of break-glass."
    COVER_AGREED = "cover.agreed", "Somebody decides in another person's place from one time to another."
    COVER_ENDED = "cover.ended", "A cover was ended before its time."

    # Agents, prompts, policy, tools: what operators set.
    AGENT_CREATED = "agent.created", "An agent was made."
    AGENT_REVISED = "agent.revised", "An agent has a new revision."
    AGENT_STOPPED = "agent.stopped", "An agent was switched off."
    AGENT_STARTED = "agent.started", "An agent was switched on again."
    PROMPT_CREATED = "prompt.created", "A prompt was made."
    PROMPT_VERSION_ADDED = "prompt.version_added", "A prompt has a new version."
    PROMPT_MOVED = "prompt.moved", "A prompt version moved on in its lifecycle."
    PROMPT_RELEASED = "prompt.released", "Traffic was routed to a prompt version."
    PROMPT_GUARDED = "prompt.guarded", "The guards of a prompt's canaries were set."
    PROMPT_TRIPPED = "prompt.tripped", "A guard found a canary worse than it may be; the canary was rolled back."
    PROMPT_ROLLED_BACK = "prompt.rolled_back", "The release before was restored."
    SUITE_CREATED = "suite.created", "A suite of cases was made."
    SUITE_CHANGED = "suite.changed", "A suite's threshold, gate or bounds changed."
    SUITE_ENDED = "suite.ended", "A suite was ended; it holds no version back any more."
    CASE_ADDED = "case.added", "A case came into a suite, or has a new revision."
    CASE_REMOVED = "case.removed", "A case was taken out of its suite."
    EVAL_RUN_STARTED = "eval_run.started", "A suite is run against a prompt version."
    EVAL_RUN_DONE = "eval_run.done", "A run of a suite ended with its score."
    EVAL_RUN_CANCELLED = "eval_run.cancelled", "Somebody cancelled a run of a suite."
    EVAL_RUN_FAILED = "eval_run.failed", "A run of a suite could not go on."
    PROMPT_GATE_OVERRIDDEN = "prompt.gate_overridden", "Somebody released a version that its suites hold back, and said why."
    POLICY_REVISED = "policy.revised", "The policy has a new revision."
    TOOL_REGISTERED = "tool.registered", "A tool's definition is new or changed."
    TOOL_SET = "tool.set", "An operator changed a tool's setting."
    TOOL_DISABLED = "tool.disabled", "A tool was switched off."
    TOOL_ENABLED = "tool.enabled", "A tool was switched on."
    BUDGET_SET = "budget.set", "A budget was made or changed."
    BUDGET_ENDED = "budget.ended", "A budget was ended; it caps nothing any more."
    BUDGET_CROSSED = "budget.crossed", "A budget reached a level that people are told of."
    STOP_SET = "stop.set", "The kill switch was pulled."
    STOP_LIFTED = "stop.lifted", "The kill switch was released."
    BREAKER_OPENED = "breaker.opened", "Too many calls failed: nothing goes through until a probe went well."
    BREAKER_PROBED = "breaker.probed", "One call was let through, to see whether it works again."
    BREAKER_CLOSED = "breaker.closed", "The probe went well; calls go through again."
    BREAKER_FORCED = "breaker.forced", "A person holds a breaker open or closed."
    BREAKER_RELEASED = "breaker.released", "A breaker is no longer held; it counts from nothing again."
    LIMIT_SET = "limit.set", "An operator set or lifted a limit of the load."
    CONTROL_SET = "control.set", "Control requests were switched on or off, or are planted at another rate."
    CONTROL_PLANTED = "control.planted", "A request was a control request from its beginning: no agent asked for it."
    CONTROL_RESOLVED = "control.resolved", "What came of a control request; nothing was run."
    SCHEDULE_CREATED = "schedule.created", "A schedule was made."
    SCHEDULE_PAUSED = "schedule.paused", "A schedule was paused."
    SCHEDULE_RESUMED = "schedule.resumed", "A schedule was resumed."
    SCHEDULE_CHANGED = "schedule.changed", "A schedule was changed."
    SCHEDULE_ENDED = "schedule.ended", "A schedule was ended; it fires no more."
    SCHEDULE_FIRED = "schedule.fired", "A schedule's time came; it started a session."
    SCHEDULE_SKIPPED = "schedule.skipped", "A schedule's time came; it started none."
    INLET_CREATED = "inlet.created", "An inlet for signed messages was made."
    INLET_CHANGED = "inlet.changed", "An inlet was changed."
    INLET_PAUSED = "inlet.paused", "An inlet was paused."
    INLET_RESUMED = "inlet.resumed", "An inlet was resumed."
    INLET_ROTATED = "inlet.rotated", "An inlet has a new secret; the one before is taken for a day."
    INLET_ENDED = "inlet.ended", "An inlet was ended; it takes no message any more."
    INLET_RECEIVED = "inlet.received", "An inlet took a message; it started a session."
    DOCUMENT_ADDED = "document.added", "A document came into the library."
    DOCUMENT_CHANGED = "document.changed", "A document or its trust mark changed."
    DOCUMENT_DELETED = "document.deleted", "A document was deleted."
    MEMORY_DELETED = "memory.deleted", "Somebody deleted what an agent remembered."
    NOTE_PUBLISHED = "note.published", "A note was published."

    # People, programs and their rights.
    USER_CREATED = "user.created", "An account was made."
    USER_CHANGED = "user.changed", "An account's data, roles or state changed."
    USER_SIGNED_IN = "user.signed_in", "A person signed in."
    USER_SIGNED_OUT = "user.signed_out", "A person signed out."
    USER_REAUTHENTICATED = "user.reauthenticated", "A person proved again who they are."
    USER_REFUSED = "user.refused", "A sign-in was refused."
    TOKEN_CREATED = "token.created", "An access token was made."
    TOKEN_REVOKED = "token.revoked", "An access token was revoked."
    WEBHOOK_REQUESTED = "webhook.requested", "A person or program had a webhook sent once more."
    WEBHOOK_DELIVERED = "webhook.delivered", "A webhook was delivered."
    WEBHOOK_FAILED = "webhook.failed", "A webhook could not be delivered."

    # Raw content, which stands apart from the entries.
    CONTENT_REVEALED = "content.revealed", "A person had the sensitive fields of a request shown."
    CONTENT_READ = "content.read", "A person or program read raw content."
    CONTENT_DELETED = "content.deleted", "Raw content was deleted; its commitments stay."

    # The log, the installation, and what must not happen.
    AUDIT_VERIFIED = "audit.verified", "The log was verified."
    AUDIT_EXPORTED = "audit.exported", "Entries were exported."
    SYSTEM_INSTALLED = "system.installed", "The installation was set up."
    SYSTEM_SEEDED = "system.seeded", "Demo data was written."
    SYSTEM_STARTED = "system.started", "A process of the installation started."
    ALARM_DIGEST_MISMATCH = "alarm.digest_mismatch", "What was about to run is not what was approved; it was blocked."
    ALARM_APPROVAL_MISSING = "alarm.approval_missing", "A call tried to run without an approval that it needs."
    ALARM_POLICY_CHANGED = "alarm.policy_changed", "An approved call is refused by the policy of its execution."
    ALARM_TAMPERING = "alarm.tampering", "A forbidden change of the log was refused."
    ALARM_VERIFICATION_FAILED = "alarm.verification_failed", "The log does not verify."
    ALARM_INJECTION = "alarm.injection", "Untrusted content tried to give instructions."
    ALARM_WORKER_FENCED = "alarm.worker_fenced", "A worker wrote after it had lost its lease, and was refused."
