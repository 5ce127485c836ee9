"""Prompts over the API: saving a version, releasing it in shares, rolling it back, and what is refused on the way."""

import hashlib
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from agents.models import AgentRevision, PromptVersion
from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db
ROOT = "/prompts/desk"


def saved(program: Program, text: str = "You are another desk.", **more: Any) -> dict[str, Any]:
    """A further version."""
    answer = program.post(f"{ROOT}/versions", {"text": text, "note": "Another one.", **more})
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def live(program: Program) -> list[tuple[str, int]]:
    """What goes where."""
    return [(one["version"], one["share"]) for one in program.get(ROOT).json()["releases"]]


def test_a_version_is_saved_read_and_compared(paul: User, desk: AgentRevision) -> None:
    """POST and GET /prompts/{slug}/versions, GET …/{version} and …/difference."""
    program = Program(paul)
    made = saved(program, "You are a desk.\nBe brief.", parameters={"temperature": 0.2})
    assert (made["version"], made["status"], made["parent"], made["author"]) == ("1.1.0", "draft", "1.0.0", "Paul")
    assert program.get(f"{ROOT}/versions/1.1.0").json() == made
    told = program.get(f"{ROOT}/versions/1.1.0/difference?against=1.0.0").json()
    assert (told["lines"], told["parameters"], told["variables"]) == (["+Be brief."], True, False)
    assert [one["version"] for one in program.get(f"{ROOT}/versions").json()["items"]] == ["1.1.0", "1.0.0"]


def test_what_is_wrong_with_a_version_is_named_by_its_place(paul: User, desk: AgentRevision) -> None:
    """422 with every field; 409 for a number that is taken; 404 for what is not there."""
    program = Program(paul)
    body = {"text": "For {{tenant}}.", "note": "Wrong.", "parameters": {"temperature": 7}}
    problem = refused(program.post(f"{ROOT}/versions", body), 422, "invalid_prompt")
    assert [one["loc"] for one in problem["errors"]] == [["body", "parameters", "temperature"], ["body", "variables"]]
    refused(program.post(f"{ROOT}/versions", {"text": "Other.", "note": "Wrong.", "version": "1.0.0"}), 409, "prompt_exists")
    refused(program.get(f"{ROOT}/versions/9.0.0"), 404, "unknown_prompt_version")
    refused(program.post("/prompts/none/versions", {"text": "Text.", "note": "None."}), 404, "unknown_prompt")
    assert PromptVersion.objects.count() == 1


def test_a_draft_is_proposed_released_in_shares_and_rolled_back(paul: User, olga: User, desk: AgentRevision) -> None:
    """An operator may roll back and not release."""
    program, operator = Program(paul), Program(olga)
    saved(program)
    assert program.post(f"{ROOT}/versions/1.0.1/propose").json()["status"] == "candidate"
    refused(operator.post(f"{ROOT}/releases", {"version": "1.0.1", "share": 10}), 403, "forbidden")
    assert program.post(f"{ROOT}/releases", {"version": "1.0.1", "share": 10}).status_code == 201
    assert live(program) == [("1.0.0", 90), ("1.0.1", 10)]
    refused(program.post(f"{ROOT}/releases", {"version": "1.0.1", "share": 11}), 422, "invalid_request")
    refused(program.post(f"{ROOT}/versions/1.0.1/retire"), 409, "wrong_stage")
    program.post(f"{ROOT}/releases", {"version": "1.0.1", "share": 100})
    done = operator.post(f"{ROOT}/rollback", {"reason": "Worse.", "running": "move"}).json()
    assert done == {"version": "1.0.1", "to": "1.0.0", "running": "move", "sessions": 0}
    assert live(program) == [("1.0.0", 100)]
    refused(operator.post(f"{ROOT}/rollback", {"reason": "Worse."}), 409, "nothing_before")
    history = program.get(f"{ROOT}/releases?limit=2").json()
    assert [(one["version"], one["share"], one["status"]) for one in history["items"]] == [
        ("1.0.0", 100, "live"),
        ("1.0.1", 100, "rolled_back"),
    ]
    older = program.get(f"{ROOT}/releases?limit=50&cursor={history['next_cursor']}").json()["items"]
    assert [(one["version"], one["share"]) for one in older] == [("1.0.1", 10), ("1.0.0", 90), ("1.0.0", 100)]


def test_a_program_works_out_which_version_a_session_has(paul: User, olga: User, desk: AgentRevision) -> None:
    """PROMPT-2: from the ids that the API gives, by what docs/api.md says, and from nothing else."""
    saved(Program(paul))
    assert Program(paul).post(f"{ROOT}/releases", {"version": "1.0.1", "share": 50}).status_code == 201
    canary = next(one for one in Program(paul).get(f"{ROOT}/releases").json()["items"] if one["version"] == "1.0.1")
    for _ in range(12):
        session = Program(olga).post("/sessions", {"agent": "desk", "goal": "Hello"}).json()
        place = int.from_bytes(hashlib.sha256(f"{session['uuid']}:{canary['id']}".encode()).digest()[:6], "big") / 2**48
        assert session["prompt_version"] == ("1.0.1" if place < 0.5 else "1.0.0")


def test_a_release_on_what_was_not_shown_changes_nothing(paul: User, desk: AgentRevision) -> None:
    """409: somebody routed the traffic meanwhile."""
    program = Program(paul)
    saved(program)
    (shown,) = program.get(ROOT).json()["releases"]
    program.post(f"{ROOT}/releases", {"version": "1.0.1", "share": 10})
    refused(program.post(f"{ROOT}/releases", {"version": "1.0.1", "share": 25, "shown": shown["id"]}), 409, "stale_release")
    refused(program.post(f"{ROOT}/rollback", {"reason": "Worse.", "shown": shown["id"]}), 409, "stale_release")
    assert live(program) == [("1.0.0", 90), ("1.0.1", 10)]


def test_the_same_release_with_its_key_is_done_once(paul: User, desk: AgentRevision) -> None:
    """Idempotency-Key, as everywhere."""
    program = Program(paul)
    saved(program)
    body = {"version": "1.0.1", "share": 10}
    first, second = (program.post(f"{ROOT}/releases", body, key="one") for _ in range(2))
    assert first.json() == second.json()


def test_a_viewer_reads_no_text_and_compares_none(vic: User, paul: User, desk: AgentRevision) -> None:
    """Text and variables are raw content."""
    saved(Program(paul))
    program = Program(vic)
    assert program.get(f"{ROOT}/versions/1.0.1").json()["text"] is None
    refused(program.get(f"{ROOT}/versions/1.0.1/difference?against=1.0.0"), 403, "forbidden")


def test_the_command_rolls_back_and_lists(paul: User, desk: AgentRevision, capsys: pytest.CaptureFixture[str]) -> None:
    """`manage.py prompts`: the same service."""
    program = Program(paul)
    saved(program)
    program.post(f"{ROOT}/releases", {"version": "1.0.1", "share": 25})
    call_command("prompts", "list")
    assert "desk  1.0.0 at 75 %, 1.0.1 at 25 %" in capsys.readouterr().out
    call_command("prompts", "rollback", "desk", reason="Worse.", running="stop")
    assert "1.0.0 has all new sessions. 1.0.1 was rolled back; 0 running or resting sessions stop." in capsys.readouterr().out
    with pytest.raises(CommandError, match="nothing to roll back to"):
        call_command("prompts", "rollback", "desk", reason="Worse.")
