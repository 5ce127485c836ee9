"""What a draft would give the model in a session that was: the context of one of its turns, with the draft in it (PROMPT-1).

Nothing is asked, nothing is stored. Beside it stands what was given then, so that the difference is the draft's alone.
"""

from dataclasses import dataclass

from agents import replay, services
from agents.errors import BadText, UnknownSession
from agents.models import AgentRevision, Prompt, Session
from agents.prompts.versions import Draft, bad_version
from agents.replay import Given, Worded


@dataclass(frozen=True, slots=True)
class Preview:
    """A turn of a session as it was given, and as it would be."""

    session: Session
    then: Given
    now: Given


def preview(prompt: Prompt, draft: Draft, *, session: str = "", turn: int | None = None) -> Preview:
    """Return what a draft would give the model.

    Args:
        prompt: whose draft it is.
        draft: checked; see `agents.prompts.versions.drafted`.
        session: such as `S-88123`; empty for the newest one of an agent that uses the prompt.
        turn: which turn; the newest where it is left out.

    Raises:
        BadPromptVersion: the draft cannot be used yet.
        BadText: `session` names none that ran with this prompt and has a turn; UnknownTurn for another `turn`.
    """
    if draft.errors:
        raise bad_version(draft.errors)
    row = _named(prompt, session.strip()) if session.strip() else _newest(prompt)
    asked = replay.turn_of(row, turn)
    worded = Worded(draft.text, draft.variables, draft.parameters, f"{prompt.slug} {draft.proposed}")
    return Preview(row, replay.given(asked), replay.given_with(asked, worded))


def _named(prompt: Prompt, ref: str) -> Session:
    try:
        row = services.get_session(ref)
    except UnknownSession as error:
        raise BadText(field="session", reason="names no session; it is written as S-88123") from error
    if row.prompt_version.prompt_id != prompt.pk:
        raise BadText(field="session", reason=f"names one that runs with the prompt {row.prompt_version.prompt.slug}")
    if not row.turns:
        raise BadText(field="session", reason="names one in which no model has answered yet")
    return row


def _newest(prompt: Prompt) -> Session:
    agents = AgentRevision.objects.filter(current=True, document__prompt=prompt.slug).values("agent")
    rows = Session.objects.select_related("agent", "revision", "prompt_version__prompt").filter(agent__in=agents, turns__gt=0)
    found = rows.filter(prompt_version__prompt=prompt).order_by("-number").first()
    if found is None:
        raise BadText(field="session", reason="names none, and no session has run with this prompt yet")
    return found
