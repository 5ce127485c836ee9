"""A saved policy judges on a worker that is already running, and what it refuses is counted by its rule."""

from agents.models import Session
from agents.queries import refused_by_reason
from approvals.models import PolicyRevision
from tests.flows.conftest import World

WRITES = "scenario: writes token={token}"
RULE = {"name": "No files for now", "tool": "write_file", "then": "deny"}


def test_a_saved_policy_refuses_on_a_running_worker_and_is_counted(world: World) -> None:
    """OPS-1, THREATS 4: the same worker lets the call run before the save and refuses it after; nothing is restarted."""
    sessions: list[Session] = [world.start(WRITES.format(token="before"))]

    def rested() -> bool:
        sessions[-1].refresh_from_db()
        if sessions[-1].status in ("queued", "running"):
            return False
        if len(sessions) == 1:
            world.policy(rules=[RULE])
            sessions.append(world.start(WRITES.format(token="after")))
            return False
        return True

    world.work(until=rested)
    before, after = ([call for call in world.calls(session) if call.tool == "write_file"] for session in sessions)
    assert before
    assert {call.status for call in before} == {"succeeded"}
    assert after
    assert {call.status for call in after} == {"denied"}
    assert "Policy rule 'No files for now'." in world.result(after[0])
    assert refused_by_reason(7)["rule", "No files for now"] == len(after)
    assert PolicyRevision.objects.get(current=True).number == 2
    assert world.log_is_whole()
