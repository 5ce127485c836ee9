"""A small table with a lifecycle, and entries to write: what the log's own tests move and record."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from django.db import connections, models
from hypothesis import settings

from audit.actors import SYSTEM, Actor
from audit.entry import Entry
from audit.events import EventKind
from audit.ids import uuid7
from audit.lifecycle import Lifecycle

# How long one example takes says nothing here: the machine is shared with the browser and the worker of other tests.
settings.register_profile("countersign", deadline=None)
settings.load_profile("countersign")

REMY = Actor("user", "7", "Remy")

LAMP = Lifecycle(
    model="audit.Lamp",
    start="dark",
    moves={
        ("dark", "light"): "lit",
        ("lit", "dim"): "lit",
        ("lit", "quench"): "dark",
        ("lit", "break"): "broken",
    },
)


class Lamp(models.Model):
    """A row with a status, a lease, a counter, a time, and text that may hold anything."""

    id = models.UUIDField(primary_key=True)
    status = models.TextField()
    owner = models.TextField(null=True)
    uses = models.BigIntegerField(db_default=0)
    due_at = models.DateTimeField(null=True)
    facts = models.JSONField(null=True)
    note = models.TextField(db_default="")
    data = models.BinaryField(null=True)

    objects: ClassVar[models.Manager["Lamp"]] = models.Manager()

    class Meta:
        app_label = "audit"
        db_table = "test_lamp"
        managed = False


class Wick(models.Model):
    """A row that belongs to a lamp and has no lifecycle; a lamp has one at a time."""

    id = models.UUIDField(primary_key=True)
    lamp = models.ForeignKey(Lamp, on_delete=models.CASCADE)
    burnt = models.BooleanField(db_default=False)

    objects: ClassVar[models.Manager["Wick"]] = models.Manager()

    class Meta:
        app_label = "audit"
        db_table = "test_wick"
        managed = False


@pytest.fixture
def lamps(fresh_database: Any) -> Iterator[Any]:
    """The tables of lamps and wicks in a database of this test's own."""
    with connections["owner"].schema_editor() as editor:
        editor.create_model(Lamp)
        editor.create_model(Wick)
    yield fresh_database
    connections["owner"].close()


def entry(stream: str = "session:S-1", **more: Any) -> Entry:
    """An entry that says nothing in particular."""
    return Entry(**{"stream": stream, "kind": EventKind.SESSION_RESUMED, "actor": SYSTEM, "facts": {}, **more})


def lamp(**values: Any) -> dict[str, Any]:
    """The values of a new lamp."""
    return {"id": uuid7(), **values}
