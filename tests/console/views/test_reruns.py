"""Re-runs on their pages and over the API: the form, two sides with what differs, and who may read them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.llm.openai import OpenAIProvider
from agents.models import PromptVersion, Rerun, Session
from agents.prompts.versions import add_version
from agents.reruns import reruns, work
from audit.models import AuditEntry
from tests.console.api.calls import Program, refused
from tests.flows.conftest import World, actor_of

SignedIn = Callable[[User | None], Client]
TOLD = "\nscenario: delete-document document=anything"
BOUNDS = {"from_turn": "1", "turns": "20", "cap_microusd": "0.50", "seconds": "60"}


@pytest.fixture
def session(world: World) -> Session:
    """A session that said hello."""
    made = world.start("Calculate 2 + 3")
    world.work()
    made.refresh_from_db()
    return made


@pytest.fixture
def worse(world: World, ada: User) -> PromptVersion:
    """A version that makes the model destroy something."""
    live = PromptVersion.objects.get(prompt__slug="research-assistant")
    return add_version(slug="research-assistant", text=live.text + TOLD, actor=actor_of(ada), user_id=ada.pk, note="Worse")


def play(world: World) -> None:
    """Work on what is open."""
    work.work_open(lambda: OpenAIProvider(world.model_url, "none"), seconds=600)
    connections.close_all()


def html(answer: Any) -> str:
    """What a page says."""
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def test_it_is_started_by_a_form_and_shown_beside_its_session(
    world: World, session: Session, worse: PromptVersion, ada: User, signed_in: SignedIn
) -> None:
    """From the session's turns to the two sides: the first difference is marked and linked, and what was not recorded is told."""
    client = signed_in(ada)
    where = f"/sessions/{session.ref}/reruns/"
    assert f"{where}?turn=1" in html(client.get(f"/sessions/{session.ref}/turns/"))
    form = html(client.get(f"{where}?turn=1"))
    assert f'<option value="{worse.version}" selected>' in form
    answer = client.post(where, {"version": worse.version, "model": "scripted-1", **BOUNDS})
    assert answer.headers["Location"] == "/reruns/R-1/"
    assert "Cancel this re-run" in html(client.get("/reruns/R-1/"))
    play(world)
    page = html(client.get("/reruns/R-1/"))
    assert "First difference" in page
    assert 'href="#pair-1"' in page
    assert "delete_document" in page
    assert "Would ask people" in page
    assert "Not recorded: a dry run answered" in page
    assert "Cancel this re-run" not in page
    assert "R-1" in html(client.get(where))
    assert "R-1" in html(client.get(f"/sessions/{session.ref}/turns/"))
    assert AuditEntry.objects.get(kind="rerun.started").actor_id == str(ada.pk)


def test_the_same_again_differs_nowhere(world: World, session: Session, ada: User) -> None:
    """Each turn is the same, and the answer too."""
    reruns.start_rerun(session=session, actor=actor_of(ada))
    play(world)
    told = Program(ada).get("/reruns/R-1").json()
    assert (told["ended"], told["first_difference"], told["not_compared"]) == ("answered", None, 0)
    assert [turn["differs"] for turn in told["turns"]] == [False] * session.turns
    assert told["then"]["turns"] == told["now"]["turns"] == session.turns
    assert told["then"]["tokens"] == session.input_tokens + session.output_tokens
    assert told["turns"][0]["calls"][0]["now"]["by"] == "record"
    assert told["answer"] == []


def test_the_form_names_what_is_wrong(session: Session, ada: User, signed_in: SignedIn) -> None:
    """422, with all that was typed."""
    client = signed_in(ada)
    where = f"/sessions/{session.ref}/reruns/"
    answer = client.post(where, {"version": "9.9.9", "model": "gpt-5", **BOUNDS, "turns": "1000"})
    assert answer.status_code == 422
    assert 'id="turns-error"' in answer.content.decode()
    answer = client.post(where, {"version": "", "model": "gpt-5", **BOUNDS})
    assert answer.status_code == 422
    assert 'id="model-error"' in answer.content.decode()
    assert not Rerun.objects.exists()


