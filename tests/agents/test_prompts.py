"""Versions that never change, and the traffic that goes to them: what may be done with a prompt, and in which order."""

from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from agents.agents import apply_agent
from agents.errors import (
    BadPromptVersion,
    BadText,
    NothingBefore,
    NotReleased,
    PromptVersionExists,
    StaleRelease,
    UnknownPrompt,
    UnknownPromptVersion,
    WrongStage,
)
from agents.models import Prompt, PromptVersion, Recall, Release, Session
from agents.prompts.releases import Routed, live_version, release, routed
from agents.prompts.rollback import rollback, target
from agents.prompts.semver import FORM
from agents.prompts.shares import Share, chosen
from agents.prompts.versions import add_version, move_version, newest
from agents.starting import start_session
from audit.actors import SYSTEM, Actor
from audit.models import AuditEntry
from tests.console.api.conftest import DESK

PAUL = Actor("user", "7", "Paul")


@pytest.fixture(autouse=True)
def _desk(db: None) -> None:
    apply_agent(DESK, actor=SYSTEM)


def added(text: str = "You are another desk.", **more: Any) -> PromptVersion:
    """Paul saves a version."""
    return add_version(slug="desk", text=text, actor=PAUL, user_id=7, note=more.pop("note", "Another one."), **more)


def to(version: str, share: int) -> Routed:
    """Paul releases it."""
    return release(slug="desk", version=version, share=share, actor=PAUL)


def back(running: str = "finish") -> str:
    """Paul rolls back; returns the version that is live then."""
    return rollback(slug="desk", reason="It is worse.", running=running, actor=PAUL).to.version


def live() -> dict[str, int]:
    """What goes where."""
    return {row.version.version: row.share for row in routed("desk").rows}


def statuses() -> dict[str, str]:
    """Where each version stands."""
    return dict(PromptVersion.objects.filter(prompt__slug="desk").values_list("version", "status"))


def test_a_version_is_saved_as_a_draft_with_all_that_it_fixes() -> None:
    """Its number is proposed by what changed, its parent is the newest, its text is committed to in the trail."""
    row = added(
        "You are a desk.\nYou serve {{tenant}}.", variables={"tenant": {"default": "all"}}, parameters={"temperature": 0}
    )
    assert (row.version, row.status, row.author, row.author_user) == ("1.1.0", "draft", "Paul", 7)
    assert row.parent is not None
    assert (row.parent.version, row.parameters) == ("1.0.0", {"temperature": 0.0})
    entry = AuditEntry.objects.filter(stream="prompt:desk", kind="prompt.version_added").latest("seq")
    assert entry.body_json["facts"]["checksum"] == row.checksum
    assert live() == {"1.0.0": 100}


@pytest.mark.parametrize(
    ("what", "where"),
    [
        ({"text": ""}, "text"),
        ({"text": "x\x00"}, "text"),
        ({"text": "ä" * 100_001}, "text"),
        ({"text": "You are a desk."}, "text"),
        ({"text": "{{a}}"}, "variables"),
        ({"parameters": {"temperature": 9}}, "parameters.temperature"),
        ({"note": " "}, "note"),
        ({"version": "2"}, "version"),
    ],
)
def test_what_cannot_be_saved_is_named_by_its_field(what: dict[str, Any], where: str) -> None:
    """Nothing is stored then."""
    with pytest.raises(BadPromptVersion) as caught:
        added(**what)
    assert where in {one["loc"] for one in caught.value.errors}
    assert PromptVersion.objects.count() == 1


def test_a_number_is_given_once_and_what_is_not_there_is_said() -> None:
    """Prompts, versions and parents."""
    added(version="3.0.0")
    with pytest.raises(PromptVersionExists):
        added("More.", version="3.0.0")
    with pytest.raises(UnknownPromptVersion):
        added("More.", parent="9.9.9")
    with pytest.raises(UnknownPrompt):
        add_version(slug="none", text="Text.", actor=PAUL, user_id=7, note="None.")


