"""A rollout in steps: the canary grows by itself where no guard says worse, its time has come and its sample is there (PROMPT-2)."""

from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from agents.errors import BadText, BelowGate, WrongStage
from agents.models import CanaryWatch, PromptVersion, Release, RolloutPlan, Session
from agents.prompts import asking, plans
from agents.prompts.guards import Guard, Guards
from agents.prompts.planned import UnknownPlan
from agents.prompts.releases import release, routed
from agents.prompts.rollback import rollback
from agents.prompts.steps import Step, Steps
from agents.prompts.versions import add_version
from agents.prompts.watching import set_guards, watch
from approvals import policies
from approvals.models import ApprovalRequest
from approvals.policy import DEFAULT_POLICY
from audit.models import AuditEntry
from audit.verify import verify
from tests.console.api.calls import Program, refused
from tests.flows.conftest import World, actor_of
from tests.flows.test_suites import suite

SLUG, BETTER = "research-assistant", "1.0.1"
PAGE = f"/prompts/{SLUG}/{BETTER}/"
AT_ONCE = Steps(steps=(Step(share=5), Step(share=25, wait_s=0, minimum=4), Step(share=100, wait_s=60, minimum=0)))
RESTED = """
INSERT INTO agents_session (id, number, agent_id, revision_id, prompt_version_id, environment, title, started_kind, started_by,
    started_name, status, stop_note, notes, taint, created_at, ended_at, expires_at)
SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7000' || '8000'
        || substr(md5(random()::text), 1, 12))::uuid,
    (SELECT max(number) FROM agents_session) + n, s.agent_id, s.revision_id, %s, 'production', 'Many', 'user', '1', 'Olga', %s,
    '{}', '{}', '[]', clock_timestamp(), now(), now() + interval '1 day'
FROM agents_session s, generate_series(1, %s) n WHERE s.id = %s
"""


@pytest.fixture
def better(world: World, paul: User) -> PromptVersion:
    """A version that nobody has released, and a session to copy."""
    live = PromptVersion.objects.get(prompt__slug=SLUG)
    world.start("Hello")
    return add_version(
        slug=SLUG, text=f"{live.text}\nBe kind.", actor=actor_of(paul), user_id=paul.pk, note="Kinder", version=BETTER
    )


def rested(version: UUID, count: int, status: str = "completed") -> None:
    """So many sessions of a version come to rest."""
    with connection.cursor() as cursor:
        cursor.execute(RESTED, [version, status, count, Session.objects.values_list("pk", flat=True)[0]])


def looked() -> RolloutPlan:
    """A worker comes by once more."""
    CanaryWatch.objects.update(looked_at="2020-01-01T00:00Z")
    watch()
    return RolloutPlan.objects.latest("created_at")


def begin(paul: User, steps: Steps = AT_ONCE) -> RolloutPlan:
    """Paul plans it."""
    plans.begin(slug=SLUG, version=BETTER, steps=steps, actor=actor_of(paul), reason="Kinder")
    return plans.plan_of(SLUG)


def share() -> int:
    """What the canary has; 100 where it took all."""
    now = routed(SLUG)
    return now.canary.share if now.canary is not None else 100 if now.base and now.base.version.version == BETTER else 0


def test_a_canary_grows_step_by_step_to_all_traffic(world: World, better: PromptVersion, paul: User) -> None:
    """Each step waits for its sample and its time; each is an entry, by the system, with who planned it."""
    begin(paul)
    assert share() == 5
    plan = looked()
    assert (share(), plan.at, plan.waits, plan.had) == (5, 0, "too few sessions", 0)
    rested(better.pk, 4)
    assert looked().at == 1
    assert share() == 25
    assert (looked().waits, share()) == ("its time has not come", 25)
    RolloutPlan.objects.update(since="2020-01-01T00:00Z")
    plan = looked()
    assert (share(), plan.status, plan.why) == (100, "done", "every step was taken")
    assert PromptVersion.objects.get(pk=better.pk).status == "active"
    steps = AuditEntry.objects.filter(kind="prompt.plan_stepped").order_by("pk")
    assert [one.body_json["facts"]["share"] for one in steps] == [25, 100]
    assert {one.body_json["principal"]["kind"] for one in steps} == {"system"}
    assert Release.objects.filter(version=better, share=25).get().reason.startswith("Planned by Paul: 25 % after 4 sessions")
    assert AuditEntry.objects.filter(kind__in=["prompt.planned", "prompt.plan_ended"]).count() == 2
    assert verify().ok  # the sessions above are rows alone


