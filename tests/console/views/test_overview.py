"""The overview's last hour: what was asked, spent, called and put before people, drawn and as a table (OBS-4)."""

from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.lately import PARTS, lately
from agents.models import ToolCall, Turn
from audit.feed import head
from tests.console.api.calls import Program
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
MAIL = "scenario: mail-once to=kim@customer.example"


def test_the_hour_adds_up_what_happened_in_it_and_forgets_what_came_before(world: World) -> None:
    """Answers with their times and cost, calls and which of them failed, requests; two minutes each."""
    world.start("calculate 6 * 7")
    world.start(MAIL)
    world.work()
    turns, hour = list(Turn.objects.all()), lately()
    assert (hour.whole.answers, hour.whole.cost_microusd) == (len(turns), sum(turn.cost_microusd for turn in turns))
    assert hour.whole.half_ms <= hour.whole.slow_ms
    assert (hour.whole.calls, hour.whole.failed, hour.whole.requests) == (ToolCall.objects.count(), 0, 1)
    assert len(hour.parts) == PARTS
    assert sum(part.answers for part in hour.parts[-2:]) == len(turns)
    ToolCall.objects.filter(status="succeeded").update(status="failed")
    assert lately().whole.failed == 1
    for rows in (Turn, ToolCall):
        rows.objects.update(created_at=Now() - timedelta(minutes=31))
    assert lately().parts[PARTS - 16].answers == len(turns)
    for rows in (Turn, ToolCall):
        rows.objects.update(created_at=Now() - timedelta(minutes=61))
    assert lately().whole.answers == lately().whole.calls == 0


def test_the_page_draws_it_and_says_the_same_in_words_and_in_a_table(world: World, signed_in: SignedIn, vic: User) -> None:
    """Four charts, each with a label; the part that comes with each event reads no hour, the hour is a part of its own."""
    client = signed_in(vic)
    empty = client.get("/overview/").content.decode()
    assert empty.count('class="chart"') == 4
    assert "Nothing happened." in empty
    world.start("calculate 6 * 7")
    world.work()
    seen = client.get("/overview/").content.decode()
    assert "Calls of tools within the last hour, by two minutes: 1, 0 % of 1 failed" in seen
    assert 'aria-label="The last hour, by two minutes"' in seen
    assert 'style="' not in seen
    with CaptureQueriesContext(
        connection,
    ) as asked:
        fragment = client.get("/overview/?fragment=now").content.decode()
    assert 'class="chart"' not in fragment
    assert not [one for one in asked if "percentile_cont" in one["sql"]]
    hour = client.get("/overview/?fragment=hour").content.decode()
    assert "Calls of tools within the last hour, by two minutes: 1, 0 % of 1 failed" in hour
    assert "Needs people" not in hour


def test_the_hour_is_as_late_as_whoever_asks_knows_the_log(world: World, signed_in: SignedIn, vic: User, olga: User) -> None:
    """What is drawn once for all is drawn again for who knows of a later event; nobody sees less than they know of."""
    client, other = signed_in(vic), signed_in(olga)
    address = "/overview/?fragment=hour"
    before = client.get(address, headers={"Live-Cursor": "0"}).content.decode()
    world.start("calculate 6 * 7")
    world.work()
    after = client.get(address, headers={"Live-Cursor": str(head())}).content.decode()
    assert "by two minutes: 1, 0 % of 1 failed" not in before
    assert "by two minutes: 1, 0 % of 1 failed" in after
    assert other.get(address, headers={"Live-Cursor": str(head())}).content.decode() == after


def test_the_api_tells_the_same_hour(world: World, vic: User) -> None:
    """As a whole and in its parts."""
    world.start("calculate 6 * 7")
    world.work()
    told = Program(vic).get("/overview").json()["last_hour"]
    assert (told["whole"]["calls"], told["whole"]["failed"], told["whole"]["requests"]) == (1, 0, 0)
    assert sum(part["answers"] for part in told["parts"]) == told["whole"]["answers"] > 0
    assert len(told["parts"]) == PARTS
