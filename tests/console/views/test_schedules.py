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


def test_an_admin_changes_one_on_its_page_and_ends_it(
    world: World, signed_in: SignedIn, ada: User, olga: User, vic: User
) -> None:
    """What stands is in the form; what is wrong is said at its field; an older page changes nothing."""
    client = signed_in(ada)
    client.post("/schedules/", FORM)
    address = "/schedules/weekly-report/"
    sent = {**FORM, "act": "change", "revision": "1", "zone": "Europe/Berlin", "missed": "never"}
    assert client.get(address).context["typed"]["cron"] == "0 6 * * 1"
    assert "is no time zone" in client.post(address, {**sent, "zone": "Mars/Olympus"}).content.decode()
    assert client.post(address, {**sent, "goal": ""}).status_code == 422
    assert signed_in(olga).post(address, sent).status_code == 403
    assert client.post(address, sent).status_code == 302
    assert "Europe/Berlin" in client.get("/schedules/").content.decode()
    assert client.post(address, sent).status_code == 409
    seen = signed_in(vic).get(address).content.decode()
    assert "Calculate" not in seen
    assert "Admins change and end schedules." in seen
    assert signed_in(olga).post(address, {"act": "end"}).status_code == 403
    assert client.post(address, {"act": "end"}).status_code == 302
    assert client.get("/schedules/").context["items"] == []
    assert "It was ended" in client.get(address).content.decode()


def test_the_page_of_the_agent_says_what_starts_it(world: World, signed_in: SignedIn, ada: User, vic: User) -> None:
    """Its schedules with their next times, and its inlets."""
    signed_in(ada).post("/schedules/", FORM)
    seen = signed_in(vic).get("/agents/research-assistant/").content.decode()
    assert "Starts by itself" in seen
    assert "/schedules/weekly-report/" in seen


def test_the_api_changes_and_ends(world: World, ada: User, olga: User) -> None:
    """With the revision that was shown; the list can be of one agent."""
    program = Program(ada)
    made = program.post("/schedules", {**FORM, "zone": "Europe/Berlin"}).json()
    assert (made["revision"], made["zone"], len(made["coming"])) == (1, "Europe/Berlin", 3)
    changed = program("PATCH", "/schedules/weekly-report", {"revision": 1, "missed": "never"}).json()
    assert (changed["revision"], changed["missed"], changed["cron"]) == (2, "never", FORM["cron"])
    refused(program("PATCH", "/schedules/weekly-report", {"revision": 1, "missed": "once"}), 409, "stale_schedule")
    refused(program("PATCH", "/schedules/weekly-report", {"revision": 2, "zone": "x"}), 422, "invalid_input")
    assert len(program.get("/schedules?agent=research-assistant").json()["items"]) == 1
    assert program.get("/schedules?agent=nobody").json()["items"] == []
    assert program.post("/schedules/weekly-report/end").json()["status"] == "ended"
    assert program.get("/schedules").json()["items"] == []
