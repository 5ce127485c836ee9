"""Agents as documents: checking one, and making it the current revision."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from pydantic import ValidationError

from agents.config import AgentConfig
from agents.errors import BadAgent
from agents.models import Agent, AgentRevision, Prompt
from agents.prompts.asking import create
from agents.prompts.releases import live_version, routed
from agents.prompts.versions import newest
from agents.tools import registry
from approvals.wording import said
from audit.actors import Actor
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Entry, record


def check_agent(document: Mapping[str, Any]) -> AgentConfig:
    """Validate a document. Raises BadAgent with every wrong field in `errors` ([{loc, msg}])."""
    try:
        config = AgentConfig.model_validate(document)
    except ValidationError as error:
        errors = [{"loc": ".".join(map(str, item["loc"])), "msg": said(item)} for item in error.errors()]
        raise BadAgent(
            problem="; ".join(f"{item['loc'] or 'document'}: {item['msg']}" for item in errors), errors=errors
        ) from error
    unknown = [name for name in config.tools if registry.get(name) is None]
    if unknown:
        msg = f"unknown tools: {', '.join(unknown)}"
        raise BadAgent(problem=f"tools: {msg}", errors=[{"loc": "tools", "msg": msg}])
    return config


@transaction.atomic
def apply_agent(document: Mapping[str, Any], *, actor: Actor, note: str = "", user_id: int | None = None) -> AgentRevision:
    """Make a document the current revision of its agent; the same document again changes nothing.

    `prompt_text` makes version 1.0.0 of a prompt that is new; for one that exists it must be left out or be the text
    of its live version. Where policy asks a second person, that version waits for one before a session can begin; `user_id`
    is who asks then, the user or the owner of the token.

    Raises:
        BadAgent: with the fields that are wrong.
    """
    config = check_agent(document)
    agent, created = Agent.objects.select_for_update().get_or_create(slug=config.slug, defaults={"id": uuid7()})
    _prompt(config, actor, user_id)
    stored = config.model_dump(mode="json", exclude={"prompt_text"})
    checksum = hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
    current = agent.revisions.filter(current=True).first()
    if current is not None and current.checksum == checksum:
        return current
    agent.revisions.filter(current=True).update(current=False)
    number = current.number + 1 if current else 1
    revision = AgentRevision.objects.create(
        id=uuid7(),
        agent=agent,
        number=number,
        document=stored,
        checksum=checksum,
        created_by=actor.name,
        note=note,
        current=True,
    )
    kind = EventKind.AGENT_CREATED if created else EventKind.AGENT_REVISED
    facts: dict[str, Any] = {
        "revision": number,
        "checksum": checksum,
        "tools": list(config.tools),
        "environment": config.environment,
        **({"note": note} if note else {}),
    }
    record([Entry(f"agent:{config.slug}", kind, actor, facts, ids=(config.slug,), rev=number)])
    transaction.on_commit(index_soon)
    return revision


def _prompt(config: AgentConfig, actor: Actor, user_id: int | None) -> None:
    if not Prompt.objects.filter(slug=config.prompt).exists():
        if config.prompt_text is None:
            msg = f"the prompt `{config.prompt}` does not exist; give its text as prompt_text"
            raise BadAgent(problem=f"prompt: {msg}", errors=[{"loc": "prompt", "msg": msg}])
        note = f"Made with the agent {config.slug}."
        create(slug=config.prompt, text=config.prompt_text, actor=actor, note=note, user_id=user_id)
    elif config.prompt_text is not None and _text(config.prompt) != config.prompt_text:
        msg = f"the prompt `{config.prompt}` exists with another text; prompt_text only makes a new prompt"
        raise BadAgent(problem=f"prompt_text: {msg}", errors=[{"loc": "prompt_text", "msg": msg}])


def _text(slug: str) -> str:
    """Return the text of a prompt's live version; of the newest where none is live yet."""
    now = routed(slug)
    return live_version(slug).version.text if now.rows else newest(now.prompt, 1)[0].text
