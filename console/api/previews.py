"""Previews of prompts over the API: what a draft would give the model in a session that was. Nothing is asked, nothing stored."""

from typing import Annotated, Any

from ninja import Router, Schema
from pydantic import Field

from agents.prompts import versions
from agents.prompts.preview import Preview, preview
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import Body, SlugPath, Text, Word
from console.api.turns import MessageOut, message_shape
from console.auth import Caller
from console.covering import mask_of_session
from console.diff import line_diff
from console.readings import note_reading
from console.revealing import reveals_session
from console.rights import Right
from console.turns import covered

router = Router(tags=["prompts"])


class DraftToPreview(Body):
    """A draft, and the session to look at it in: the newest one, and its newest turn, where they are left out."""

    text: Text
    variables: dict[str, Any] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)
    parent: Annotated[Word, Field(max_length=80, description="The version it is made from; empty for the newest")] = ""
    session: Annotated[Word, Field(max_length=30)] = ""
    turn: Annotated[int, Field(ge=1, le=10**9)] | None = None


class PreviewOut(Schema):
    """What the model would be given. `messages` are those behind the system prompt; null if you may not read the session."""

    session: str
    turn: int
    model: str
    prompt_version_then: str
    system: str = Field(description="The system prompt, its variables filled in")
    lines: list[str] = Field(description="Lines of it that differ from what was sent then, with + or - before them")
    too_big: bool
    messages: list[MessageOut] | None
    same_messages: bool
    tokens: int = Field(description="Estimated, without the tools")
    tokens_then: int
    omitted: int
    omitted_then: int
    room: int = Field(description="Tokens that the context may have")
    window: int | None
    missing: list[str] = Field(description="Labels that the draft needs and the session has not")


@endpoint(
    router, "POST", "/prompts/{slug}/preview", right=Right.EDIT_PROMPTS, scope="prompts:read", answer=PreviewOut,
    refuses=(404, 413, 415, 422),
)  # fmt: skip
def preview_prompt(request: ApiRequest, slug: SlugPath, body: DraftToPreview) -> PreviewOut:
    """Show what a draft would give the model in a session that was, beside what was given then."""
    prompt = versions.prompt_named(slug)
    parent = versions.version_named(slug, body.parent) if body.parent else None
    draft = versions.drafted(prompt, parent, text=body.text, variables=body.variables, parameters=body.parameters)
    return _shape(request.auth, preview(prompt, draft, session=body.session, turn=body.turn))


def _shape(caller: Caller, found: Preview) -> PreviewOut:
    row, then, now = found.session, found.then, found.now
    revealed = reveals_session(caller, session_id=row.pk, started_user=row.started_user)
    if revealed and row.started_user != caller.user_id:
        note_reading(caller, [row.ref])
    mask, hiding = mask_of_session(row.pk)
    messages = [message_shape(one) for one in covered(now.messages, mask, hiding)[1:]] if revealed else None
    before, after = str(then.messages[0]["content"]), str(now.messages[0]["content"])
    diff = line_diff(before, after, context=0)
    marks = {"add": "+", "del": "-"}
    return PreviewOut(
        session=now.session, turn=now.turn, model=now.model, prompt_version_then=then.prompt_version, system=after,
        lines=[marks[line.kind] + "".join(part.text for part in line.segments) for line in diff.rows if line.kind in marks],
        too_big=diff.too_big, messages=messages, same_messages=then.messages[1:] == now.messages[1:], tokens=now.tokens,
        tokens_then=then.tokens, omitted=now.omitted, omitted_then=then.omitted, room=now.room, window=now.window,
        missing=list(now.missing),
    )  # fmt: skip
