"""The history of a tool's definition on its page and over the API."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import ToolDefinition
from agents.tools import registry
from agents.tools.definitions import document_of, note_definitions
from audit.ids import uuid7
from tests.console.api.calls import Program, refused

SignedIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _history(db: None) -> None:
    """`calculate` had another tier before."""
    document = {**document_of(registry.all_tools()["calculate"]), "tier": "reversible_write"}
    ToolDefinition.objects.create(id=uuid7(), name="calculate", definition="0" * 64, document=document)
    note_definitions()


def test_a_tool_s_page_shows_what_changed(vic: User, signed_in: SignedIn) -> None:
    """A definition opens with its difference; the settings that people made stand apart."""
    client = signed_in(vic)
    whole = client.get("/tools/calculate/").content.decode()
    now = registry.all_tools()["calculate"].definition[:16]
    assert f"?definition={now}" in whole
    assert "First seen" in whole
    assert "tool.registered" not in whole
    opened = client.get(f"/tools/calculate/?definition={now}").content.decode()
    assert "What changed in the definition" in opened
    assert "reversible_write" in opened


def test_the_api_lists_definitions_page_by_page(vic: User) -> None:
    """Newest first."""
    program = Program(vic)
    first = program.get("/tools/calculate/definitions?limit=1").json()
    assert [row["changed"] for row in first["items"]] == [["tier"]]
    second = program.get(f"/tools/calculate/definitions?limit=1&cursor={first['next_cursor']}").json()
    assert (second["items"][0]["definition"], second["next_cursor"]) == ("0" * 64, None)
    refused(program.get("/tools/nothing/definitions"), 404, "tool_not_found")


def test_the_api_compares_definitions(vic: User) -> None:
    """As agents' revisions: with the one before, or any other of the tool, by whole hash or its beginning."""
    program = Program(vic)
    now = registry.all_tools()["calculate"].definition
    told = program.get(f"/tools/calculate/definitions/{now[:16]}/difference").json()
    assert (told["definition"], told["against"], told["changed"]) == (now, "0" * 64, ["tier"])
    assert (told["added"], told["removed"], told["too_big"]) == (1, 1, False)
    assert [line[0] for line in told["lines"]] == ["-", "+"]
    assert "reversible_write" in told["lines"][0]
    back = program.get(f"/tools/calculate/definitions/{'0' * 64}/difference?against={now}").json()
    assert (back["changed"], back["lines"][0][0]) == (["tier"], "-")
    first = program.get(f"/tools/calculate/definitions/{'0' * 64}/difference").json()
    assert (first["against"], first["changed"], first["lines"]) == ("0" * 64, [], [])
    refused(program.get(f"/tools/calculate/definitions/{'1' * 16}/difference"), 404, "unknown_definition")
    refused(program.get(f"/tools/calculate/definitions/{now}/difference?against=zero"), 422, "invalid_request")
    refused(program.get(f"/tools/nothing/definitions/{now}/difference"), 404, "tool_not_found")
