"""Which server is asked for which model."""

import asyncio
from collections.abc import Callable

import pytest
from pytest_django import Settings

from agents.llm.connect import RoutedProvider, connect
from agents.llm.provider import BadRequest, Completion, Question, Usage
from tests.agents.llm.conftest import ScriptedServer, say


class Named:
    """A provider that answers with its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False

    async def complete(self, question: Question, *, on_delta: Callable[[str], None] | None = None) -> Completion:
        return Completion(self.name, (), "stop", Usage(0, 0), question.model, "", 0, None)

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("scripted", "other", "model", "asked"),
    [
        (True, True, "scripted-1", "scripted"),
        (True, True, "gpt-4o", "other"),
        (True, False, "gpt-4o", "scripted"),
        (False, True, "scripted-1", "other"),
    ],
)
def test_scripted_models_are_asked_at_the_scripted_server(scripted: bool, other: bool, model: str, asked: str) -> None:
    provider = RoutedProvider(scripted=Named("scripted") if scripted else None, other=Named("other") if other else None)
    assert asyncio.run(provider.complete(say("x", model=model))).text == asked


def test_without_any_server_the_error_says_what_to_set() -> None:
    with pytest.raises(BadRequest, match="OPENAI_BASE_URL"):
        asyncio.run(RoutedProvider(scripted=None, other=None).complete(say("x")))


def test_closing_closes_both() -> None:
    one, two = Named("one"), Named("two")
    asyncio.run(RoutedProvider(scripted=one, other=two).aclose())
    assert (one.closed, two.closed) == (True, True)


@pytest.mark.parametrize("suffix", ["/v1", ""])
def test_the_settings_lead_to_the_scripted_server(settings: Settings, scripted: ScriptedServer, suffix: str) -> None:
    settings.SCRIPTED_URL = settings.OPENAI_BASE_URL = scripted.url + suffix
    settings.OPENAI_API_KEY = ""

    async def scene() -> str:
        provider = connect()
        try:
            return (await provider.complete(say("scenario: prose"))).text
        finally:
            await provider.aclose()

    assert "all I say" in asyncio.run(scene())
