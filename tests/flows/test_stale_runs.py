"""A tool that is declared anew makes older runs stale: they open no gate, and the suites that use it are run again from its page."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.errors import BelowGate
from agents.evals import staleness
from agents.models import EvalRun, PromptVersion, ToolDefinition
from agents.prompts.gate import gates
from agents.prompts.releases import release
from agents.prompts.versions import add_version
from audit.ids import uuid7
from tests.console.api.calls import Program, refused
from tests.flows.conftest import World, actor_of
from tests.flows.test_suites import AGENT, SUITE, played, suite


def declared(name: str, *changed: str) -> None:
    """A worker starts with another definition of a tool."""
    mark = f"{ToolDefinition.objects.count():064x}"
    ToolDefinition.objects.create(id=uuid7(), name=name, definition=mark, document={}, changed=list(changed))


def better(paul: User) -> str:
    """A version that has no traffic yet."""
    live = PromptVersion.objects.get(prompt__slug=AGENT)
    return add_version(slug=AGENT, text=f"{live.text}\nBe kind.", actor=actor_of(paul), user_id=paul.pk, note="Kinder").version


def test_a_run_from_before_a_tool_changed_opens_no_gate(world: World, paul: User) -> None:
    """Schema, description, tier: what the model reads and policy judges by. Of another agent's tool or of code alone it stands."""
    suite(world, paul)
    version = better(paul)
    run = played(world, version, paul)
    declared("calculate", "code")
    declared("no_such_tool", "tier")
    assert staleness.outdated(run) == []
    declared("calculate", "tier")
    declared("search_documents", "description", "schema")
    assert staleness.stale([run]) == {run.pk: ("calculate", "search_documents")}
    with pytest.raises(BelowGate, match="calculate, search_documents changed since"):
        release(slug=AGENT, version=version, share=10, actor=actor_of(paul))
    (gate,) = gates(PromptVersion.objects.get(version=version))
    assert gate.stale == ("calculate", "search_documents")
    assert staleness.outdated(played(world, version, paul)) == []
    release(slug=AGENT, version=version, share=10, actor=actor_of(paul))


def test_a_stale_run_is_overridden_by_name_and_reason(world: World, paul: User) -> None:
    """As anything else that holds a version back."""
    suite(world, paul)
    version = better(paul)
    played(world, version, paul)
    declared("calculate", "schema")
    release(slug=AGENT, version=version, share=10, actor=actor_of(paul), override="The schema got a title, no more.")


def test_the_pages_say_stale_and_the_tool_s_page_runs_them_again(world: World, paul: User, vic: User) -> None:
    """Run, list, suite, prompt and tool; one button for all suites that use it."""
    suite(world, paul)
    run = played(world, "1.0.0", paul)
    declared("calculate", "tier")
    client, viewer = Client(), Client()
    client.force_login(paul)
    viewer.force_login(vic)
    addresses = (f"/evals/runs/E-{run.number}/", "/evals/", f"/evals/suites/{SUITE}/", f"/prompts/{AGENT}/1.0.0/")
    for address in addresses:
        assert "tale" in client.get(address).content.decode(), address
    page = client.get("/tools/calculate/").content.decode()
    assert "1 to run again" in page
    assert "Run them" in page
    assert "Run them" not in viewer.get("/tools/calculate/").content.decode()
    assert client.post("/tools/calculate/suites/").headers["Location"] == "/tools/calculate/"
    again = EvalRun.objects.latest("number")
    assert (again.number, again.status, again.version.version) == (run.number + 1, "queued", "1.0.0")
    assert "All run as it is now" in client.get("/tools/calculate/").content.decode()
    client.post("/tools/calculate/suites/")
    assert EvalRun.objects.count() == 2, "what waits already goes on"


def test_the_api_tells_and_does_the_same(world: World, paul: User, vic: User) -> None:
    """GET /tools/{name}/suites, POST …/runs; a run names the tools that changed since."""
    suite(world, paul)
    program = Program(paul)
    (row,) = program.get("/tools/calculate/suites").json()["items"]
    assert (row["suite"], row["version"], row["run"], row["stale"]) == (SUITE, "1.0.0", "", True)
    run = played(world, "1.0.0", paul)
    declared("calculate", "tier")
    assert program.get(f"/evals/runs/E-{run.number}").json()["run"]["stale"] == ["calculate"]
    assert program.get("/evals/runs").json()["items"][0]["stale"] == ["calculate"]
    refused(Program(vic).post("/tools/calculate/suites/runs", {}), 403, "forbidden")
    (made,) = program.post("/tools/calculate/suites/runs", {}).json()["items"]
    assert (made["suite"], made["status"], made["stale"]) == (SUITE, "queued", [])
    refused(program.get("/tools/nothing/suites"), 404, "tool_not_found")
