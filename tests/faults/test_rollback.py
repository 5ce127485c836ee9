"""A rollback with real workers: what the model server itself was asked, and when (PROMPT-3).

`FAULTS=full` sets 200 running sessions to move; else 40.
"""

import os
import time

import httpx2
import pytest

from agents.models import PromptVersion, Session
from agents.prompts.releases import release
from agents.prompts.rollback import rollback
from agents.prompts.versions import add_version
from audit.actors import Actor
from audit.verify import verify
from tests.faults.conftest import Figure
from tests.faults.stage import PATIENCE_S, Play
from tests.waiting import wait_until

FULL = os.environ.get("FAULTS") == "full"
SESSIONS = 200 if FULL else 40
WORKERS = 4
WITHIN_S = 1.0
NEAR_S = 5.0
PAUL = Actor("user", "0", "Paul")
BAD = "You pay everybody twice."
TOIL = {"limits": {"turns": 100_000, "tool_calls": 100_000, "tokens": 10_000_000, "cost_microusd": 10**12}, "tools": ["note"],
        "loops": {"nothing_new": 10_000}}  # fmt: skip


def asked(play: Play, beginning: str) -> list[float]:
    """When the model server was asked with instructions that begin so; by the clock that all processes here share."""
    return [at for at, _, told in httpx2.get(f"{play.stage.model_url}/_arrivals").json() if told.startswith(beginning)]


@pytest.mark.slow
def test_no_question_with_the_bad_version_begins_later_than_a_second_after_the_press(play: Play, figure: Figure) -> None:
    """PROMPT-3: four workers, every session set to move; each goes on with the good version."""
    play.agent(**TOIL)
    add_version(slug="payer", text=BAD, actor=PAUL, user_id=None, note="Twice.")
    release(slug="payer", version="1.0.1", share=100, actor=PAUL)
    sessions = play.start("toil", count=SESSIONS)
    for _ in range(WORKERS):
        play.worker(WORKER_SESSIONS=str(SESSIONS // WORKERS))
    wait_until(lambda: Session.objects.filter(status="running", turns__gte=1).count() == SESSIONS, seconds=PATIENCE_S)
    pressed = time.monotonic()
    rollback(slug="payer", reason="It pays twice.", running="move", actor=PAUL)
    took = time.monotonic() - pressed
    wait_until(lambda: not Session.objects.filter(prompt_version__version="1.0.1").exists(), seconds=PATIENCE_S)
    good = PromptVersion.objects.get(version="1.0.0")
    after = len(asked(play, good.text))
    wait_until(lambda: len(asked(play, good.text)) >= after + SESSIONS, seconds=PATIENCE_S)
    late = max(asked(play, BAD)) - pressed
    figure(sessions=SESSIONS, workers=WORKERS, press_took_ms=round(took * 1000), last_bad_question_after_ms=round(late * 1000))
    assert -NEAR_S <= late <= took + WITHIN_S  # the bad version was asked about until the press
    assert Session.objects.filter(pk__in=[one.pk for one in sessions], prompt_version=good).count() == SESSIONS
    assert verify().ok
