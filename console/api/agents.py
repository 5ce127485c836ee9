"""Agents over the API: their configuration documents."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from ninja import Query, Router, Schema

from agents import queries, services
from agents.config import AgentConfig, Slug
from agents.errors import BadAgent, UnknownAgent
from agents.models import AgentRevision
from agents.tools import registry
from approvals import tiers
from approvals.facts import Tier
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import SlugPath
from console.rights import Right

router = Router(tags=["agents"])


class GrantedTool(Schema):
    """A tool that the agent may plan; `tier` is the one that counts now, null where there is no such tool."""

    name: str
    tier: Tier | None
    enabled: bool


class AgentOut(Schema):
    """An agent: its current document, what it is granted, and the live version of its prompt."""

    slug: str
    revision: int
    document: AgentConfig
    tools: list[GrantedTool]
    prompt: str
    prompt_version: str | None
    created_by: str
    created_at: datetime


class AgentDocument(AgentConfig):
    """An agent's document as it is sent: the address says whose it is."""

    slug: Literal[""] | Slug = ""  # wider than the stored one, on purpose


class AgentPage(Schema):
    """A page of agents, by slug."""

    items: list[AgentOut]
    next_cursor: str | None


@endpoint(router, "GET", "/agents", right=Right.SEE, scope="agents:read", answer=AgentPage, refuses=(422,))
def list_agents(request: ApiRequest, page: Query[Paged]) -> AgentPage:
    """List agents, by slug."""
    key = decode("agents", page.cursor)
    found = [row for row in queries.agents() if key is None or row.agent.slug > key[0]]
    following = [found[page.limit - 1].agent.slug] if len(found) > page.limit else None
    return AgentPage(items=_shapes(found[: page.limit]), next_cursor=encode("agents", following))


@endpoint(router, "GET", "/agents/{slug}", right=Right.SEE, scope="agents:read", answer=AgentOut, refuses=(404, 422))
def get_agent(request: ApiRequest, slug: SlugPath) -> AgentOut:
    """Return one agent."""
    return _agent(slug)


@endpoint(
    router, "PUT", "/agents/{slug}", right=Right.ADMINISTER, scope="agents:write", answer=AgentOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def put_agent(request: ApiRequest, slug: SlugPath, body: AgentDocument) -> AgentOut:
    """Make an agent, or its next revision. Sessions that run stay with theirs. `slug` may be left out: the address has it."""
    caller = request.auth
    if body.slug not in ("", slug):
        raise BadAgent(problem=f"its slug is {body.slug}, the address says {slug}; it can be left out")
    services.apply_agent({**body.model_dump(mode="json"), "slug": slug}, actor=caller.actor(), user_id=caller.user_id)
    return _agent(slug)


def _agent(slug: str) -> AgentOut:
    row = queries.agent(slug)
    if row is None:
        raise UnknownAgent(slug=slug)
    return _shapes([row])[0]


def _shapes(rows: list[AgentRevision]) -> list[AgentOut]:
    versions, settings = queries.live_versions(), tiers.settings()
    return [_shape(row, versions.get(row.document["prompt"]), settings) for row in rows]


def _shape(row: AgentRevision, version: str | None, settings: Mapping[str, tiers.Setting]) -> AgentOut:
    document = queries.config_of(row)
    return AgentOut(
        slug=row.agent.slug,
        revision=row.number,
        document=document,
        tools=[_granted(name, settings) for name in document.tools],
        prompt=document.prompt,
        prompt_version=version,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def _granted(name: str, settings: Mapping[str, tiers.Setting]) -> GrantedTool:
    tool = registry.get(name)
    if tool is None:
        return GrantedTool(name=name, tier=None, enabled=False)
    tier, enabled = tiers.effective(name, tool.tier, settings)
    return GrantedTool(name=name, tier=tier, enabled=enabled)
