"""A change of a tool's definition is a deployment: a worker that starts notes it, with what differs from the one before."""

import json
from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from agents.models import ToolDefinition
from agents.tools import registry
from agents.tools.definitions import changes, definitions, document_of, note_definitions
from audit.ids import uuid7
from audit.models import AuditEntry

pytestmark = pytest.mark.django_db


def stored(**more: Any) -> None:
    """Let the newest definition of `calculate` be another one than what runs."""
    tool = registry.all_tools()["calculate"]
    document = {**document_of(tool), **more}
    ToolDefinition.objects.create(id=uuid7(), name="calculate", definition="0" * 64, document=document)


def test_a_first_start_notes_every_tool_and_a_second_one_nothing() -> None:
    """One row and one entry each."""
    names = {row.name for row in note_definitions()}
    assert names == set(registry.all_tools())
    assert note_definitions() == []
    entry = AuditEntry.objects.get(stream="tool:send_email", kind="tool.registered")
    assert json.loads(bytes(entry.body))["facts"]["definition"] == registry.all_tools()["send_email"].definition


def test_a_change_names_what_differs() -> None:
    """Tier, schema, template, description; `code` where nothing that is declared does."""
    stored(tier="reversible_write", summary="Reckon {expression}")
    (row,) = [row for row in note_definitions() if row.name == "calculate"]
    assert row.changed == ["summary", "tier"]
    assert [one.definition for one in definitions("calculate", 5)] == [row.definition, "0" * 64]
    assert changes(row.document, row.document) == ["code"]


def test_what_was_declared_cannot_be_changed_afterwards() -> None:
    """The database refuses it."""
    note_definitions()
    for change in (ToolDefinition.objects.all().delete, lambda: ToolDefinition.objects.update(name="other")):
        with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
            change()


def test_a_document_holds_all_that_is_declared() -> None:
    """Another tier, timeout or schema makes another document."""
    tool = registry.all_tools()["calculate"]
    assert changes(document_of(tool), document_of(replace(tool, timeout_s=99))) == ["timeout_s"]
