"""A 404 says which value of the body named what there is not; one that the address caused names none (RFC 9457)."""

import pytest
from django.contrib.auth.models import User

from agents.models import AgentRevision
from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "body", "code", "field"),
    [
        ("/sessions", {"agent": "nobody", "goal": "Sum up."}, "unknown_agent", "agent"),
        ("/covers", {"deputy": "no@example.com", "until": "2999-01-01T00:00:00Z"}, "unknown_person", "deputy"),
        (
            "/evals/suites",
            {"slug": "desk", "title": "Desk", "prompt": "nothing", "agent": "desk"},
            "unknown_prompt",
            "prompt",
        ),
        (
            "/evals/suites",
            {"slug": "desk", "title": "Desk", "prompt": "desk", "agent": "nobody"},
            "unknown_agent",
            "agent",
        ),
    ],
)
def test_what_a_body_names_and_there_is_not_has_its_field(
    ada: User, desk: AgentRevision, path: str, body: dict[str, str], code: str, field: str
) -> None:
    problem = refused(Program(ada).post(path, body), 404, code)
    assert problem["errors"] == [{"loc": ["body", field], "msg": problem["detail"]}]


def test_what_the_address_names_and_there_is_not_has_no_field(ada: User, desk: AgentRevision) -> None:
    """Also where the body happens to say the same."""
    program = Program(ada)
    assert "errors" not in refused(program.get("/agents/nobody"), 404, "unknown_agent")
    answer = program("PATCH", "/tools/nothing", {"enabled": False, "reason": "nothing"})
    assert "errors" not in refused(answer, 404, "tool_not_found")
