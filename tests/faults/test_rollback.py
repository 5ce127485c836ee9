"""A rollback with real workers, pressed over HTTP: what the model server itself was asked, and when (PROMPT-3).

`FAULTS=full` sets 200 running sessions to move; else 40. How late the last question begins where nothing else runs is measured
by `make bench` (`rollback`); here it has all the time that a crowded machine may need.
"""

import os
import time

import httpx2
import pytest

from agents.models import PromptVersion, Session, Turn
from agents.prompts.releases import release
from agents.prompts.versions import add_version
from audit.actors import Actor
from audit.verify import verify
from console.tokens import create_token
from tests.faults.conftest import Figure
from tests.faults.stage import PATIENCE_S, Play
from tests.waiting import wait_until

FULL = os.environ.get("FAULTS") == "full"
SESSIONS = 200 if FULL else 40
WORKERS = 4
WITHIN_S = 1.0 if FULL else 15.0
THINKS_S = 0.5
PAUL = Actor("user", "0", "Paul")
BAD = "You pay everybody twice."
TOIL = {"limits": {"turns": 100_000, "tool_calls": 100_000, "tokens": 10_000_000, "cost_microusd": 10**12}, "tools": ["note"],
        "loops": {"nothing_new": 10_000}}  # fmt: skip


def asked(play: Play, beginning: str) -> list[float]:
    """When the model server was asked with instructions that begin so; by the clock that all processes here share."""
    return [at for at, _, told in httpx2.get(f"{play.stage.model_url}/_arrivals").json() if told.startswith(beginning)]


def press(play: Play, web: str) -> tuple[float, float]:
    """Olga rolls back; returns when she pressed and when she was answered."""
    token = create_token(user=play.olga, scopes=("prompts:write",), actor=PAUL).secret
    said = {"reason": "It pays twice.", "running": "move"}
    with httpx2.Client(base_url=web, headers={"Authorization": f"Bearer {token}"}, timeout=180) as client:
        client.get("/healthz").raise_for_status()  # the connection stands
        pressed = time.monotonic()
        told = client.post("/api/v1/prompts/payer/rollback", json=said).raise_for_status().json()
        assert (told["version"], told["to"], told["sessions"]) == ("1.0.1", "1.0.0", SESSIONS)
    return pressed, time.monotonic()


def turns_of(version: str) -> int:
    """How many sessions were answered with a version."""
    return Turn.objects.filter(prompt_version=f"payer {version}").values("session").distinct().count()


@pytest.mark.slow
def test_no_question_with_the_bad_version_begins_long_after_the_press(play: Play, web: str, figure: Figure) -> None:
    """PROMPT-3: four workers, every session set to move; each goes on with the good version, and the log is whole."""
    play.agent(**TOIL)
    add_version(slug="payer", text=BAD, actor=PAUL, user_id=None, note="Twice.")
    release(slug="payer", version="1.0.1", share=100, actor=PAUL)
    sessions = play.start("toil", count=SESSIONS)
    play.stage.slow(seconds=THINKS_S)
    try:
        for _ in range(WORKERS):
            play.worker(WORKER_SESSIONS=str(SESSIONS // WORKERS))
        wait_until(lambda: Session.objects.filter(status="running", turns__gte=1).count() == SESSIONS, seconds=PATIENCE_S)
        pressed, answered = press(play, web)
        wait_until(lambda: not Session.objects.filter(prompt_version__version="1.0.1").exists(), seconds=PATIENCE_S)
        wait_until(
            lambda: turns_of("1.0.0") == SESSIONS, seconds=PATIENCE_S
        )  # the bad version had all that time to be asked again
        last = max(asked(play, BAD))
    finally:
        play.stage.slow(seconds=0)
    figure(
        sessions=SESSIONS, workers=WORKERS, press_took_ms=round((answered - pressed) * 1000),
        last_bad_question_after_ms=round((last - pressed) * 1000),
    )  # fmt: skip
    assert turns_of("1.0.1") == SESSIONS
    assert last <= answered + WITHIN_S
    good = PromptVersion.objects.get(version="1.0.0")
    assert Session.objects.filter(pk__in=[one.pk for one in sessions], prompt_version=good).count() == SESSIONS
    assert verify().ok
