"""The one door to a model: whoever asks one, the loop or a tool, says for whom, and passes the tolls.

A toll is what must be had before the question is sent and is settled after it, whatever came of it: a breaker's
permit, a place in the rate, money. Each is an asynchronous context: it raises a `ModelError` where the question may not
be sent, and sees on its way out the completion, the error, or that the call was abandoned. The first toll is the
outermost. No toll holds a transaction or a connection while the model is waited for.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from agents.guardrails.purse import Purse
from agents.llm.places import Placed
from agents.llm.provider import Completion, Provider, Question


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks a model: what the call is attributed to.

    `session` is the row's id, `ref` the short id that people use; `purpose` is `plan` or the name of a tool. `begun` is
    false until the session has had its first answer; until then `priority` says whether it may wait. `patience_s` is how
    long its question may wait for a place in a rate, `purse` what its own limits of tokens and cost leave.
    """

    session: UUID
    ref: str
    agent: str
    tenant: str = ""
    feature: str = ""
    prompt_version: str = ""
    purpose: str = "plan"
    priority: str | None = None
    begun: bool = True
    patience_s: float = 900.0
    purse: Purse | None = None


@dataclass(slots=True)
class Asking:
    """One question on its way through the door, as the tolls left it; `completion` is set once the model has answered."""

    question: Question
    caller: Caller
    address: str = ""  # of the server that has the model
    completion: Completion | None = None
    waited_s: float = 0.0  # for a place in a rate
    sent: bool = False  # from the moment in which it may have cost something


class Toll(Protocol):
    """Something that must be had before a model is asked."""

    def __call__(self, asking: Asking) -> AbstractAsyncContextManager[None]:
        """Return the context in which the question may be sent.

        Raises, on entering:
            ModelError: it may not be sent now.
        """
        ...


class Door:
    """The provider behind its tolls; one per worker."""

    def __init__(self, provider: Provider, tolls: Sequence[Toll] = ()) -> None:
        """Take the provider and the tolls in the order in which they are passed."""
        self._provider = provider
        self._tolls = tuple(tolls)
        self._address = provider.address if isinstance(provider, Placed) else _nowhere  # looked at once: that takes long

    def of(self, caller: Caller) -> Provider:
        """Return the provider as this caller may use it."""
        return _Admitted(self._provider, self._tolls, self._address, caller) if self._tolls else self._provider

    def address(self, model: str) -> str:
        """Return the server that has a model; empty where the provider does not say."""
        return self._address(model)

    async def aclose(self) -> None:
        """Give the provider's connections back."""
        await self._provider.aclose()


class _Admitted:
    """A provider whose every question passes the tolls in a caller's name."""

    def __init__(self, provider: Provider, tolls: tuple[Toll, ...], address: Callable[[str], str], caller: Caller) -> None:
        self._provider = provider
        self._tolls = tolls
        self._address = address
        self._caller = caller
        self.sent = False  # whether the question got past the tolls

    async def complete(self, question: Question, *, on_delta: Callable[[str], None] | None = None) -> Completion:
        """Pass the tolls, then ask once; see `agents.llm.provider.Provider`."""
        asking = Asking(question, self._caller, self._address(question.model))
        return await self._past(self._tolls, asking, on_delta)

    async def _past(self, tolls: tuple[Toll, ...], asking: Asking, on_delta: Callable[[str], None] | None) -> Completion:
        if tolls:
            async with tolls[0](asking):
                return await self._past(tolls[1:], asking, on_delta)
        asking.sent = self.sent = True
        answer = await self._provider.complete(asking.question, on_delta=on_delta)
        asking.completion = replace(answer, waited_ms=round(asking.waited_s * 1000)) if asking.waited_s else answer
        return asking.completion

    async def aclose(self) -> None:
        """Nothing: the provider belongs to the worker."""


def _nowhere(_model: str) -> str:
    return ""
