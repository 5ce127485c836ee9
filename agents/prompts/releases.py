"""Which version of a prompt is live, and making a prompt with its first version.

Canaries, evaluation and rollback come on top of the same rows; today one release carries all traffic.
"""

import hashlib
import json
from typing import Any

from django.db import transaction

from agents.errors import BadAgent
from agents.models import Prompt, PromptVersion, Release
from audit.actors import Actor
from audit.connection import read
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import Entry, Text, record

_LIVE = """
SELECT v.id, v.prompt_id, v.version, v.checksum FROM agents_release r
JOIN agents_prompt p ON p.id = r.prompt_id JOIN agents_promptversion v ON v.id = r.version_id
WHERE p.slug = %s AND r.ended_at IS NULL ORDER BY r.started_at DESC LIMIT 1"""


def live_version(slug: str) -> PromptVersion:
    """The version that new sessions run with, without its text. Raises BadAgent if the prompt has no release."""
    for row in read(_LIVE, [slug]):
        version = PromptVersion.from_db("default", list(row), list(row.values()))
        version.prompt = Prompt.from_db("default", ["id", "slug"], [row["prompt_id"], slug])
        return version
    raise BadAgent(problem=f"its prompt `{slug}` has no live version; give `prompt_text`, or release one")


def checksum(text: str, variables: dict[str, Any], parameters: dict[str, Any]) -> str:
    """SHA-256 over all that a version fixes."""
    whole = json.dumps([text, variables, parameters], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()


@transaction.atomic
def create_prompt(*, slug: str, text: str, actor: Actor, note: str = "") -> PromptVersion:
    """Make a prompt with version 1.0.0, released to all traffic; the caller knows that it is new."""
    prompt = Prompt.objects.create(id=uuid7(), slug=slug)
    version = PromptVersion.objects.create(
        id=uuid7(), prompt=prompt, version="1.0.0", text=text, checksum=checksum(text, {}, {}), note=note, author=actor.name
    )
    Release.objects.create(id=uuid7(), prompt=prompt, version=version, share=100, reason=note, released_by=actor.name)
    facts = {"version": "1.0.0", "checksum": version.checksum}
    stream = f"prompt:{slug}"
    record(
        [
            Entry(stream, EventKind.PROMPT_CREATED, actor, {"slug": slug}, ids=(slug,)),
            Entry(stream, EventKind.PROMPT_VERSION_ADDED, actor, facts, ids=(slug,), texts=(Text(uuid7(), "prompt", text),)),
            Entry(stream, EventKind.PROMPT_RELEASED, actor, {**facts, "share": 100}, ids=(slug,)),
        ]
    )
    return version
