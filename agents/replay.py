"""What a model was given for a turn of the past, from rows alone (LOOP-16): assembled once more by what stood before it.

The same reading and the same assembly as in life, of the rows that came before the turn and with the version of the prompt
that it says it ran with. Not in rows, and so not told: a last line about tools that could not be had at that moment, and
whether a model had turned out to hold less than its window says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents import fallback
from agents.context import Context
from agents.errors import UnknownSession, UnknownTurn
from agents.fitting import Offered, fitted, room
from agents.llm.windows import window
from agents.loading import load_before
from agents.models import PromptVersion, Session, Turn
from agents.prompts.variables import missing, rendered
from agents.scrubbing import as_read
from agents.state import State
from agents.tools import registry

LABELS = ("agent", "environment", "task_type", "tenant", "feature")
"""What of a session a prompt's variables may stand for."""


@dataclass(frozen=True, slots=True)
class Given:
    """What one model was given: its messages in order, and how much of its room they take."""

    session: str
    turn: int
    model: str
    prompt_version: str
    messages: Sequence[Mapping[str, Any]]
    tokens: int  # estimated, without the tools
    omitted: int  # steps left out for length
    room: int  # tokens that the context may have
    window: int | None  # of the model, where it is known
    tools: tuple[str, ...]  # that the agent is granted for the task type
    missing: tuple[str, ...] = ()  # labels that the prompt's variables need and the session has not


@dataclass(frozen=True, slots=True)
class Worded:
    """A prompt's text with what it declares, saved or not."""

    text: str
    variables: Mapping[str, Mapping[str, Any]]
    parameters: dict[str, Any]
    version: str


def turn_of(session: Session, number: int | None) -> Turn:
    """Return a turn by its number, or the newest. Raises UnknownTurn."""
    rows = Turn.objects.filter(session=session)
    found = rows.filter(number=number).first() if number else rows.order_by("-index").first()
    if found is None:
        raise UnknownTurn(ref=session.ref, number=number or 1)
    return found


def turns_of(session: Session, *, first: int, limit: int) -> list[Turn]:
    """Return turns in order, from the number `first` on."""
    return list(Turn.objects.filter(session=session, number__gte=first).order_by("number")[:limit])


def given(turn: Turn) -> Given:
    """Return what the model was given for a turn. Raises UnknownSession where the session is gone."""
    slug, _, version = turn.prompt_version.partition(" ")
    row = PromptVersion.objects.filter(prompt__slug=slug, version=version).first()
    worded = Worded(row.text, row.variables, row.parameters, turn.prompt_version) if row else None
    return given_with(turn, worded)


def given_with(turn: Turn, worded: Worded | None) -> Given:
    """Return what the model would be given for a turn with another prompt; nothing is asked and nothing stored."""
    state = _before(turn.session_id, turn.index)
    labels = {name: getattr(state, name) for name in LABELS}
    if worded is not None:
        state.prompt = rendered(worded.text, worded.variables, labels)
        state.parameters, state.prompt_version = worded.parameters, worded.version
    model = turn.model if turn.instead_of else fallback.first(state)
    tools = _granted(state)
    prepared = fitted(state, Offered([registry.all_tools()[name].offer for name in tools]), model)
    return _told(state, turn, model, prepared.context, tools, worded, labels)


def _before(session_id: UUID, index: int) -> State:
    state = load_before(session_id, index)
    if state is None:
        raise UnknownSession(ref=str(session_id))
    return state


def _told(
    state: State, turn: Turn, model: str, context: Context, tools: tuple[str, ...], worded: Worded | None, labels: Mapping[str, Any]
) -> Given:  # fmt: skip
    shapes = [registry.all_tools()[name].offer for name in tools]
    return Given(
        session=state.ref,
        turn=turn.number,
        model=model,
        prompt_version=state.prompt_version,
        messages=[as_read(state, message) for message in context.messages] if state.config.scrub else context.messages,
        tokens=context.tokens,
        omitted=context.omitted,
        room=room(state, model, shapes),
        window=window(model),
        tools=tools,
        missing=tuple(missing(worded.variables, labels)) if worded else (),
    )


def _granted(state: State) -> tuple[str, ...]:
    scopes = state.config.scopes(state.task_type)
    known = registry.all_tools()
    return tuple(name for name in state.config.tools if name in known and known[name].scopes <= scopes)
