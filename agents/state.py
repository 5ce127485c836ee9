"""One session as the runner holds it while it has the lease: values read from the rows, and nothing else.

It is only a copy. Whoever loses the lease throws it away; the next worker reads the rows again.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from agents.config import AgentConfig
from agents.guardrails.budget import Spent
from agents.guardrails.loops import Trail
from agents.guardrails.purse import Purse
from agents.guardrails.stops import ActiveStop
from agents.lifecycle import CALL_OUTCOMES
from agents.origins import LONGEST_CONVERSATION, Source
from agents.prompts.recalls import Recalled
from agents.versions import VERSION
from approvals.facts import Verdict
from approvals.likeness import Aim, aim
from audit.batch import Birth

LOST_TOKENS, LOST_COST = "lost_tokens", "lost_microusd"  # notes that keep what calls may have used whose count never came
MAX_TAINT = 50  # sources named on a session; that it is tainted does not depend on it
Rendered = tuple[list[dict[str, Any]], int]
"""The chat messages of an item, and their estimated tokens."""


@dataclass(slots=True)
class Said:
    """A message of a person or of the system."""

    id: UUID
    index: int
    source: str
    trust: str
    text: str
    author: str = ""
    covers: tuple[int, int] | None = None  # a summary: the first and the last index that it stands for
    rendered: Rendered | None = None


@dataclass(slots=True)
class Asked:
    """The open request of a call: what the runner must know to use its approval."""

    id: UUID
    ref: str
    status: str
    revision: int
    digest: str
    body: bytes
    due: bool  # approved, or held and past its undo period
    held_s: float | None  # seconds until its undo period is over; None if it is not held
    expired: bool
    required: int


@dataclass(slots=True)
class Call:
    """One planned tool call."""

    id: UUID
    turn: int
    index: int
    provider_id: str
    key: str
    tool: str
    status: str
    tier: str = ""
    definition: str = ""
    raw: str = ""
    raw_id: UUID | None = None
    arguments: str | None = None
    arguments_id: UUID | None = None
    fingerprint: str = ""
    judgement: dict[str, Any] = field(default_factory=dict)
    repeat_of: UUID | None = None
    needs_approval: bool = False
    request_id: UUID | None = None
    request: Asked | None = None
    edited: bool = False
    dry: bool = False
    attempts: int = 0
    result: str | None = None
    result_id: UUID | None = None
    result_hash: str = ""
    error_type: str = ""
    trust: str = "trusted"
    sources: list[dict[str, str]] = field(default_factory=list)
    span: str = ""
    superseded: str = ""  # key of a later call that read the same again
    probe: int | None = None  # its tool's breaker is half open, and this call is the probe of that number
    shut_s: float | None = None  # seconds until its tool may be tried again, where its breaker is open

    @property
    def done(self) -> bool:
        """True if the model has, or will read, its one tool message."""
        return self.status in CALL_OUTCOMES


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that a person rejected: what it was after, and its request."""

    key: str
    tool: str
    fingerprint: str
    aim: Aim
    request_id: UUID | None


@dataclass(slots=True)
class Pass:
    """A turn: what the model said, and its calls."""

    id: UUID
    index: int
    number: int
    text: str
    calls: list[Call] = field(default_factory=list)
    rendered: Rendered | None = None  # kept once all calls are done, so that turn 200 costs what turn 2 does


