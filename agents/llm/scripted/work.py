"""PURE: where a request stands: what was asked, what was found, which attempts each action has had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from agents.llm.scripted.actions import Action
from agents.llm.scripted.conversation import Conversation, Exchange
from agents.llm.scripted.library import Source, sources
from agents.llm.scripted.outcomes import Outcome, outcome_of
from agents.llm.scripted.request import Request, read_request
from agents.llm.scripted.revise import revised, topic_in

SEARCH, READ = "search_documents", "read_document"
WRITING = frozenset({"send_email", "publish_note", "draft_message", "write_file", "delete_document", "remember"})
NEEDS_CONTENT = frozenset({"send_email", "publish_note", "draft_message", "write_file"})
MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Step:
    """One action of the request, the attempts it has had, and its details as reviewers changed them."""

    action: Action
    attempts: tuple[Exchange, ...]
    previous: Action
    revised: Action
    again: bool

    @property
    def outcome(self) -> Outcome | None:
        """What became of the last attempt; None before the first."""
        return outcome_of(self.attempts[-1]) if self.attempts else None

    @property
    def settled(self) -> bool:
        """Whether nothing more is to be tried."""
        return bool(self.attempts) and not self.again


@dataclass(frozen=True)
class Work:
    """A conversation and the request that is open in it."""

    conversation: Conversation

    @cached_property
    def request(self) -> Request:
        """What the unanswered messages ask for."""
        return read_request(self.conversation.open_requests or self.conversation.user_texts[-1:])

    @cached_property
    def steps(self) -> list[Step]:
        """The actions, those that only inform first, each with its own attempts."""
        left = list(self.conversation.open_exchanges)
        ordered = sorted(self.request.actions, key=lambda action: action.tool in WRITING)
        return [_step(action, left) for action in ordered]

    @cached_property
    def topics(self) -> list[str]:
        """What is to be looked up: the request's own topic, and what reviewers asked to read first."""
        wanted = [self.request.topic] if self.request.topic else []
        for exchange in self.conversation.open_exchanges:
            outcome = outcome_of(exchange) if exchange.name in WRITING else None
            topic = topic_in(outcome.instruction) if outcome and outcome.kind == "rejected" else ""
            wanted += [topic] if topic and topic not in wanted else []
        return wanted

    @cached_property
    def about(self) -> str:
        """The topic to write about: this request's, else the last one that had any."""
        if self.topics:
            return " ".join(self.topics)
        earlier = (read_request([text]).topic for text in reversed(self.conversation.user_texts))
        return next((topic for topic in earlier if topic), "")

    @cached_property
    def subject_words(self) -> str:
        """The topic in the person's own words, for subjects and first sentences."""
        return self.request.topic or self.about

    @cached_property
    def sources(self) -> list[Source]:
        """What was read for this request; for one that only points back, what was read before."""
        fresh = sources(_reading(self.conversation.open_exchanges))
        if fresh or self.topics:
            return fresh
        return self._read_before

    @cached_property
    def _read_before(self) -> list[Source]:
        """What was read for the last request that anything was read for."""
        groups: dict[int, list[Exchange]] = {}
        ends = [
            index
            for index, message in enumerate(self.conversation.messages)
            if message.get("role") == "assistant" and not message.get("tool_calls")
        ]
        for exchange in _reading(self.conversation.exchanges):
            groups.setdefault(sum(end < exchange.turn for end in ends), []).append(exchange)
        found = (sources(groups[number]) for number in sorted(groups, reverse=True))
        return next((group for group in found if group), [])

    def has(self, tool: str) -> bool:
        """Whether the agent was given this tool."""
        return tool in self.conversation.tools

    def searches(self) -> Iterator[Exchange]:
        """Yield all searches of the conversation, newest first."""
        return (exchange for exchange in reversed(self.conversation.exchanges) if exchange.name == SEARCH)


def _reading(exchanges: list[Exchange]) -> list[Exchange]:
    return [item for item in exchanges if item.name in (READ, "fetch_url", "read_file", "summarise_document")]


def _step(action: Action, left: list[Exchange]) -> Step:
    """Take this action's attempts out of what is left, following each rejection's instruction."""
    attempts: list[Exchange] = []
    previous, current, again = action, action, True
    while again:
        position = next((index for index, item in enumerate(left) if item.name == action.tool), None)
        if position is None:
            break
        attempts.append(left.pop(position))
        previous = current
        current, again = _after(current, outcome_of(attempts[-1]), len(attempts))
    return Step(action, tuple(attempts), previous, current, again)


def _after(action: Action, outcome: Outcome, attempts: int) -> tuple[Action, bool]:
    """Return the action to try next, and whether to try at all."""
    if outcome.kind != "rejected" or attempts >= MOST_ATTEMPTS:
        return action, False
    details = revised(action.details, outcome.instruction)
    return (action, False) if details is None else (Action(action.tool, details), True)