def test_no_step_is_taken_while_a_guard_says_worse(world: World, better: PromptVersion, paul: User) -> None:
    """Past what it allows and with its sample, certain or not; certain ones roll back, which ends the plan."""
    set_guards(slug=SLUG, guards=Guards(guards=(Guard(measure="halt", allowed=0.1, minimum=5),)), actor=actor_of(paul))
    begin(paul)
    live = PromptVersion.objects.get(prompt__slug=SLUG, version="1.0.0")
    rested(live.pk, 6)
    rested(better.pk, 4)
    rested(better.pk, 2, "halted")
    plan = looked()
    assert (share(), plan.waits) == (5, "guard halt says worse")
    rested(better.pk, 60, "halted")
    rested(live.pk, 60)
    plan = looked()
    assert (routed(SLUG).canary, plan.status) == (None, "overtaken")
    assert "was rolled back" in plan.why


def test_a_plan_is_held_goes_on_and_is_cancelled(world: World, better: PromptVersion, paul: User, olga: User) -> None:
    """Who, in the log; the canary keeps its share; pressed twice it is told."""
    plan = begin(paul)
    rested(better.pk, 9)
    plans.move(slug=SLUG, act="pause", actor=actor_of(olga), shown=plan.pk)
    assert looked().status == "paused"
    assert share() == 5
    with pytest.raises(WrongStage, match="is held at its share already; it cannot be held"):
        plans.move(slug=SLUG, act="pause", actor=actor_of(olga))
    plans.move(slug=SLUG, act="resume", actor=actor_of(paul))
    looked()
    assert share() == 25
    plans.move(slug=SLUG, act="cancel", actor=actor_of(olga))
    looked()
    assert share() == 25
    with pytest.raises(UnknownPlan):
        plans.plan_of(SLUG)
    kinds = ("prompt.plan_paused", "prompt.plan_resumed", "prompt.plan_ended")
    assert [AuditEntry.objects.get(kind=kind).body_json["principal"]["name"] for kind in kinds] == ["Olga", "Paul", "Olga"]


def test_another_share_by_hand_and_a_rollback_end_a_plan(world: World, better: PromptVersion, paul: User) -> None:
    """Whoever routes the traffic otherwise means it."""
    begin(paul)
    release(slug=SLUG, version=BETTER, share=10, actor=actor_of(paul))
    ended = RolloutPlan.objects.get()
    assert (ended.status, ended.why) == ("overtaken", f"{BETTER} was released to 10 %")
    begin(paul, Steps(steps=(Step(share=25), Step(share=100))))
    rollback(slug=SLUG, reason="It does worse.", running="finish", actor=actor_of(paul))
    assert set(RolloutPlan.objects.values_list("status", flat=True)) == {"overtaken"}
    begin(paul)
    begin(paul, Steps(steps=(Step(share=10), Step(share=50))))
    assert RolloutPlan.objects.filter(status="active").count() == 1


def test_gate_and_second_person_are_asked_as_it_begins(world: World, better: PromptVersion, paul: User, ada: User) -> None:
    """The approval covers all steps, which it names; a step later asks nobody."""
    document = DEFAULT_POLICY.model_dump(mode="json")
    policies.save({**document, "releases": {"second_person": True}}, note="Two for a release.", actor=actor_of(ada))
    asked = asking.send(slug=SLUG, version=BETTER, share=0, actor=actor_of(paul), user_id=paul.pk, steps=AT_ONCE)
    assert isinstance(asked, ApprovalRequest)
    assert "in steps to 100%" in asked.summary
    assert "25 % after 0 min, 4 sessions" in asked.facts["then"]
    assert (share(), RolloutPlan.objects.count()) == (0, 0)
    world.decide(asked, ada, "approve")
    assert (share(), plans.plan_of(SLUG).status) == (5, "active")
    rested(better.pk, 4)
    looked()
    assert (share(), ApprovalRequest.objects.count()) == (25, 1)


