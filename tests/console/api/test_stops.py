"""The kill switch over the API: press, list, lift (API.md, Resources; GUARD-14)."""

import pytest
from django.contrib.auth.models import User

from agents.models import AgentRevision, Stop
from audit.models import AuditEntry
from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db
WHY = "It mails the wrong people."


def test_a_stop_is_pressed_listed_and_lifted(olga: User, vic: User, desk: AgentRevision) -> None:
    """POST, GET, DELETE; everybody who sees anything sees what is stopped, by whom and why."""
    program = Program(olga)
    made = program.post("/stop", {"scope": "agent:desk", "reason": WHY})
    assert made.status_code == 201
    told = {"scope": "agent:desk", "status": "active", "reason": WHY, "pressed_by": "Olga", "lifted_by": None}
    assert told.items() <= made.json().items()
    assert Program(vic).get("/stop").json()["items"] == [made.json()]
    assert program("DELETE", "/stop", {"scope": "agent:desk"}).json()["items"] == []
    assert program.get("/stop").json()["items"] == []
    (past,) = program.get("/stop?status=any").json()["items"]
    assert (past["status"], past["lifted_by"]) == ("lifted", "Olga")
    kinds = AuditEntry.objects.filter(stream="stop").order_by("seq").values_list("kind", "body_json__ids")
    assert list(kinds) == [("stop.set", ["desk"]), ("stop.lifted", ["desk"])]


def test_pressing_and_lifting_again_change_nothing(olga: User, desk: AgentRevision) -> None:
    """Both may be repeated by whoever lost the answer."""
    program = Program(olga)
    first = program.post("/stop", {"scope": "all", "reason": WHY}).json()
    assert program.post("/stop", {"scope": "all", "reason": "Again."}).json() == first
    program.post("/stop", {"scope": "tool:send_email", "reason": WHY})
    for _ in range(2):
        answer = program("DELETE", "/stop", {"scope": "all"})
        assert [one["scope"] for one in answer.json()["items"]] == ["tool:send_email"]
    assert Stop.objects.count() == 2


@pytest.mark.parametrize("scope", ["everything", "agent", "agent:", "session: "])
def test_what_is_no_scope_is_not_lifted_as_if_it_were_one(olga: User, desk: AgentRevision, scope: str) -> None:
    """A slip of the pen must not look as if something went on again; the field and its forms are named."""
    program = Program(olga)
    program.post("/stop", {"scope": "all", "reason": WHY})
    problem = refused(program("DELETE", "/stop", {"scope": scope}), 422, "invalid_input")
    assert problem["errors"][0]["loc"] == ["body", "scope"]
    assert "agent:SLUG" in problem["errors"][0]["msg"]
    assert [one["scope"] for one in program.get("/stop").json()["items"]] == ["all"]


@pytest.mark.parametrize(
    ("scope", "code"),
    [("agent:nobody", "unknown_agent"), ("tool:nothing", "tool_not_found"), ("session:S-1", "unknown_session")],
)
def test_lifting_what_is_not_there_is_refused_as_pressing_it_is(olga: User, desk: AgentRevision, scope: str, code: str) -> None:
    """Whoever mistypes a name must not believe that what they meant goes on; what stands is left alone."""
    program = Program(olga)
    program.post("/stop", {"scope": "agent:desk", "reason": WHY})
    for answer in (program("DELETE", "/stop", {"scope": scope}), program.post("/stop", {"scope": scope, "reason": WHY})):
        problem = refused(answer, 404, code)
        assert problem["errors"] == [{"loc": ["body", "scope"], "msg": problem["detail"]}]
    assert [one["scope"] for one in program.get("/stop").json()["items"]] == ["agent:desk"]


def test_a_session_is_lifted_by_its_name_however_it_is_written_and_also_after_its_end(
    olga: User, remy: User, desk: AgentRevision
) -> None:
    """What pressing takes for a session, lifting takes for it too."""
    program = Program(olga)
    ref = Program(remy).post("/sessions", {"agent": "desk", "goal": "Sum up."}).json()["id"]
    program.post("/stop", {"scope": f"session:{ref.lower()}", "reason": WHY})
    assert [one["scope"] for one in program.get("/stop").json()["items"]] == [f"session:{ref}"]
    assert program("DELETE", "/stop", {"scope": f"session:{ref.lower()}"}).json()["items"] == []
    assert program.get("/stop").json()["items"] == []
    assert program.post(f"/sessions/{ref}/cancel", {}).status_code == 200
    assert program("DELETE", "/stop", {"scope": f"session:{ref}"}).status_code == 200


def test_the_list_is_paged(olga: User, desk: AgentRevision) -> None:
    """Newest first, by cursor."""
    program = Program(olga)
    for scope in ("all", "agent:desk", "tool:calculate"):
        program.post("/stop", {"scope": scope, "reason": WHY})
    page = program.get("/stop?limit=2").json()
    rest = program.get(f"/stop?limit=2&cursor={page['next_cursor']}").json()
    assert [one["scope"] for one in (*page["items"], *rest["items"])] == ["tool:calculate", "agent:desk", "all"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"scope": "agent:nobody", "reason": WHY}, 404, "unknown_agent"),
        ({"scope": "tool:nothing", "reason": WHY}, 404, "tool_not_found"),
        ({"scope": "session:S-1", "reason": WHY}, 404, "unknown_session"),
        ({"scope": "everything", "reason": WHY}, 422, "invalid_input"),
        ({"scope": "all"}, 422, "invalid_request"),
        ({"scope": "all", "reason": "  "}, 422, "invalid_request"),
    ],
)
def test_a_stop_that_names_nothing_or_says_nothing_is_refused(
    olga: User, desk: AgentRevision, body: dict[str, str], status: int, code: str
) -> None:
    """A stop of nothing would look as if something were safe."""
    refused(Program(olga).post("/stop", body), status, code)


def test_a_session_of_what_is_stopped_is_refused_and_a_running_one_says_so(olga: User, remy: User, desk: AgentRevision) -> None:
    """409 with who and why; `stopped` beside the status of those that exist."""
    program = Program(olga)
    session = program.post("/sessions", {"agent": "desk", "goal": "Do it."}).json()
    assert session["stopped"] is None
    program.post("/stop", {"scope": "agent:desk", "reason": WHY})
    problem = refused(Program(remy).post("/sessions", {"agent": "desk", "goal": "Do it."}), 409, "stopped")
    assert problem["detail"].startswith(f"Olga stopped agent desk: {WHY}")
    shown = program.get(f"/sessions/{session['id']}").json()
    assert shown["status"] == "queued"
    assert {"scope": "agent:desk", "by": "Olga", "reason": WHY}.items() <= shown["stopped"].items()


def test_a_program_of_an_operator_may_press_and_a_reviewer_may_not(olga: User, remy: User, desk: AgentRevision) -> None:
    """The right is the roles', narrowed by the scope."""
    body = {"scope": "all", "reason": WHY}
    assert Program(olga, ["stop:write"], service="watchdog").post("/stop", body).json()["pressed_by"] == "watchdog"
    refused(Program(olga, ["stop:read"]).post("/stop", body), 403, "forbidden")
    refused(Program(remy).post("/stop", body), 403, "forbidden")