@dataclass(slots=True)
class State:
    """The session, its conversation in order, and what it has spent."""

    id: UUID
    number: int
    agent: str
    config: AgentConfig
    prompt: str
    prompt_version: str
    parameters: dict[str, Any]
    environment: str
    task_type: str
    dry_run: bool
    trace: str
    started_kind: str
    started_by: str
    started_user: int | None
    started_name: str
    on_behalf_of: str
    excluded: tuple[int, ...]
    tenant: str
    feature: str
    owner: str
    lease_token: int
    step: int
    nudges: int
    attempts: int
    stop: str
    stop_note: dict[str, Any]
    turns: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cost_microusd: int
    active_ms: int
    consecutive_errors: int
    notes: dict[str, Any]
    taint: list[dict[str, str]]
    next_index: int
    watched: bool
    expired: bool
    priority: str | None = None  # low | high; None is normal
    schema_version: int = VERSION  # in which it is stored
    mode: str = ""  # degraded or minimal, as its last turn was; empty: at its full
    stored_mode: str = ""  # what its row says
    waits: str = ""  # what keeps it back: money, rate, model or tool; empty for whoever runs it
    stored_waits: str = ""  # what its row says
    shut: dict[str, float] = field(default_factory=dict)  # tools whose breakers are open: seconds until they are tried again
    hindered: bool = False  # something that its agent relies on cannot be had at this moment
    standing: bool = False  # a standing approval was given in it
    items: list[Said | Pass] = field(default_factory=list)
    asks_about_session: bool = False  # a budget or stuck request is open
    read: dict[str, Call] = field(default_factory=dict)  # the newest result of each call that only reads
    outline: tuple[list[Said], list[Said]] | None = None  # summaries, and what people said, in order; see `agents.context`
    rooms: dict[str, int] = field(default_factory=dict)  # tokens that models' windows turned out to hold, where that was less
    fingerprints: dict[str, UUID] = field(default_factory=dict)  # calls that succeeded, run, or are unknown
    refused: list[Refused] = field(default_factory=list)  # what people rejected, oldest first
    lifted: frozenset[str] = frozenset()  # keys of rejected calls that no longer count against asking again
    nudged: bool = False  # something changed outside: load again at the next step
    held: ActiveStop | None = None  # the kill switch: nothing more is begun
    recalled: Recalled | None = None  # its prompt version was rolled back: it moves or stops before the next question
    leaving: bool = False  # the worker stops: give the session back after this step
    lease_until: float = 0.0  # by the process's monotonic clock; past it another worker may hold the session
    sources: list[Source] = field(default_factory=list)  # texts that values are compared with, of the first `sourced` items
    sourced: int = 0
    trail: Trail | None = None  # what loops are found in, of the first `walked` items
    walked: int = 0
    source_room: int = LONGEST_CONVERSATION  # characters that may still be added to them
    uses: list[Birth] = field(default_factory=list)  # model calls that are no turn, written with the next step
    references: dict[str, str] = field(default_factory=dict)  # what models read in place of private values, and the values
    scrubbed: dict[str, str] = field(default_factory=dict)  # texts as models read them, where private values are kept from them
    purse: Purse | None = None  # what its own limits of tokens and cost leave; made with its first question
    asking: asyncio.Timeout | None = None  # the open model call, to be abandoned from outside

    @property
    def ref(self) -> str:
        """The short id that people use."""
        return f"S-{self.number}"

    @property
    def requester(self) -> int | None:
        """The human who started it himself; a service token's owner is only excluded."""
        return self.started_user if self.started_kind == "user" else None

    @property
    def stream(self) -> str:
        """The audit stream of this session."""
        return f"session:{self.ref}"

    @property
    def last(self) -> Pass | None:
        """The newest turn."""
        return next((item for item in reversed(self.items) if isinstance(item, Pass)), None)

    @property
    def unread(self) -> bool:
        """True if the model has not answered what came last."""
        last = self.items[-1]
        return isinstance(last, Said) or bool(last.calls)

    @property
    def spent(self) -> Spent:
        """What the limits are held against."""
        return Spent(
            turns=self.turns,
            tool_calls=self.tool_calls,
            tokens=self.input_tokens + self.output_tokens,
            cost_microusd=self.cost_microusd,
            active_s=self.active_ms / 1000,
            consecutive_errors=self.consecutive_errors,
        )

    def suspends(self, tier: str) -> Verdict | None:
        """What the agent's degradation says of calls of a tier while the session is not at its full."""
        rule = self.config.degradation
        return rule.suspended_calls if (self.mode or self.hindered) and tier in rule.suspended_tiers else None

    def calls(self) -> list[Call]:
        """All calls in order."""
        return [call for item in self.items if isinstance(item, Pass) for call in item.calls]

    def remember(self, call: Call) -> None:
        """Keep what later calls are compared with: done or unknown effects, and what a person refused."""
        if call.status in ("executing", "succeeded", "unknown", "resolved") and call.fingerprint:
            self.fingerprints[call.fingerprint] = call.id
        if call.status == "succeeded" and call.tier == "read_only" and call.fingerprint:
            self._supersede(self.read.get(call.fingerprint), call)
            self.read[call.fingerprint] = call
        if call.status == "rejected":
            wish = aim(json.loads(call.arguments)) if call.arguments else Aim()
            self.refused.append(Refused(call.key, call.tool, call.fingerprint, wish, call.request_id))

    def _supersede(self, earlier: Call | None, later: Call) -> None:
        """What was read once more is told of in one line where it stood first."""
        if earlier is None or earlier is later:
            return
        earlier.superseded = later.key
        for item in self.items:
            if isinstance(item, Pass) and item.number == earlier.turn:
                item.rendered = None

    def mark(self, sources: Iterable[Mapping[str, str]]) -> None:
        """Name on the session what untrusted content it has read."""
        for source in sources:
            mark = {name: source.get(name, "") for name in ("source", "title", "ref", "quote")}
            mark |= {name: source[name] for name in ("flags", "passage") if source.get(name)}
            known = {(taint["source"], taint["ref"]) for taint in self.taint}
            if (mark["source"], mark["ref"]) not in known and len(self.taint) < MAX_TAINT:
                self.taint = [*self.taint, mark]
