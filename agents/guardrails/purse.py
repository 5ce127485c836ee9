"""What one session may still have its models count and cost, so that its own limits are never passed (GUARD-1). Pure.

A question is worth what it can use at most: the UTF-8 bytes of all that is sent, because no tokenizer makes more tokens
than that, and all of the output that it allows. Of a conversation that a server has counted before, only what came since is
taken by its bytes. What may have been counted without anybody learning of it is spent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.llm import tokens
from agents.llm.provider import Completion, Question

Chat = Mapping[str, Any]


@dataclass(slots=True)
class Counted:
    """A question that a model's server counted: what was sent, and how much it made of it."""

    model: str
    messages: Sequence[Chat]
    tools: Sequence[Mapping[str, Any]]
    tokens: int


@dataclass(slots=True)
class Pocket:
    """What a session may use of one thing, tokens or micro-dollars, and what it has used of it."""

    limit: int
    spent: int
    lost: int = 0  # of questions that may have been counted though no count came back
    held: int = 0  # of questions that are open

    @property
    def used(self) -> int:
        """What counts as used, without questions that are open."""
        return self.spent + self.lost

    @property
    def left(self) -> int:
        """What the next question may use at most."""
        return max(0, self.limit - self.used - self.held)


@dataclass(slots=True)
class Purse:
    """A session's tokens and its money, as the worker that runs it knows; the row is written with each step."""

    tokens: Pocket
    cost: Pocket
    last: Counted | None = field(default=None, repr=False)

    def hold(self, tokens: int, cost: int) -> None:
        """Hold what an open question may use; negative numbers give it back."""
        self.tokens.held += tokens
        self.cost.held += cost

    def lose(self, tokens: int, cost: int) -> None:
        """Take as used what may have been counted without anybody learning of it."""
        self.tokens.lost += tokens
        self.cost.lost += cost

    def learn(self, question: Question, answer: Completion, cost: int) -> None:
        """A question was answered at this cost: it is spent, and what is sent again with the next one is known."""
        self.tokens.spent += answer.usage.input_tokens + answer.usage.output_tokens
        self.cost.spent += cost
        self.last = None
        if not answer.usage.estimated:
            self.last = Counted(question.model, list(question.messages), question.tools, answer.usage.input_tokens)


def worst(question: Question, made: int, last: Counted | None) -> int:
    """Return how many tokens a question can use at most.

    Args:
        question: what is asked.
        made: the output that it may have.
        last: the question before it, where its server counted it.
    """
    if last is None or last.model != question.model or list(last.tools) != list(question.tools):
        return tokens.most_request(question.messages, question.tools) + made
    new = _new(question.messages, last.messages)
    if len(new) * 2 > len(question.messages):
        return tokens.most_request(question.messages, question.tools) + made
    return last.tokens + tokens.most_request(new) + made


def _new(messages: Sequence[Chat], known: Sequence[Chat]) -> list[Chat]:
    """The messages that were not sent before. Told by what they are where they begin alike, then by which objects they are:
    looking at a long conversation must not cost more with each of its turns.
    """
    same = 0
    for message, old in zip(messages, known, strict=False):
        if message is not old and message != old:
            break
        same += 1
    left = {id(old) for old in known[same:]}
    new = []
    for message in messages[same:]:
        if id(message) in left:
            left.remove(id(message))
        else:
            new.append(message)
    return new