@pytest.mark.parametrize("column", ["text", "checksum", "note", "variables", "parameters", "version", "author"])
def test_the_database_refuses_to_change_what_a_version_fixes(column: str) -> None:
    """Whoever asks; only where it stands moves."""
    row = PromptVersion.objects.get()
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        PromptVersion.objects.filter(pk=row.pk).update(
            **{column: {"a": 1} if column in ("variables", "parameters") else "9.9.9"}
        )


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        ("2.1.0-rc.1", True), ("2.1.0-0a", True), ("2.1.0--", True), ("999999999.0.0", True), ("1.0.0-" + "a" * 74, True),
        ("01.0.0", False), ("1.0.0-", False), ("1.0.0-rc..1", False), ("1.0.0-01", False), ("1.0.0\n", False),
        ("1.0.0-" + "a" * 75, False), ("1٠.0.0", False), ("1.0", False), ("9999999999.0.0", False),
    ],
)  # fmt: skip
def test_the_database_knows_one_spelling_of_a_number(number: str, fits: bool) -> None:
    """PROMPT-1: whatever writes a version, `01.0.0` does not stand beside `1.0.0`."""
    first = PromptVersion.objects.get(prompt__slug="desk")
    row = PromptVersion(prompt=first.prompt, version=number, text="Hello.", checksum="0")
    assert bool(FORM.fullmatch(number)) is fits
    if fits:
        row.save(force_insert=True)
        return
    with pytest.raises(DatabaseError, match="prompt_version_one_spelling"), transaction.atomic():
        row.save(force_insert=True)


def test_the_database_refuses_shares_that_do_not_make_up_100() -> None:
    """And to rewrite which share went where."""
    prompt, version = Prompt.objects.get(), PromptVersion.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(DatabaseError, match="make up 100"), transaction.atomic():
        Release.objects.create(prompt=prompt, version=version, share=10)
    with pytest.raises(DatabaseError, match="only ever ended"), transaction.atomic():
        Release.objects.update(share=50)


def test_a_version_goes_from_draft_to_live_and_the_one_before_retires() -> None:
    """Candidate, canary at growing shares, active."""
    added()
    assert move_version(slug="desk", version="1.0.1", event="propose", actor=PAUL).status == "candidate"
    to("1.0.1", 10)
    assert (live(), statuses()) == ({"1.0.0": 90, "1.0.1": 10}, {"1.0.0": "active", "1.0.1": "canary"})
    to("1.0.1", 50)
    assert live() == {"1.0.0": 50, "1.0.1": 50}
    to("1.0.1", 100)
    assert (live(), statuses()) == ({"1.0.1": 100}, {"1.0.0": "retired", "1.0.1": "active"})


def test_the_same_share_again_changes_nothing() -> None:
    """No row, no entry."""
    added()
    to("1.0.1", 25)
    entries = AuditEntry.objects.count()
    to("1.0.1", 25)
    assert (Release.objects.count(), AuditEntry.objects.count()) == (3, entries)


def test_what_cannot_be_released_says_why() -> None:
    """What is live already, a second canary, a share that is no stop, what somebody else changed meanwhile."""
    added()
    added("Third.", version="2.0.0")
    shown = routed("desk").rows[0].pk
    with pytest.raises(NotReleased, match="has all traffic"):
        to("1.0.0", 10)
    with pytest.raises(BadText, match="share"):
        to("1.0.1", 33)
    to("1.0.1", 10)
    with pytest.raises(NotReleased, match="promote it or roll it back"):
        to("2.0.0", 10)
    with pytest.raises(StaleRelease):
        release(slug="desk", version="1.0.1", share=25, actor=PAUL, shown=shown)


def test_a_canary_is_rolled_back_to_what_most_have() -> None:
    """Its version retires, and can be released once more."""
    added()
    to("1.0.1", 25)
    assert back() == "1.0.0"
    assert (live(), statuses()) == ({"1.0.0": 100}, {"1.0.0": "active", "1.0.1": "retired"})
    to("1.0.1", 5)
    assert live() == {"1.0.0": 95, "1.0.1": 5}


def test_a_rollback_passes_over_what_was_itself_rolled_back() -> None:
    """The bad version never comes back by rolling back the good one."""
    for text, number in (("B", "2.0.0"), ("C", "3.0.0")):
        added(text, version=number)
        to(number, 100)
    assert back() == "2.0.0"
    assert back() == "1.0.0"
    with pytest.raises(NothingBefore):
        back()
    to("3.0.0", 100)
    found = target(routed("desk"))
    assert found is not None
    assert found.version == "1.0.0"


