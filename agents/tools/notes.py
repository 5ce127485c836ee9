"""Publishing a note for everybody who may sign in. Keyed: the same call never publishes twice."""

from typing import Annotated, Any

from django.db import transaction
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agents.models.library import Note
from agents.tools.addresses import clean_line
from agents.tools.context import ToolContext
from agents.tools.registry import tool
from audit.entry import Entry
from audit.events import EventKind
from audit.services import record


class NewNote(BaseModel):
    """What is published."""

    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_line)]
    body: str = Field(min_length=1, max_length=20_000)


@tool(
    tier="irreversible_write",
    scopes=["notes:publish"],
    idempotent=True,
    timeout_s=15,
    summary="Publish the note “{title}”",
    consequence="Everybody can read it from then on; what was read cannot be made unread.",
)
def publish_note(args: NewNote, context: ToolContext) -> dict[str, Any]:
    """Publish a note for everybody in the organisation."""
    values = {"session_id": context.session_id, "title": args.title, "body": args.body, "author": context.agent}
    with transaction.atomic():
        note, made = Note.objects.get_or_create(key=context.idempotency_key, defaults=values)
        if made:
            facts = {"title": note.title, "key": note.key}
            record([Entry(f"note:{note.pk}", EventKind.NOTE_PUBLISHED, context.actor, facts, (context.session,))])
    return {"note": str(note.pk), "title": note.title, "published_at": note.published_at}
