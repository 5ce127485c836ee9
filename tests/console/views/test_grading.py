"""The pages of grading: the queue, one item and its form, how much is graded, rubrics, and agreement."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.grading import rubrics, rules, sampling
from agents.grading.agreement import agreement
from agents.models import Grade, GradingItem, GradingRubric, GradingRule, Session
from audit.models import AuditEntry
from console.views.grading_rules import told
from tests.flows.conftest import World, actor_of

SignedIn = Callable[[User | None], Client]
AGENT = "research-assistant"
RUBRIC: dict[str, Any] = {"title": "Was it any help", "criteria": [
    {"name": "right", "title": "It was right", "scale": ["Made up", "Partly so", "So throughout"]},
    {"name": "short", "title": "It was short", "scale": ["No", "Yes"]}]}  # fmt: skip
LIST = "/evals/grading/"
ITEM = "/evals/grading/items/G-1/"
GIVEN = {"score-right": "2", "score-short": "2", "note-right": "The second half is not in it."}


@pytest.fixture
def waits(world: World, paul: User) -> Session:
    """A session that answered and was taken to be graded."""
    rubrics.put_rubric(slug="help", document=RUBRIC, actor=actor_of(paul))
    rules.set_rule(kind="agent", key=AGENT, rubric="help", share=100, actor=actor_of(paul))
    session = world.start("What do we say about refunds?")
    world.work()
    sampling.beat(settles_s=0, rests_s=0)
    return session


def html(answer: Any) -> str:
    """What the page says."""
    text: str = answer.content.decode()
    return text


def test_a_reviewer_grades_the_next_one_and_then_sees_the_others(
    waits: Session, rosa: User, remy: User, signed_in: SignedIn
) -> None:
    """PROMPT-8: from the queue to the item, its form, and what others gave only afterwards; reading leaves an entry."""
    first, second = signed_in(rosa), signed_in(remy)
    assert "G-1" in html(first.get(LIST))
    assert first.post(f"{LIST}next/").headers["Location"] == ITEM
    page = html(first.get(ITEM))
    assert "What do we say about refunds?" in page
    assert "Partly so" in page
    assert AuditEntry.objects.filter(kind="content.read", body_json__facts__item=waits.ref).exists()
    assert "Rosa grades it" in html(second.get(LIST))
    assert second.post(f"{ITEM}grade/", GIVEN).status_code == 409
    assert first.post(f"{ITEM}grade/", GIVEN).headers["Location"] == ITEM
    assert "Correct my grade" in html(first.get(ITEM))
    assert "not in it" in html(first.get(ITEM))
    unled = html(second.get(ITEM))
    assert "not in it" not in unled
    assert 'name="score-right"' in unled
    second.post(f"{ITEM}grade/", {**GIVEN, "note-right": "", "score-right": "3"})
    assert "not in it" in html(second.get(ITEM))
    assert "1 of 1" in html(second.get(f"{LIST}results/"))
    assert Grade.objects.count() == 2


def test_a_form_that_lacks_something_says_what_and_keeps_the_rest(waits: Session, rosa: User, signed_in: SignedIn) -> None:
    """422, each criterion with its own error."""
    client = signed_in(rosa)
    answer = client.post(f"{ITEM}grade/", {"score-right": "2", "note-right": "Half of it."})
    assert answer.status_code == 422
    page = html(answer)
    assert page.count("Choose a step.") == 1
    assert "Half of it." in page
    assert 'value="2" required checked' in page
    assert client.post(f"{ITEM}skip/", {"reason": ""}).status_code == 422
    assert client.post(f"{ITEM}nothing/").status_code == 404
    assert not Grade.objects.exists()


def test_an_item_is_skipped_and_given_back(waits: Session, rosa: User, signed_in: SignedIn) -> None:
    """Both from the page."""
    client = signed_in(rosa)
    client.post(f"{LIST}next/")
    assert client.post(f"{ITEM}release/").headers["Location"] == LIST
    assert client.post(f"{ITEM}skip/", {"reason": "It was a test."}).status_code == 302
    assert "It was a test." in html(client.get(f"{LIST}?status=skipped"))
    assert client.post(f"{LIST}next/", follow=True).status_code == 200
    assert GradingItem.objects.get().status == "skipped"


def test_who_may_not_read_it_sees_that_it_is_there(waits: Session, vic: User, paul: User, signed_in: SignedIn) -> None:
    """No text of the session, for a viewer or a prompt manager who did not start it."""
    for user in (vic, paul):
        page = html(signed_in(user).get(ITEM))
        assert "refunds" not in page
        assert "does not read" in page
        assert "Not for you to read" in html(signed_in(user).get(LIST))
    assert not AuditEntry.objects.filter(kind="content.read").exists()


def test_a_share_is_set_from_the_page(waits: Session, olga: User, vic: User, signed_in: SignedIn) -> None:
    """Operators too; what is wrong stands at its field."""
    where = f"{LIST}rules/"
    client = signed_in(olga)
    said = {"what": f"agent:{AGENT}", "share": "5", "rubric": "help", "judge": "scripted-mini", "cap": "0.50"}
    assert client.post(f"{where}set/", said).headers["Location"] == where
    rule = GradingRule.objects.get()
    assert (rule.share, rule.judge, rule.cap_microusd, rule.changed_by) == (5, "scripted-mini", 500_000, "Olga")
    for field, value, error in (("share", "101", "share"), ("cap", "much", "dollars"), ("what", "nobody", "agent or a suite"),
                                ("rubric", "other", "no rubric"), ("judge", "gpt-nonsense", "scripted-1, scripted-mini")):  # fmt: skip
        answer = client.post(f"{where}set/", {**said, field: value})
        assert answer.status_code in (404, 422), field
        assert error in html(answer), field
    assert "Set a share" not in html(signed_in(vic).get(where))


def test_a_rubric_is_written_on_a_page(waits: Session, paul: User, vic: User, signed_in: SignedIn) -> None:
    """Another revision takes its place; what is wrong is said, and what was typed stays."""
    client = signed_in(paul)
    where = f"{LIST}rubrics/new/"
    said = {"slug": "manners", "title": "Good manners", "revision": "0", "title_of": ["It was kind", ""],
            "guide_of": ["Look at the words.", ""], "scale_of": ["No\r\nYes", ""]}  # fmt: skip
    assert client.post(where, {**said, "scale_of": ["No", ""]}).status_code == 422
    assert "Look at the words." in html(client.post(where, {**said, "title": ""}))
    assert client.post(where, said).headers["Location"] == f"{LIST}rubrics/manners/"
    row = GradingRubric.objects.get(slug="manners")
    assert row.document["criteria"] == [
        {"name": "it_was_kind", "title": "It was kind", "guide": "Look at the words.", "scale": ["No", "Yes"]}
    ]
    client.post(f"{LIST}rubrics/manners/", {**said, "title": "Manners", "revision": "1"})
    assert client.post(f"{LIST}rubrics/manners/", {**said, "title": "Other", "revision": "1"}).status_code == 409
    assert GradingRubric.objects.get(slug="manners", status="current").revision == 2
    page = html(signed_in(vic).get(f"{LIST}rubrics/manners/"))
    assert "It was kind" in page
    assert "Store" not in page


def test_the_queue_reads_as_much_for_many_items_as_for_few(
    waits: Session, world: World, rosa: User, signed_in: SignedIn
) -> None:
    """A bounded number of queries."""
    client = signed_in(rosa)

    def reads() -> int:
        client.get(LIST)
        with CaptureQueriesContext(connection) as found:
            client.get(LIST)
        return len(found)

    few = reads()
    for number in range(5):
        world.start(f"Question {number}")
    world.work()
    sampling.beat(settles_s=0, rests_s=0)
    assert GradingItem.objects.count() == 6
    assert reads() == few


def test_few_items_are_told_as_counts_and_many_with_an_interval() -> None:
    """κ 1 of nine would say more than is known."""
    few = told(agreement([(1, 1)] * 5 + [(2, 2)] * 4, 3))
    assert (few["kappa"], few["same"], few["small"]) == ("", 9, True)
    many = told(agreement([(1, 1)] * 20 + [(2, 2)] * 20 + [(1, 2)] * 5, 3))
    assert many["kappa"] == "0.78"
    assert many["between"].startswith("0.")
    assert told(agreement([(1, 1)] * 40, 3))["kappa"] == ""
