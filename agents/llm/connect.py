"""Makes the provider that this installation's settings describe.

Scripted models are always asked at the scripted server where one runs, every other model at the
configured address: an installation with a real provider keeps the demo's agents working.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.utils.module_loading import import_string

from agents.llm.places import place
from agents.llm.provider import Completion, Provider, Question, Unauthorized

SCRIPTED_PREFIX = "scripted-"


def connect() -> Provider:
    """Return a provider for this process's event loop; the caller closes it."""
    provider = import_string("agents.llm.openai.OpenAIProvider")  # by name: a third of a second, for those alone who connect
    scripted, configured = settings.SCRIPTED_URL, _configured()
    return RoutedProvider(
        scripted=provider(scripted, use_aiohttp=settings.OPENAI_AIOHTTP) if scripted else None,
        other=provider(configured, settings.OPENAI_API_KEY, use_aiohttp=settings.OPENAI_AIOHTTP)
        if configured and configured != scripted
        else None,
    )


def addresses() -> list[str]:
    """Return the servers that this installation's settings name, as people know them."""
    return [one for one in dict.fromkeys((address_of("any"), address_of(SCRIPTED_PREFIX))) if one]


def address_of(model: str) -> str:
    """Return the server that has a model by this installation's settings, as people know it; empty where none is configured."""
    configured = _configured()
    scripted = model.startswith(SCRIPTED_PREFIX)
    url = (settings.SCRIPTED_URL or configured) if scripted else (configured or settings.SCRIPTED_URL)
    return place(url) if url else ""


def _configured() -> str:
    return settings.OPENAI_BASE_URL or ("https://api.openai.com/v1" if settings.OPENAI_API_KEY else "")


class RoutedProvider:
    """Sends each question to the server that has its model; with one server, everything goes there."""

    def __init__(self, *, scripted: Provider | None, other: Provider | None) -> None:
        """Take the two servers; either may be missing."""
        self._scripted = scripted
        self._other = other

    async def complete(self, question: Question, *, on_delta: Callable[[str], None] | None = None) -> Completion:
        """Ask the right server once; see `agents.llm.provider.Provider`."""
        provider = self._of(question.model)
        if provider is None:
            raise Unauthorized("no model provider is configured; set OPENAI_BASE_URL or OPENAI_API_KEY")
        return await provider.complete(question, on_delta=on_delta)

    def address(self, model: str) -> str:
        """Return the server that has a model, as people know it."""
        says = getattr(self._of(model), "address", None)
        return str(says(model)) if says else ""

    def _of(self, model: str) -> Provider | None:
        if model.startswith(SCRIPTED_PREFIX):
            return self._scripted or self._other
        return self._other or self._scripted

    async def aclose(self) -> None:
        """Close both."""
        for provider in (self._scripted, self._other):
            if provider is not None:
                await provider.aclose()
