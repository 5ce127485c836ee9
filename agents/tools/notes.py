"""Publishing a note for everybody who may sign in. Keyed: the same call never publishes twice."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agents.models.library import Note
from agents.tools.addresses import clean_line
from agents.tools.context import ToolContext
from agents.tools.registry import tool


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
    note, _ = Note.objects.get_or_create(key=context.idempotency_key, defaults=values)
    return {"note": str(note.pk), "title": note.title, "published_at": note.published_at}
