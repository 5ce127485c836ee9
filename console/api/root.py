"""The API as one object: its nouns, its strict parser, its table of errors."""

from typing import Any

from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.renderers import BaseRenderer
from pydantic_core import to_json

from console.api import (
    agent_revisions,
    agents,
    agreement,
    alarms,
    approvals,
    audit,
    audit_searches,
    audit_sessions,
    breakers,
    budgets,
    calls,
    checkpoints,
    claims,
    controls,
    covers,
    dead_letters,
    definitions,
    errors,
    eval_runs,
    evals,
    events,
    exports,
    glass,
    grading,
    grading_rules,
    guards,
    inlets,
    life,
    limits,
    many,
    measures,
    memories,
    overview,
    plans,
    policies,
    previews,
    prompts,
    pushes,
    queue,
    releases,
    reruns,
    retention,
    schedules,
    sessions,
    standing,
    stops,
    tokens,
    tools,
    turns,
    verifications,
    webhooks,
)
from console.api.reading import StrictParser


class Renderer(BaseRenderer):
    """Writes answers as pydantic does everywhere else here: times to the microsecond, in UTC."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """Return the bytes of an answer."""
        return to_json(data)


api = NinjaAPI(
    title="Countersign",
    version="1",
    description="Agents propose, people countersign, the log proves it.",
    urls_namespace="api",
    docs_url=None,
    openapi_url=None,
    parser=StrictParser(),
    renderer=Renderer(),
)
# Fixed addresses come before those that hold an id.
for _noun in (
    overview, agents, agent_revisions, schedules, inlets, sessions, turns, calls, webhooks, dead_letters, queue, many, approvals,
    claims, covers, standing, glass, stops, breakers, limits, tools, definitions, memories, policies, measures, controls,
    budgets, prompts, previews, releases, plans, guards, evals, eval_runs, grading_rules, grading, life, reruns, audit,
    audit_searches, audit_sessions, verifications, checkpoints, agreement, exports, retention, pushes, alarms, tokens, events,
):  # fmt: skip
    api.add_router("", _noun.router)
errors.install(api)
