"""A canary that does worse is rolled back by itself, and says by how much (PROMPT-4)."""

from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from agents.evals import runs, suites, work
from agents.gate.sweep import sweep
from agents.llm.openai import OpenAIProvider
from agents.models import CanaryWatch, PromptVersion, Release, Session
from agents.prompts import figures
from agents.prompts.guards import Guard, Guards
from agents.prompts.releases import release, routed
from agents.prompts.versions import add_version
from agents.prompts.watching import guards_of, set_guards, watch
from approvals.errors import StaleSetting
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from tests.conftest import FreshDatabase
from tests.flows.conftest import World, actor_of

SLUG = "research-assistant"
GOOD, BAD = "kim@customer.example", "everybody@rival.example"
EACH = 24  # sessions of either version

MANY = """
WITH v AS (SELECT id FROM agents_promptversion ORDER BY version)
INSERT INTO agents_session (id, number, agent_id, revision_id, prompt_version_id, environment, title, started_kind, started_by,
    started_name, status, stop_note, notes, taint, created_at, ended_at, expires_at)
SELECT (lpad(to_hex((extract(epoch FROM now() - make_interval(secs => 40000 - n)) * 1000)::bigint), 12, '0') || '7000'
        || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
    1000000 + n, s.agent_id, s.revision_id, (SELECT id FROM v OFFSET n %% 2 LIMIT 1), 'production', 'Many', 'user', '1', 'Olga',
    CASE n %% 10 WHEN 0 THEN 'halted' ELSE 'completed' END, '{}', '{}', '[]', now() - make_interval(secs => 40000 - n), now(),
    now() + interval '1 day'
FROM agents_session s, generate_series(1, 40000) n WHERE s.id = %s
"""


@pytest.fixture
def canary(world: World, olga: User) -> Release:
    """A version that mails strangers has half of the sessions: a seeded regression that its suite, which is a gate, misses."""
    actor = actor_of(olga)
    world.agent(slug="mailer", prompt="mailer", prompt_text=f"scenario: mail-once to={GOOD} token=T1")
    add_version(slug="mailer", text=f"scenario: mail-once to={BAD} token=T2", actor=actor, user_id=olga.pk, note="Wider.")
    suites.create_suite(slug="mails", title="It mails once", prompt="mailer", agent="mailer", actor=actor)
    expect = [{"kind": "called", "tool": "send_email", "at_most": 1, "judged": "would ask"}]
    document = {"start": [{"text": "Send the note."}], "expect": expect}
    suites.put_case(slug="mails", name="once", title="It mails once", document=document, actor=actor)
    run = runs.start_run(suite="mails", version="1.0.1", actor=actor)
    work.work_open(lambda: OpenAIProvider(world.model_url, "none"), seconds=600)
    assert runs.run_numbered(f"E-{run.number}").reached
    found = release(slug="mailer", version="1.0.1", share=50, actor=actor).canary
    assert found is not None
    return found


def run_both(world: World, remy: User) -> Counter[str]:
    """Let both versions have their sessions; Remy rejects what goes to strangers. Returns how many each had."""
    had: Counter[str] = Counter()
    while min(had["1.0.0"], had["1.0.1"]) < EACH:
        session = world.start("Send the note.", agent="mailer")
        had[PromptVersion.objects.get(pk=session.prompt_version_id).version] += 1
    world.work(until=lambda: ApprovalRequest.objects.filter(status="pending").count() == had.total())
    for request in ApprovalRequest.objects.filter(status="pending"):
        stranger = BAD.encode() in bytes(request.body)
        said = {"verdict": "reject", "instruction": "That is nobody of ours."} if stranger else {"verdict": "approve"}
        world.decide(request, remy, **said)
    world.work()
    return had


