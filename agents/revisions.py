"""The revisions of an agent's configuration: listing them, and making an earlier one current again."""

from django.db import transaction

from agents.agents import apply_agent
from agents.errors import BadText, StaleAgent, UnknownAgent, UnknownAgentRevision
from agents.models import Agent, AgentRevision
from audit.actors import Actor

NOTE_CHARACTERS = range(3, 501)


def revisions(slug: str, limit: int, *, before: int | None = None) -> list[AgentRevision]:
    """Return revisions of an agent, the newest first; `before` is the number of the last one seen. Raises UnknownAgent."""
    agent = Agent.objects.filter(slug=slug).first()
    if agent is None:
        raise UnknownAgent(slug=slug[:63])
    rows = AgentRevision.objects.filter(agent=agent).order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=before)
    return list(rows[:limit])


def revision(slug: str, number: int) -> AgentRevision:
    """Return one revision with its agent. Raises UnknownAgentRevision."""
    row = AgentRevision.objects.select_related("agent").filter(agent__slug=slug, number=number).first()
    if row is None:
        raise UnknownAgentRevision(slug=slug[:63], number=number)
    return row


@transaction.atomic
def restore(*, slug: str, number: int, base: int | None, note: str, actor: Actor) -> AgentRevision:
    """Make the document of an earlier revision current, as a new revision; sessions that run stay with theirs.

    Args:
        slug, number: whose revision, and which.
        base: the current revision that was shown, to be compared; None compares nothing.
        note: why, in 3 to 500 characters.
        actor: who does it.

    Raises:
        UnknownAgent, UnknownAgentRevision, StaleAgent; BadText for a note, or a revision that is current in all it says;
        BadAgent where what it names is not there any more.
    """
    agent = Agent.objects.select_for_update().filter(slug=slug).first()
    if agent is None:
        raise UnknownAgent(slug=slug[:63])
    earlier, current = revision(slug, number), agent.revisions.get(current=True)
    if base is not None and base != current.number:
        raise StaleAgent(slug=slug, number=current.number, by=current.created_by)
    if len(note.strip()) not in NOTE_CHARACTERS:
        raise BadText(field="note", reason="says why, in 3 to 500 characters")
    if earlier.checksum == current.checksum:
        raise BadText(field="number", reason=f"names a revision that says what the current one, {current.number}, says")
    return apply_agent(earlier.document, actor=actor, note=note.strip())
