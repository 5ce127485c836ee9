"""What schedules and inlets share: each starts sessions of an agent by itself, under a principal of its own (OPS-6)."""

from urllib.parse import urlsplit

from django.db import connection

from agents.errors import BadText, UnknownAgent
from agents.models import AgentRevision
from agents.queries import agent as current_revision
from agents.tools import egress
from audit.actors import Actor


def checked_agent(agent: str, task_type: str) -> AgentRevision:
    """The current revision of an agent that has this task type. Raises UnknownAgent, BadText."""
    revision = current_revision(agent)
    if revision is None:
        raise UnknownAgent(slug=agent[:63])
    if task_type not in revision.document["task_types"]:
        raise BadText(field="task_type", reason=f"is none of {', '.join(sorted(revision.document['task_types']))}")
    return revision


def checked_webhook(url: str) -> str:
    """The address of the program that is told of the sessions, or nothing. Raises BadText."""
    if url and (wrong := egress.refused_webhook(url)):
        raise BadText(field="webhook_url", reason=wrong)
    return url


def told_of_webhook(url: str) -> str:
    """What an entry says of such an address: its host, for the rest of it may be a secret."""
    return urlsplit(url).hostname or ""


def one_at_a_time(kind: str) -> None:
    """Let two of one name not be made at once, until the transaction ends; `kind` is schedules or inlets."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('countersign.' || %s))", [kind])


def principal(kind: str, name: str) -> Actor:
    """Who acts in what a schedule or an inlet starts."""
    return Actor("system", f"{kind}:{name}", name)
