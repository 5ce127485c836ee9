"""The second person's approval and the release that follows from it: whatever breaks around them, both stand or neither."""

import os
import signal

import pytest

from agents.models import PromptVersion
from agents.prompts.asking import send
from agents.prompts.releases import routed
from agents.prompts.versions import add_version
from approvals import policies
from approvals.models import ApprovalRequest, Decision
from approvals.policy import DEFAULT_POLICY
from audit.actors import Actor
from audit.models import AuditEntry
from audit.verify import verify
from tests.console.api.calls import Program
from tests.faults import people
from tests.faults.conftest import Figure
from tests.faults.stage import PATIENCE_S, Play
from tests.faults.ways import Cut, way_to_postgres
from tests.waiting import wait_until

KILLS = 20 if os.environ.get("FAULTS") == "full" else 2
SLUG = "payer"
PAUL = Actor("user", "0", "Paul")


@pytest.fixture(autouse=True)
def _two_of_us(play: Play) -> None:
    """Policy asks a second person."""
    document = {**DEFAULT_POLICY.model_dump(mode="json"), "releases": {"second_person": True}}
    policies.save(document, note="Two of us.", actor=PAUL)


def asked(number: int) -> ApprovalRequest:
    """Paul wants to release his next version to everybody."""
    made = add_version(slug=SLUG, text=f"You pay, and say {number}.", actor=PAUL, user_id=None, note="Another.")
    request = send(slug=SLUG, version=made.version, share=100, actor=PAUL, user_id=None)
    assert isinstance(request, ApprovalRequest)
    return request


def stands(request: ApprovalRequest) -> bool:
    """Whether decision and release stand, in every place where either is told; never one of them alone."""
    request.refresh_from_db()
    version = request.facts["version"]
    entries = AuditEntry.objects.filter(stream=f"prompt:{SLUG}", kind="prompt.released", body_json__facts__version=version)
    told = {
        "decided": Decision.objects.filter(request=request, voided="").exists(),
        "consumed": request.status == "consumed",
        "live": [row.version.version for row in routed(SLUG).rows] == [version],
        "active": PromptVersion.objects.get(version=version).status == "active",
        "logged": entries.exists(),
    }
    assert len(set(told.values())) == 1, told
    return told["live"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "done"), [("answer.before_commit", False), ("answer.after_decision", True)])
def test_a_process_dies_around_an_approval_that_releases(play: Play, name: str, done: bool, figure: Figure) -> None:
    """PROMPT-2, THREATS 3 (kill -9): the decision and the release are one write, and whoever comes next finds either or none."""
    for number in range(KILLS):
        request = asked(number)
        decider = play.worker(f"{name}:kill:1", role="decide")
        wait_until(lambda decider=decider: decider.ended, seconds=PATIENCE_S)  # type: ignore[misc]  # mypy cannot infer the default
        assert decider.status == -signal.SIGKILL
        assert stands(request) is done
        assert people.decide_all() == (0 if done else 1)
        assert stands(request)
    assert verify().ok
    figure(failpoint=name, kills=KILLS)


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["before", "after"])
def test_the_connection_of_an_approval_that_releases_is_cut_at_its_commit(play: Play, cut: Cut) -> None:
    """THREATS 3 (drop at COMMIT): nobody can know; the same key reads the answer, or decides now. Both stand once."""
    request = asked(1)
    program, said = Program(people.reviewer()), {"verdict": "approve", "digest": request.digest}
    with way_to_postgres(play.stage.server.socket) as (folder, way), play.by_way_of(folder):
        way.cuts.append(cut)
        lost = program.post(f"/approvals/{request.ref}/decisions", said, key="k")
        assert (lost.status_code, way.made) == (503, [cut])
    assert stands(request) is (cut == "after")
    again = program.post(f"/approvals/{request.ref}/decisions", said, key="k")
    assert (again.status_code, again.get("Idempotency-Replayed")) == (200, "true" if cut == "after" else None)
    assert stands(request)
    assert Decision.objects.filter(request=request).count() == 1
    assert verify().ok
