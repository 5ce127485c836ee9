"""The demo is seeded through the services that people use (OPS-4; the demo of the contract)."""

import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from agents.demo.canary import ENOUGH, SESSIONS, SHARE, SLUG
from agents.demo.seed import AGENTS, GOALS, AlreadySeeded, agent_document, seed
from agents.demo.texts import firm
from agents.models import Agent, AgentRevision, Inlet, LibraryDocument, Schedule, Session
from agents.prompts.comparing import compare
from agents.prompts.plans import plan_of
from agents.tools import registry
from approvals.policies import current
from approvals.policy import DEFAULT_POLICY
from audit.models import AuditEntry
from audit.verify import verify

PEOPLE = {
    "olga@demo.example": "operator",
    "ada@demo.example": "admin",
    "remy@demo.example": "reviewer",
    "rosa@demo.example": "reviewer",
    "paul@demo.example": "prompt_manager",
    "audrey@demo.example": "auditor",
    "vic@demo.example": "viewer",
}


@pytest.fixture
def empty(db: None) -> None:
    """An installation in which nobody has an account."""
    assert not User.objects.exists()


def test_the_people_of_the_contract_can_sign_in_with_their_own_passwords(empty: None) -> None:
    signs = seed(goals=False)
    assert {sign.email: sign.role for sign in signs} == PEOPLE
    assert len({sign.password for sign in signs}) == len(signs)
    for sign in signs:
        user = authenticate(username=sign.email, password=sign.password)
        assert user is not None
        assert [group.name for group in user.groups.all()] == [sign.role]
        assert sign.password not in user.password
    assert set(Group.objects.values_list("name", flat=True)) == {*PEOPLE.values()}


def test_the_assistant_has_exactly_the_tools_of_the_contract(empty: None) -> None:
    seed(goals=False)
    document = AgentRevision.objects.get(agent__slug="research-assistant", current=True).document
    assert set(document["tools"]) == {
        "search_documents", "read_document", "summarise_document", "earlier_result", "calculate", "read_file", "recall", "fetch_url",
        "web_search", "write_file", "draft_message", "remember", "send_email", "publish_note", "delete_document", "ask_person",
    }  # fmt: skip
    assert set(Agent.objects.values_list("slug", flat=True)) == set(AGENTS)
    environments = AgentRevision.objects.filter(current=True).values_list("agent__slug", "document__environment")
    assert dict(environments) == dict(zip(AGENTS, ("production", "staging", "development"), strict=True))


def test_the_assistants_default_task_may_use_each_of_its_tools(empty: None) -> None:
    """TOOL-5: a tool whose scopes the task type does not allow would never be offered."""
    document = agent_document("research-assistant")
    allowed = set(document["task_types"]["default"])
    for name in document["tools"]:
        tool = registry.get(name)
        assert tool is not None
        assert tool.scopes <= allowed, name
    reading = set(document["task_types"]["read_only"])
    writing = [name for name, tool in registry.all_tools().items() if tool.writes and tool.scopes <= reading]
    assert writing == []


def test_the_library_holds_trusted_and_untrusted_documents_and_one_that_gives_orders(empty: None) -> None:
    seed(goals=False)
    documents = {document.slug: document for document in LibraryDocument.objects.all()}
    own = [document for document in documents.values() if document.kind != "docs"]
    assert len(own) >= 20
    assert {document.trust for document in own if document.kind == "letter"} == {"untrusted"}
    assert {document.trust for document in documents.values() if document.kind != "letter"} == {"trusted"}
    assert "ignore your previous instructions" in documents["letter-kestrel-foods"].body
    assert len({document.title for document in documents.values()}) == len(documents)


def test_the_firms_documents_are_whole() -> None:
    for document in firm():
        assert document.dated is not None, document.slug
        assert len(document.body) > 200, document.slug
        assert document.source
        assert len(document.sha256) == 64


def test_a_policy_is_stored_and_only_where_there_was_none(empty: None) -> None:
    before = current(fresh=True).number
    seed(goals=False)
    assert current(fresh=True).number == max(before, 1)
    assert current(fresh=True).policy == DEFAULT_POLICY


def test_the_first_goals_are_sessions_started_by_people(empty: None) -> None:
    """A newcomer finds approvals waiting as soon as the worker runs."""
    seed()
    sessions = Session.objects.filter(feature="").order_by("number")
    assert [(session.started_name, session.status) for session in sessions] == [
        (name.capitalize(), "queued") for name, _ in GOALS
    ]
    assert all(session.started_user for session in sessions)


def test_a_canary_has_half_of_an_agents_sessions_and_guards_that_need_few(empty: None, settings: Any) -> None:
    """Its sessions are real ones, older than the goals; with a provider that costs money there are none."""
    settings.SCRIPTED = True
    seed()
    shared = compare(SLUG)
    assert [(one.version.status, one.share) for one in shared.versions] == [("canary", SHARE), ("active", 100 - SHARE)]
    plan = plan_of(SLUG)
    assert (plan.status, [step["share"] for step in plan.steps], plan.at) == ("active", [SHARE, 100], 0)
    assert plan.steps[1]["minimum"] > SESSIONS, "it takes no step by itself"
    assert {guard.minimum for guard in shared.guards.guards} == {ENOUGH}
    mine = Session.objects.filter(agent__slug=SLUG)
    assert (mine.count(), set(mine.values_list("feature", flat=True))) == (SESSIONS, {"demo-canary"})
    assert set(mine.values_list("prompt_version__version", flat=True)) == {one.version.version for one in shared.versions}
    assert max(mine.values_list("number", flat=True)) < min(
        Session.objects.exclude(agent__slug=SLUG).values_list("number", flat=True)
    )


