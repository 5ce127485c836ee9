"""Tools over the API: what there is, with which tier, and an operator's levers."""

from typing import Annotated, Any, cast

from ninja import Router, Schema
from pydantic import Field, model_validator

from agents.tools import registry
from agents.tools.definition import Tool
from approvals import tiers
from approvals.errors import UnknownTool
from approvals.facts import Tier
from approvals.models import ToolSetting
from audit.index import index_soon
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import Body, Sentence, ToolPath
from console.rights import Right

router = Router(tags=["tools"])


class ToolOut(Schema):
    """A tool: `tier` is the one that counts now, `declared_tier` its own."""

    name: str
    description: str
    tier: Tier
    declared_tier: Tier
    enabled: bool
    egress: bool
    scopes: list[str]
    idempotent: bool | None
    timeout_s: float
    concurrency: int | None
    rate_per_minute: int | None
    summary: str
    consequence: str
    untrusted: bool
    definition: str
    input_schema: dict[str, Any]
    reason: str
    changed_by: str
    revision: int


class Tools(Schema):
    """All tools, by name."""

    items: list[ToolOut]
    next_cursor: None = None


class ToolPatch(Body):
    """What to change of a tool, and why. `revision` is the one that you were shown, to be compared."""

    tier: Tier | None = None
    enabled: bool | None = None
    reason: Sentence
    revision: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "ToolPatch":
        if self.tier is None and self.enabled is None:
            raise ValueError("give a tier or whether the tool is enabled")
        return self


@endpoint(router, "GET", "/tools", right=Right.SEE, scope="tools:read", answer=Tools)
def list_tools(request: ApiRequest) -> Tools:
    """List all tools of this installation, by name."""
    rows = ToolSetting.objects.in_bulk()
    found = sorted(registry.all_tools().items())
    return Tools(items=[_shape(tool, rows.get(name)) for name, tool in found])


@endpoint(
    router, "PATCH", "/tools/{name}", right=Right.RESTRAIN, scope="tools:write", answer=ToolOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def set_tool(request: ApiRequest, name: ToolPath, body: ToolPatch) -> ToolOut:
    """Raise a tool's tier, or switch it off or on; lowering a tier needs an admin."""
    tool = registry.get(name)
    if tool is None:
        raise UnknownTool(name=name)
    caller = request.auth
    row = tiers.set_tool(
        name=name,
        declared=tool.tier,
        person=caller.person(),
        actor=caller.actor(),
        reason=body.reason,
        tier=body.tier,
        enabled=body.enabled,
        revision=body.revision,
    )
    index_soon()
    return _shape(tool, row)


def _shape(tool: Tool, row: ToolSetting | None) -> ToolOut:
    names = ("name", "description", "egress", "idempotent", "timeout_s", "concurrency", "rate_per_minute", "summary",
             "consequence", "untrusted", "definition")  # fmt: skip
    return ToolOut(
        **{name: getattr(tool, name) for name in names},
        tier=cast(Tier, row.tier) if row and row.tier else tool.tier,
        declared_tier=tool.tier,
        enabled=row.enabled if row else True,
        scopes=sorted(tool.scopes),
        input_schema=dict(tool.schema),
        reason=row.reason if row else "",
        changed_by=row.changed_by if row else "",
        revision=row.revision if row else 0,
    )
