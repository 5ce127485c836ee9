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
