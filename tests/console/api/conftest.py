"""Agents and requests for the API to speak of."""

from typing import Any

import pytest

from agents.models import AgentRevision
from agents.services import apply_agent
from audit.actors import SYSTEM

DESK: dict[str, Any] = {
    "slug": "desk",
    "prompt": "desk",
    "prompt_text": "You are a desk.",
    "model": "scripted-1",
    "tools": ["calculate", "send_email"],
    "task_types": {"default": ["mail:send"]},
}


@pytest.fixture
def desk(db: None) -> AgentRevision:
    """An agent that may calculate and send mail."""
    return apply_agent(DESK, actor=SYSTEM)