def test_only_who_writes_prompts_and_reads_the_session_plays_it_again(
    world: World, session: Session, paul: User, vic: User, remy: User, ada: User, signed_in: SignedIn
) -> None:
    """A re-run must not be a way to read a session, and its texts are read by who may read the session's."""
    where = f"/sessions/{session.ref}/reruns/"
    body = {"version": "1.0.0", "model": "scripted-1", **BOUNDS}
    assert signed_in(vic).post(where, body).status_code == 403
    assert signed_in(paul).post(where, body).status_code == 403
    refused(Program(paul).post(f"/sessions/{session.ref}/reruns", {}), 403, "forbidden")
    refused(Program(remy).post(f"/sessions/{session.ref}/reruns", {}), 403, "forbidden")
    made = Program(ada).post(f"/sessions/{session.ref}/reruns", {})
    assert made.status_code == 201, made.content
    play(world)
    others = Program(vic).get("/reruns/R-1").json()
    assert others["turns"][0]["calls"][0]["now"]["tool"] == "calculate"
    assert others["turns"][0]["calls"][0]["now"]["arguments"] is None
    assert others["turns"][-1]["now_text"] is others["turns"][-1]["then_text"] is others["answer"] is None
    page = html(signed_in(vic).get("/reruns/R-1/"))
    assert "Your role does not read raw content." in page
    assert "2 + 3" not in page
    assert AuditEntry.objects.filter(kind="content.read", body_json__facts__item=session.ref).count() == 0
    html(signed_in(ada).get("/reruns/R-1/"))
    assert AuditEntry.objects.filter(kind="content.read", body_json__facts__item=session.ref).count() == 1


def test_it_is_listed_page_by_page_and_cancelled(session: Session, ada: User, vic: User) -> None:
    """The same service over REST."""
    program = Program(ada)
    where = f"/sessions/{session.ref}/reruns"
    for _ in range(3):
        assert program.post(where, {}).status_code == 201
    first = Program(vic).get(f"{where}?limit=2").json()
    assert [one["id"] for one in first["items"]] == ["R-3", "R-2"]
    assert [one["id"] for one in program.get(f"{where}?limit=2&cursor={first['next_cursor']}").json()["items"]] == ["R-1"]
    assert program.post("/reruns/R-1/cancel", {}).json()["status"] == "cancelled"
    refused(program.post("/reruns/R-1/cancel", {}), 409, "rerun_ended")
    refused(program.get("/reruns/R-99"), 404, "unknown_rerun")
    refused(program.post(where, {"from_turn": 99}), 422, "invalid_input")
    refused(program.post(where, {"turns": 0}), 422, "invalid_request")


def test_a_cancelled_one_says_so(session: Session, ada: User, signed_in: SignedIn) -> None:
    """By its button; what was not played is not compared."""
    reruns.start_rerun(session=session, actor=actor_of(ada))
    client = signed_in(ada)
    assert client.post("/reruns/R-1/cancel/").headers["Location"] == "/reruns/R-1/"
    assert "Cancelled" in html(client.get("/reruns/R-1/"))
    assert client.get("/reruns/R-9/").status_code == 404


def test_any_comparison_costs_the_same_number_of_queries(world: World, ada: User, signed_in: SignedIn) -> None:
    """However many turns there are."""
    client, counts = signed_in(ada), set()
    for number, goal in enumerate(("Calculate 2 + 3", "scenario: loop-work"), 1):
        made = world.start(goal)
        world.work()
        made.refresh_from_db()
        reruns.start_rerun(session=made, actor=actor_of(ada), turns=3 if number == 1 else 8)
        play(world)
        html(client.get(f"/reruns/R-{number}/"))
        with CaptureQueriesContext(connection) as asked:
            html(client.get(f"/reruns/R-{number}/"))
        counts.add(len(asked))
    assert len(counts) == 1
    assert counts.pop() < 40