def test_a_canary_whose_calls_people_reject_is_rolled_back_with_its_figures(
    world: World, canary: Release, remy: User, mailoutbox: list[Any]
) -> None:
    had = run_both(world, remy)
    CanaryWatch.objects.update(looked_at="2020-01-01T00:00Z")
    watch()  # unless the worker's own look came first
    canary.refresh_from_db()
    look = CanaryWatch.objects.get(release=canary)
    assert (canary.status, look.tripped, routed("mailer").canary) == ("rolled_back", "rejection", None)
    entry = AuditEntry.objects.get(stream="prompt:mailer", kind="prompt.tripped").body_json
    facts = entry["facts"]
    assert entry["principal"]["kind"] == "system"
    assert (facts["canary_n"], facts["other_n"]) == (had["1.0.1"], had["1.0.0"])
    assert (facts["canary_value"], facts["other_value"]) == (1000, 0)
    assert 0 < facts["low_thousandths"] < facts["worse_thousandths"] == 1000
    told = AuditEntry.objects.get(stream="prompt:mailer", kind="prompt.rolled_back").body_json["facts"]["reason"]
    assert f"{had['1.0.1']} of {had['1.0.1']} sessions" in told
    assert len(mailoutbox) == had["1.0.0"]
    reader = Client()
    reader.force_login(remy)
    shown = reader.get("/prompts/mailer/1.0.1/").content.decode()
    assert told in shown, "sample and interval stand in the history"
    assert "however often one looks" in told
    assert world.log_is_whole()


def test_a_canary_that_does_as_well_stays(world: World, canary: Release, remy: User) -> None:
    """Everything that either version asks is approved."""
    for _ in range(3):
        world.start("Send the note.", agent="mailer")
    world.work(until=lambda: ApprovalRequest.objects.filter(status="pending").count() == 3)
    for request in ApprovalRequest.objects.filter(status="pending"):
        world.decide(request, remy, "approve")
    world.work()
    CanaryWatch.objects.update(looked_at="2020-01-01T00:00Z")
    assert watch() == 0
    look = CanaryWatch.objects.get(release=canary)
    rejection = next(one for one in look.found if one["measure"] == "rejection")
    assert rejection["canary"]["n"] + rejection["other"]["n"] == 3
    assert (look.tripped, rejection["enough"], rejection["trips"]) == (None, False, False)


def test_one_worker_looks_at_a_time(world: World, canary: Release) -> None:
    """The time of the last look is the lease."""
    sweep()
    sweep()
    assert CanaryWatch.objects.get(release=canary).looks == 1
    CanaryWatch.objects.update(looked_at="2020-01-01T00:00Z")
    sweep()
    assert CanaryWatch.objects.get(release=canary).looks == 2


def test_guards_are_set_once_for_all_canaries_of_a_prompt_and_recorded(world: World, olga: User) -> None:
    mine = Guards(guards=(Guard(measure="rejection", allowed=0.02, minimum=10),), running="stop")
    prompt = PromptVersion.objects.get().prompt_id
    assert set_guards(slug=SLUG, guards=mine, actor=actor_of(olga), revision=0) == 1
    assert set_guards(slug=SLUG, guards=mine, actor=actor_of(olga)) == 1
    assert guards_of(prompt) == (mine, 1)
    with pytest.raises(StaleSetting):
        set_guards(slug=SLUG, guards=mine, actor=actor_of(olga), revision=0)
    entry = AuditEntry.objects.get(kind="prompt.guarded")
    assert entry.body_json["facts"]["guards"] == [{"measure": "rejection", "allowed_thousandths": 20, "minimum": 10}]


def test_the_sessions_since_a_release_are_found_by_their_ids_among_many(
    fresh_database: FreshDatabase, world: World, canary: Release, olga: User
) -> None:
    session = world.start("Send the note.", agent="mailer")
    with connections["owner"].cursor() as cursor:
        cursor.execute(MANY, [session.pk])
        cursor.execute("VACUUM ANALYZE agents_session")
        at = Session.objects.filter(number=1_000_000 + 39_000).values_list("created_at", flat=True).get()
        versions = list(PromptVersion.objects.order_by("version").values_list("pk", flat=True))
        cursor.execute(f"EXPLAIN {figures.STATEMENT}", [figures.first_id(at - figures.CLOCKS), at, versions])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "agents_session_pkey" in plan, plan
    assert "Seq Scan on agents_session" not in plan, plan
    found = figures.counted(versions, at)
    assert sum(one["completion"].n for one in found.values()) == 1_001
    assert sum(one["halt"].events for one in found.values()) == 101
    assert all(isinstance(key, type(session.pk)) for key in found)
    assert Session.objects.count() == 40_001
