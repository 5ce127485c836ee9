"""The API as one object: its nouns, its strict parser, its table of errors."""

from ninja import NinjaAPI

from console.api import agents, approvals, audit, errors, events, policies, prompts, sessions, tokens, tools
from console.api.reading import StrictParser

api = NinjaAPI(
    title="Countersign",
    version="1",
    description="Agents propose, people countersign, the log proves it.",
    urls_namespace="api",
    docs_url=None,
    openapi_url=None,
    parser=StrictParser(),
)
for _noun in (agents, sessions, approvals, tools, policies, prompts, audit, tokens, events):
    api.add_router("", _noun.router)
errors.install(api)
