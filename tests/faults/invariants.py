"""What holds whatever breaks (THREATS.md, section 3): nothing lost, nothing twice, nothing unapproved, all of it logged.

The count of effects comes from the independent ledger, never from the product's own rows.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.agreement import check as agreement
from agents.effects import led_to
from agents.models import Session, ToolCall
from approvals.models import ApprovalRequest, Decision
from audit.events import EventKind
from audit.index import index_log
from audit.models import AuditEntry
from audit.verify import verify
from tests.faults.effects import Effect
from tests.faults.stage import Play

INTENTS = {EventKind.TOOL_CALL_EXECUTING, EventKind.TOOL_CALL_RETRIED}
OUTCOMES = {EventKind.TOOL_CALL_SUCCEEDED, EventKind.TOOL_CALL_FAILED, EventKind.TOOL_CALL_RESOLVED}
APPROVED_TOOLS = frozenset({"pay", "stamp"})


@dataclass(frozen=True, slots=True)
class Found:
    """What a check counted."""

    sessions: int
    effects: int
    asked_people: int


def check(play: Play, *, each_does: Sequence[str] = ("note", "pay", "stamp")) -> Found:
    """Check all five invariants; raises AssertionError that says what does not hold."""
    refs = {session.ref for session in Session.objects.all()}
    effects = [effect for effect in play.stage.effects.read() if effect.session in refs]
    happened = [effect for effect in effects if not effect.repeat]
    nothing_is_lost(happened, each_does)
    nothing_happens_twice(happened)
    nothing_runs_unapproved(effects)
    the_log_tells_it_all(effects)
    one_statement_says_what_led_to_each(effects)
    asked = ApprovalRequest.objects.filter(kind="unknown_outcome").count()
    return Found(len(refs), len(happened), asked)


def nothing_is_lost(effects: Sequence[Effect], each_does: Sequence[str]) -> None:
    """A: every session answered, every call has its one outcome, and each effect that was wanted is there."""
    statuses = Counter(Session.objects.values_list("status", flat=True))
    assert set(statuses) == {"waiting_input"}, f"not every session came to its answer: {dict(statuses)}"
    calls = Counter(ToolCall.objects.values_list("status", flat=True))
    assert set(calls) <= {"succeeded", "resolved"}, f"not every call came to an outcome: {dict(calls)}"
    for session in Session.objects.all():
        calls_of = ToolCall.objects.filter(session=session).count()
        assert session.tool_calls >= calls_of, f"{session.ref} counts {session.tool_calls} calls as spent, of {calls_of}"
    assert not ApprovalRequest.objects.filter(status="pending").exists(), "a request was left open"
    done = Counter((effect.session, effect.tool) for effect in effects)
    wanted = {(session.ref, tool) for session in Session.objects.all() for tool in each_does}
    assert wanted <= set(done), f"these never happened: {sorted(wanted - set(done))}"


def nothing_happens_twice(effects: Sequence[Effect]) -> None:
    """B: at most one effect for each call, and none of a call that nobody planned."""
    counts = Counter((effect.tool, effect.key) for effect in effects)
    twice = {call: count for call, count in counts.items() if count > 1}
    assert not twice, f"these happened more than once: {twice}"
    known = set(ToolCall.objects.values_list("tool", "key"))
    assert set(counts) <= known, f"these were never planned: {set(counts) - known}"


def nothing_runs_unapproved(effects: Sequence[Effect]) -> None:
    """C: an effect that needed people has an approval by somebody with other eyes, used up for it before it happened."""
    calls = {call.key: call for call in ToolCall.objects.filter(tool__in=APPROVED_TOOLS)}
    used = _entries({EventKind.APPROVAL_CONSUMED})
    for effect in effects:
        if effect.tool not in APPROVED_TOOLS:
            continue
        call = calls[effect.key]
        assert call.needs_approval, f"{effect.key} ran without asking"
        assert call.consumed_id is not None, f"{effect.key} ran without an approval"
        request = ApprovalRequest.objects.get(id=call.consumed_id)
        assert request.call_id == call.id, f"{effect.key} ran on the approval of another call"
        assert request.status == "consumed", f"{effect.key} ran and left {request.ref} {request.status}"
        votes = Decision.objects.filter(request=request, verdict="approve", voided="", digest=request.digest)
        assert votes.exclude(decided_by__in=request.excluded).exists(), f"nobody with other eyes approved {request.ref}"
        consumed = [entry["at"] <= effect.at for entry in used[request.session_ref] if request.ref in entry["ids"]]
        assert consumed == [True], f"{effect.key}: the log has its approval used {len(consumed)} times, or too late"
        approved = json.loads(bytes(request.body))["arguments"]
        assert approved == effect.arguments, f"{effect.key} did {effect.arguments}, approved was {approved}"


def the_log_tells_it_all(effects: Sequence[Effect]) -> None:
    """D: the chain verifies; each effect stands between its intent and its outcome."""
    while index_log() is None:
        pass  # another process is at it
    result = verify()
    assert result.ok, result.first_bad
    rows_are_what_the_log_says()
    intents, outcomes = _entries(INTENTS), _entries(OUTCOMES)
    for effect in effects:
        before = [entry for entry in intents[effect.session] if entry["facts"]["key"] == effect.key]
        before = [entry for entry in before if entry["at"] <= effect.at]
        after = [entry for entry in outcomes[effect.session] if entry["facts"]["key"] == effect.key]
        assert before, f"{effect.key} happened without an intent in the log"
        assert len(after) == 1, f"{effect.key} has {len(after)} outcomes in the log"


def rows_are_what_the_log_says() -> None:
    """D: where sessions, calls and requests stand, what they hold and who decided is what the log has of it; no row is missing."""
    found = agreement.check()
    assert found.ok, [str(one) for one in found.findings[:10]]


def one_statement_says_what_led_to_each(effects: Sequence[Effect]) -> None:
    """E: prompt version, the people who agreed, and the log's entry of each effect, whatever was killed meanwhile."""
    for effect in effects:
        led = led_to(effect.key)
        assert led.version is not None, f"{effect.key}: its prompt version is not known"
        assert led.entry, f"{effect.key}: no entry of the log is named"
        agreed = [one.by for one in led.decisions if one.verdict == "approve"]
        assert agreed or effect.tool not in APPROVED_TOOLS, f"{effect.key}: nobody is named who let it run"


def _entries(kinds: set[EventKind]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for stream, at, body in AuditEntry.objects.filter(kind__in=kinds).order_by("id").values_list("stream", "at", "body_json"):
        found[stream.partition(":")[2]].append({**body, "at": at.timestamp()})
    return found


def takeovers(ended: dict[int, float]) -> list[float]:
    """How many seconds after each death (process id to time) its sessions were taken over.

    Those of a living worker that could not renew its leases in time, as while the database was away, are not counted.
    """
    kinds = {EventKind.SESSION_CLAIMED, EventKind.SESSION_RECLAIMED}
    waits: list[float] = []
    holder: dict[str, int] = {}
    rows = AuditEntry.objects.filter(kind__in=kinds).order_by("id").values_list("stream", "kind", "at", "actor_id")
    for stream, kind, at, owner in rows:
        if kind == EventKind.SESSION_RECLAIMED and holder[stream] in ended:
            waits.append(at.timestamp() - ended[holder[stream]])
        holder[stream] = int(owner.split(":")[1])
    return waits