def test_with_a_real_provider_the_canary_waits_for_sessions_of_somebody(empty: None, settings: Any) -> None:
    settings.SCRIPTED, settings.OPENAI_MODEL = False, "some-model"
    seed()
    assert not Session.objects.filter(agent__slug=SLUG).exists()
    assert compare(SLUG).canary is not None


def test_what_the_seed_did_is_in_the_log_and_the_log_verifies(empty: None) -> None:
    """AUDIT-1."""
    seed()
    kinds = set(AuditEntry.objects.values_list("kind", flat=True))
    assert {"system.seeded", "user.created", "agent.created", "prompt.created", "session.started"} <= kinds
    assert verify().ok


def test_the_demo_is_seeded_into_an_empty_installation_only(empty: None) -> None:
    seed(goals=False)
    with pytest.raises(AlreadySeeded):
        seed()
    with pytest.raises(CommandError, match="empty installation"):
        call_command("demo")
    assert User.objects.count() == len(PEOPLE)


def test_the_command_prints_the_sign_ins_once(empty: None) -> None:
    told = io.StringIO()
    call_command("demo", "--no-sessions", stdout=told)
    lines = told.getvalue().strip().splitlines()
    assert [line.split()[0] for line in lines] == list(PEOPLE)
    email, password = lines[0].split()[:2]
    assert authenticate(username=email, password=password) is not None
    assert not Session.objects.exists()


def test_a_configured_provider_takes_the_scripted_models_place(empty: None, settings: Any) -> None:
    settings.SCRIPTED = True
    assert agent_document("research-assistant")["model"] == "scripted-1"
    settings.SCRIPTED, settings.OPENAI_MODEL = False, "some-model"
    document = agent_document("research-assistant")
    assert (document["model"], document["cheap_model"]) == ("some-model", "some-model")


def test_an_installation_that_was_seeded_before_follows_its_provider(empty: None, settings: Any) -> None:
    """OPS-4: a real provider is two settings away, also later."""
    settings.SCRIPTED = True
    seed(goals=False)
    call_command("demo", "--follow-provider")
    assert set(AgentRevision.objects.values_list("number", flat=True)) == {1}
    settings.SCRIPTED, settings.OPENAI_MODEL = False, "some-model"
    told = io.StringIO()
    call_command("demo", "--follow-provider", stdout=told)
    current_ones = AgentRevision.objects.filter(current=True)
    assert {(row.number, row.document["model"]) for row in current_ones} == {(2, "some-model")}
    assert told.getvalue().count("uses the model") == len(AGENTS)


AGENT = """
slug = "refund-desk"
environment = "production"
prompt = "refund-desk"
prompt_text = "You are the refund desk."
model = "scripted-1"
tools = ["read_document"]
[task_types]
default = ["documents:read"]
"""


def _apply(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    told = io.StringIO()
    call_command("agents", "apply", str(path), stdout=told)
    return told.getvalue()


def test_an_agent_is_applied_from_a_file_of_toml_or_json(db: None, tmp_path: Path) -> None:
    assert "refund-desk: revision 1 is current" in _apply(tmp_path / "a.toml", AGENT)
    document = tomllib.loads(AGENT) | {"model": "scripted-mini"}
    assert "refund-desk: revision 2 is current" in _apply(tmp_path / "a.json", json.dumps(document))
    told = io.StringIO()
    call_command("agents", "list", stdout=told)
    assert told.getvalue().split() == ["refund-desk", "revision", "2", "production", "scripted-mini", "1", "tools"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('environment = "production"', 'environment = "moon"'), "environment"),
        (('model = "scripted-1"', ""), "model: must be given"),
        (('["read_document"]', '"refund"'), 'tools: must be a list, such as ["refund"]'),
        (('["documents:read"]', '"documents:read"'), 'task_types.default: must be a list, such as ["documents:read"]'),
        (('slug = "refund-desk"', 'slug = "Refund Desk"'), "slug"),
        (('"read_document"', '"read_documents"'), "unknown tools: read_documents"),
        (('default = ["documents:read"]', 'default = ["everything"]'), "task_types.default"),
        (("tools = [", 'colour = "red"\ntools = ['), "colour: unknown; take it out, or check its spelling"),
        (("[task_types]", "[limits]\nturns = 0\n[task_types]"), "limits.turns"),
    ],
)  # fmt: skip
def test_a_wrong_agent_names_the_field_and_changes_nothing(db: None, tmp_path: Path, change: Any, told: str) -> None:
    with pytest.raises(CommandError) as refused:
        _apply(tmp_path / "a.toml", AGENT.replace(*change))
    assert told in str(refused.value)
    assert not Agent.objects.exists()


@pytest.mark.parametrize(("name", "text"), [("a.toml", "slug = "), ("a.json", "{"), ("a.json", "[1]"), ("a.toml", "\0")])
def test_a_file_that_cannot_be_read_is_one_clear_message(db: None, tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(CommandError, match=name):
        _apply(tmp_path / name, text)
    with pytest.raises(CommandError, match=r"cannot be read"):
        call_command("agents", "apply", str(tmp_path / "missing.toml"))


def test_a_schedule_and_an_inlet_stand_by_and_start_nothing_unasked(empty: None) -> None:
    """Their pages are not empty; the schedule rests until somebody resumes it."""
    seed(goals=False)
    assert [(row.status, row.created_name) for row in Schedule.objects.all()] == [("paused", "Ada")]
    assert [(row.status, row.created_name) for row in Inlet.objects.all()] == [("active", "Ada")]
    assert not Session.objects.exists()