def test_a_rollback_says_why_and_what_becomes_of_running_sessions() -> None:
    """Both or none of it."""
    added()
    to("1.0.1", 100)
    with pytest.raises(BadText, match="reason"):
        rollback(slug="desk", reason=" ", running="move", actor=PAUL)
    with pytest.raises(BadText, match="running"):
        rollback(slug="desk", reason="Worse.", running="vanish", actor=PAUL)
    back("move")
    recall = Recall.objects.get()
    assert (recall.status, recall.running, recall.version.version, recall.to.version) == ("open", "move", "1.0.1", "1.0.0")


def test_a_release_of_a_recalled_version_ends_its_recall() -> None:
    """Its sessions stay with it then."""
    added()
    to("1.0.1", 100)
    back("stop")
    to("1.0.1", 10)
    assert Recall.objects.get().status == "ended"


def test_sessions_start_in_shares_that_anybody_can_work_out_again(paul: User) -> None:
    """What each got stands in its entry, and follows from the ids alone."""
    added()
    to("1.0.1", 50)
    shares = [Share(row.pk, row.version_id, row.share) for row in routed("desk").rows]
    got = Counter[str]()
    for number in range(40):
        session = start_session(actor=PAUL, person_id=paul.pk, agent="desk", goal=f"Goal {number}")
        assert session.prompt_version_id == chosen(shares, session.pk).version
        facts = AuditEntry.objects.get(stream=f"session:{session.ref}", kind="session.started").body_json["facts"]
        assert facts["release"] == str(chosen(shares, session.pk).id)
        got[session.prompt_version.version] += 1
    assert set(got) == {"1.0.0", "1.0.1"}


def test_a_session_keeps_its_version_through_every_release(paul: User) -> None:
    """Whatever the shares become; only a rollback that moves it, or an answer of a person, changes it."""
    added()
    to("1.0.1", 50)
    sessions = [start_session(actor=PAUL, person_id=paul.pk, agent="desk", goal=f"Goal {number}") for number in range(10)]
    before = {one.pk: one.prompt_version_id for one in sessions}
    for share in (5, 25, 10, 100):
        to("1.0.1", share)
        assert {one.pk: one.prompt_version_id for one in Session.objects.filter(pk__in=before)} == before


def test_a_prompt_that_needs_a_label_refuses_a_session_without_it(paul: User) -> None:
    """The field is named."""
    added("For {{who}}.", variables={"who": {"source": "tenant"}})
    to("2.0.0", 100)
    with pytest.raises(BadText, match="`tenant`"):
        start_session(actor=PAUL, person_id=paul.pk, agent="desk", goal="Do.")
    assert start_session(actor=PAUL, person_id=paul.pk, agent="desk", goal="Do.", tenant="kestrel").tenant == "kestrel"


def test_what_has_traffic_is_not_set_aside_and_what_is_set_aside_stays_readable() -> None:
    """Only drafts and candidates."""
    added()
    assert move_version(slug="desk", version="1.0.1", event="retire", actor=PAUL).status == "retired"
    with pytest.raises(WrongStage):
        move_version(slug="desk", version="1.0.0", event="retire", actor=PAUL)
    assert live_version("desk").version.version == "1.0.0"


def test_a_thousand_versions_are_read_page_by_page() -> None:
    """Newest first, none twice, and no text is read for it."""
    prompt = Prompt.objects.get()
    first = PromptVersion.objects.get()
    PromptVersion.objects.bulk_create(
        PromptVersion(prompt=prompt, version=f"1.0.{n}", text="x" * 1000, checksum=f"{n:064x}", parent=first)
        for n in range(1, 1000)
    )
    seen: list[str] = []
    page = newest(prompt, 100)
    while page:
        seen += [row.version for row in page]
        page = newest(prompt, 100, before=page[-1].pk)
    assert (len(seen), len(set(seen))) == (1000, 1000)
    assert "text" in newest(prompt, 1)[0].get_deferred_fields()