def test_a_version_that_its_suites_hold_back_begins_no_plan(world: World, better: PromptVersion, paul: User) -> None:
    """But with a person's reason; its steps then ask no gate."""
    suite(world, paul)
    with pytest.raises(BelowGate):
        begin(paul)
    plans.begin(slug=SLUG, version=BETTER, steps=AT_ONCE, actor=actor_of(paul), override="The supplier asked for it.")
    rested(better.pk, 4)
    looked()
    assert share() == 25


def test_steps_grow_and_what_is_wrong_is_named() -> None:
    """Two at least; each larger than the one before."""
    five, more = {"share": 5}, {"share": 25}
    for wrong in ([five], [more, five], [five, {"share": 30}], [five, {**more, "wait_s": -1}], [five, {**more, "hours": 1}]):
        with pytest.raises(BadText):
            plans.checked_steps(wrong)


def test_a_rollout_is_planned_and_held_by_form_and_over_the_api(
    world: World, better: PromptVersion, paul: User, vic: User
) -> None:
    """The same services, the same words."""
    client, viewer, program = Client(), Client(), Program(paul)
    client.force_login(paul)
    viewer.force_login(vic)
    assert "Release it in steps" in client.get(PAGE).content.decode()
    assert "Release it in steps" not in viewer.get(PAGE).content.decode()
    refused(program.get(f"/prompts/{SLUG}/plan"), 404, "unknown_plan")
    form = {"reason": "Kinder", "step-10": "on", "step-50": "on", "hours-50": "0,5", "minimum-50": "20"}
    wrong = client.post(PAGE, {**form, "hours-50": "soon", "minimum-50": "1e3"})
    assert wrong.status_code == 422
    said = wrong.content.decode()
    assert 'value="soon" autocomplete="off" aria-invalid="true" aria-describedby="hours-50-error"' in said
    assert "A number of hours from 0 to 720." in said
    assert "A whole number from 0 to 100,000." in said
    assert 'value="0,5"' not in said
    assert client.post(PAGE, {**form, "step-50": ""}).content.decode().count("Choose two shares at least.") == 1
    stale = client.post(PAGE, {**form, "shown": str(uuid4())})
    assert stale.status_code == 409
    assert 'value="0,5"' in stale.content.decode(), "what was typed stays also where the traffic was routed anew"
    assert client.post(f"/prompts/{SLUG}/9.9.9/", form).status_code == 404
    assert client.post(PAGE, form).headers["Location"] == PAGE
    told = program.get(f"/prompts/{SLUG}/plan").json()
    assert [(step["share"], step["wait_s"], step["minimum"], step["taken"]) for step in told["steps"]] == [
        (10, 0, 0, True),
        (50, 1800, 20, False),
    ]
    html = viewer.get(PAGE).content.decode()
    assert "Rollout in steps" in html
    assert "after 0.5 h and 20 sessions" in html
    client.post(f"/prompts/{SLUG}/plan/move/", {"act": "pause", "plan": told["id"]})
    assert "Held" in client.get(PAGE).content.decode()
    assert program.post(f"/prompts/{SLUG}/plan/resume", {"plan": told["id"]}).json()["status"] == "active"
    refused(Program(vic).post(f"/prompts/{SLUG}/plan/cancel", {}), 403, "forbidden")
    assert program.post(f"/prompts/{SLUG}/plan/cancel", {}).json()["why"] == "cancelled by Paul"
    body = {"version": BETTER, "steps": [{"share": 25}, {"share": 100, "wait_s": 60, "minimum": 5}]}
    assert program.post(f"/prompts/{SLUG}/plan", body).status_code == 201
    refused(program.post(f"/prompts/{SLUG}/plan", {**body, "steps": body["steps"][::-1]}), 422, "invalid_input")
    odd = {**body, "steps": [{"share": 25}, {"share": 100, "wait_s": "soon"}]}
    (only,) = refused(program.post(f"/prompts/{SLUG}/plan", odd), 422, "invalid_request")["errors"]
    assert only["loc"] == ["body", "steps", 1, "wait_s"], "that too few steps are left is no error of its own"
