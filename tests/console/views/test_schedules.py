"""Schedules on their page and over the API: made by admins, paused and resumed by operators (OPS-6)."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client

from agents.models import Schedule
from tests.console.api.calls import Program, refused
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
FORM = {
    "name": "weekly-report",
    "agent": "research-assistant",
    "goal": "Calculate 1 + 1.",
    "cron": "0 6 * * 1",
    "overlap": "skip",
}


def test_an_admin_makes_one_and_an_operator_pauses_it(
    world: World, signed_in: SignedIn, ada: User, olga: User, vic: User
) -> None:
    """What was typed is kept where something is wrong; goals are raw content."""
    wrong = signed_in(ada).post("/schedules/", {**FORM, "cron": "soon"})
    assert wrong.status_code == 422
    assert "is no time of five fields" in wrong.content.decode()
    assert "Calculate 1 + 1." in wrong.content.decode()
    assert signed_in(ada).post("/schedules/", {**FORM, "name": "Not A Name"}).status_code == 422
    assert signed_in(ada).post("/schedules/", FORM).status_code == 302
    assert signed_in(olga).post("/schedules/weekly-report/", {"act": "pause"}).status_code == 302
    assert Schedule.objects.get().status == "paused"
    assert "Calculate 1 + 1." in signed_in(olga).get("/schedules/").content.decode()
    seen = signed_in(vic).get("/schedules/").content.decode()
    assert "weekly-report" in seen
    assert "Calculate" not in seen
    assert signed_in(olga).post("/schedules/nothing/", {"act": "resume"}).status_code == 404


def test_the_api_does_the_same(world: World, ada: User, olga: User, vic: User) -> None:
    """Made, listed by name and page, paused, resumed; each error names its field."""
    program = Program(ada)
    made = program.post("/schedules", FORM)
    assert made.status_code == 201
    assert (made.json()["status"], made.json()["created_by"], made.json()["newest"]) == ("active", "Ada", [])
    refused(program.post("/schedules", FORM), 422, "invalid_input")
    refused(program.post("/schedules", {**FORM, "name": "x y"}), 422, "invalid_request")
    program.post("/schedules", {**FORM, "name": "another"})
    page = program.get("/schedules?limit=1").json()
    rest = program.get(f"/schedules?limit=1&cursor={page['next_cursor']}").json()
    assert [one["name"] for one in (*page["items"], *rest["items"])] == ["another", "weekly-report"]
    assert Program(vic).get("/schedules").json()["items"][0]["goal"] is None
    assert Program(olga).post("/schedules/another/pause").json()["status"] == "paused"
    assert Program(olga).post("/schedules/another/resume").json()["status"] == "active"
    refused(Program(olga).post("/schedules/nothing/pause"), 404, "unknown_schedule")
