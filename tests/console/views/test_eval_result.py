"""What came of one case of a run: its page, for those who may read cases and those who may not."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from agents.evals import runs, suites, work
from agents.llm.openai import OpenAIProvider
from audit.models import AuditEntry
from tests.console.api.calls import Program
from tests.flows.conftest import World, actor_of

SignedIn = Callable[[User | None], Client]
AGENT, WHERE = "research-assistant", "/evals/runs/E-1/cases/counts/"
DOCUMENT: dict[str, Any] = {
    "start": [{"text": 'call calculate {"expression": "2 * 3"}'}],
    "recorded": [{"tool": "calculate", "result": "six\u202e"}],
    "expect": [{"kind": "called", "tool": "calculate"}, {"kind": "called", "tool": "send_email"}],
}


@pytest.fixture
def played(world: World, ada: User) -> None:
    """A suite of one case, run twice against the live version; half of what is expected comes."""
    suites.create_suite(slug="sums", title="It can count", prompt=AGENT, agent=AGENT, actor=actor_of(ada), repeats=2)
    suites.put_case(slug="sums", name="counts", title="It counts", document=DOCUMENT, actor=actor_of(ada))
    runs.start_run(suite="sums", version="1.0.0", actor=actor_of(ada))
    work.work_open(lambda: OpenAIProvider(world.model_url, "none"), seconds=600)
    connections.close_all()


def html(answer: Any) -> str:
    """What a page says."""
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def test_each_expectation_stands_beside_what_it_got_and_the_turns_below(played: None, ada: User, signed_in: SignedIn) -> None:
    """PROMPT-5: linked from the run; judgement, what answered, and characters that cannot be seen, marked."""
    client = signed_in(ada)
    assert f'href="{WHERE}"' in html(client.get("/evals/runs/E-1/"))
    page = html(client.get(WHERE))
    assert "Repeat 1 of 2" in page
    assert f"{WHERE}?repeat=2" in page
    assert page.count("Not as expected") == 1
    assert "calls send_email: at least 1" in page
    assert "Would run" in page
    assert "Answered from the record" in page
    assert "⟦U+202E⟧" in page
    assert "2 * 3" in page
    assert AuditEntry.objects.filter(kind="content.read", body_json__facts__item="results of E-1").count() == 1
    assert "Repeat 2 of 2" in html(client.get(f"{WHERE}?repeat=2"))


def test_who_may_not_read_cases_sees_what_was_called_and_no_word_of_it(played: None, vic: User, signed_in: SignedIn) -> None:
    """Right REVEAL_PROMPTS, as on the run's page and in the API."""
    page = html(signed_in(vic).get(WHERE))
    assert "calculate" in page
    assert "Would run" in page
    assert "2 * 3" not in page
    assert "six" not in page
    assert "send_email" not in page
    assert Program(vic).get("/evals/runs/E-1/results").json()["items"][0]["transcript"] is None


def test_what_is_not_there_is_not_found(played: None, ada: User, signed_in: SignedIn) -> None:
    """Another run, case or repeat."""
    client = signed_in(ada)
    for path in ("/evals/runs/E-9/cases/counts/", "/evals/runs/E-1/cases/nothing/", f"{WHERE}?repeat=3", f"{WHERE}?repeat=0"):
        assert client.get(path).status_code == 404, path
