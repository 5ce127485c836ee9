"""The pages of a prompt: comparing, writing, releasing and rolling back its versions, without any script."""

import gzip
import random
import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.agents import apply_agent
from agents.models import GuardSet, Prompt, PromptVersion
from agents.prompts.releases import release
from agents.prompts.versions import add_version
from agents.prompts.watching import watch
from audit.actors import SYSTEM, Actor
from tests.console.api.calls import Program
from tests.console.api.conftest import DESK

SignedIn = Callable[[User], Client]
PAGE = "/prompts/desk/"
PAUL = Actor("user", "7", "Paul")


@pytest.fixture(autouse=True)
def _versions(db: None) -> None:
    """A live version and a draft."""
    apply_agent(DESK, actor=SYSTEM)
    add_version(slug="desk", text="You are a desk.\nBe brief.", actor=PAUL, user_id=7, note="Shorter.")


def rows(*variables: tuple[str, str, str]) -> dict[str, list[str]]:
    """Variables as the form sends them: name, source, default."""
    names, sources, defaults = (list(part) for part in zip(*variables, strict=True))
    return {"variable": names, "source": sources, "default": defaults}


def named(shown: str) -> list[str]:
    """The names that stand in the rows of the form."""
    return re.findall(r'name="variable" maxlength="80" value="([^"]*)"', shown)


def html(client_answer: object) -> str:
    """What the page says."""
    return client_answer.content.decode()  # type: ignore[attr-defined,no-any-return]


def test_a_version_shows_what_changes_from_the_live_one(paul: User, signed_in: SignedIn) -> None:
    """First thing seen: the difference, then the rollout."""
    shown = html(signed_in(paul).get(f"{PAGE}1.1.0/"))
    assert "Changes from 1.0.0" in shown
    assert "1 added, 0 removed" in shown
    assert "No new session starts with it. 100% on 1.0.0." in shown


def test_any_two_versions_are_compared(paul: User, signed_in: SignedIn) -> None:
    """By an address of its own, or by the form."""
    client = signed_in(paul)
    assert client.get(f"{PAGE}compare/1.1.0...1.0.0/").headers["Location"] == f"{PAGE}1.0.0/?view=diff&against=1.1.0"
    assert "0 added, 1 removed" in html(client.get(f"{PAGE}1.0.0/?view=diff&against=1.1.0"))
    assert client.get(f"{PAGE}compare/nonsense/").status_code == 404


def test_a_draft_is_written_checked_and_saved(paul: User, signed_in: SignedIn) -> None:
    """What is wrong stands at its field, and what was typed stays."""
    client, typed = signed_in(paul), {"parent": "1.0.0", "text": "For {{who}}.\r\nBe kind.", "note": "Kind."}
    assert "You are a desk." in html(client.get(f"{PAGE}new/"))
    checked = client.post(f"{PAGE}new/?fragment=check", typed)
    assert "not declared" in html(checked)
    refused = client.post(f"{PAGE}new/", typed)
    assert (refused.status_code, "Be kind." in html(refused)) == (422, True)
    wrong = client.post(f"{PAGE}new/", {**typed, **rows(("who", "", "all")), "temperature": "hot"})
    assert (wrong.status_code, "It needs to be a number." in html(wrong)) == (422, True)
    saved = client.post(f"{PAGE}new/", {**typed, **rows(("who", "", "all"), ("", "", "")), "temperature": "0.5"})
    assert saved.status_code == 302, html(saved)
    row = PromptVersion.objects.get(note="Kind.")
    assert (row.text, row.parameters, row.status) == ("For {{who}}.\nBe kind.", {"temperature": 0.5}, "draft")
    assert row.variables == {"who": {"default": "all"}}
    assert "always “all”" in html(client.get(f"{PAGE}{row.version}/"))


def test_variables_are_rows_and_each_name_of_the_text_gets_one(paul: User, signed_in: SignedIn) -> None:
    """Without any script: Check brings the rows, a bare name that the text does not use goes, what is wrong stands in its row."""
    client, typed = signed_in(paul), {"parent": "1.0.0", "text": "For {{who}} in {{where}}.", "note": "Kind."}
    asked = html(client.post(f"{PAGE}new/", {**typed, **rows(("who", "tenant", ""), ("gone", "", "")), "check": "1"}))
    assert named(asked) == ["who", "where", "", ""]
    assert '<option value="tenant" selected>' in asked
    twice = client.post(f"{PAGE}new/", {**typed, **rows(("who", "tenant", ""), ("who", "", "x"), ("", "agent", ""))})
    assert (twice.status_code, "stands in two rows" in html(twice), "A row has no name." in html(twice)) == (422, True, True)
    bare = html(client.post(f"{PAGE}new/", {**typed, **rows(("who", "tenant", ""), ("where", "", ""))}))
    assert "needs a source or a default" in bare.partition("variable-2-error")[2].partition("</tr>")[0]
    saved = client.post(f"{PAGE}new/", {**typed, **rows(("who", "tenant", ""), ("where", "environment", "the house"))})
    assert saved.status_code == 302, html(saved)
    row = PromptVersion.objects.get(note="Kind.")
    assert row.variables == {"who": {"source": "tenant"}, "where": {"source": "environment", "default": "the house"}}
    assert named(html(client.get(f"{PAGE}new/?from={row.version}"))) == ["who", "where", "", ""]


def test_a_viewer_sees_where_traffic_goes_and_no_text(vic: User, signed_in: SignedIn) -> None:
    """Neither text nor any control."""
    shown = html(signed_in(vic).get(f"{PAGE}1.1.0/"))
    assert "Your role does not read prompt texts." in shown
    assert "Be brief." not in shown
    assert "<button" not in shown.partition('id="traffic"')[2].partition("Compare")[0]


def test_a_thousand_versions_and_texts_of_200_kb_stay_bounded(paul: User, signed_in: SignedIn) -> None:
    """Fifty a page, the difference by its counts, the queries as few as with two."""
    client, prompt = signed_in(paul), Prompt.objects.get(slug="desk")
    with CaptureQueriesContext(connection) as few:
        client.get(f"{PAGE}1.0.0/")
    lines = [f"Line {number} of a long text that goes on." for number in range(4900)]
    PromptVersion.objects.bulk_create(
        PromptVersion(prompt=prompt, version=f"2.0.{n}", text="\n".join([*lines, str(n)]), checksum=f"{n:064x}")
        for n in range(40)
    )
    PromptVersion.objects.bulk_create(
        PromptVersion(prompt=prompt, version=f"3.0.{n}", text=f"Short {n}.", checksum=f"{n:064x}") for n in range(960)
    )
    with CaptureQueriesContext(connection) as many:
        shown = html(client.get(f"{PAGE}2.0.7/?view=diff&against=2.0.6"))
    assert "Too long to compare here" in shown
    assert shown.count('class="ver"') == 50
    assert len(many) <= len(few) + 3
    older = shown.partition('href="?older=')[2].partition('"')[0]
    assert html(client.get(f"{PAGE}2.0.7/?older={older}")).count('class="ver"') == 50
    whole = html(client.get(f"{PAGE}2.0.7/?view=text"))
    assert "more characters" in whole


def test_live_versions_stand_side_by_side_and_their_guards_are_set(paul: User, signed_in: SignedIn) -> None:
    """With a canary; what is wrong stands at its line and nothing is set."""
    client, address = signed_in(paul), f"{PAGE}measures/"
    assert "Worse by" not in html(client.get(address))
    release(slug="desk", version="1.1.0", share=25, actor=PAUL)
    shown = html(client.get(address))
    assert shown.index("1.1.0") < shown.index("Worse by")
    assert "from 20 sessions each" in shown
    sent = {"revision": "0", "running": "move", "rejection-allowed": "5", "rejection-minimum": "30"}
    wrong = client.post(address, {**sent, "halt-allowed": "500", "halt-minimum": "30"})
    assert wrong.status_code == 422
    assert "1 thing to put right" in html(wrong)
    assert client.post(address, sent).status_code == 302
    assert client.post(address, sent).status_code == 409
    document = GuardSet.objects.get().document
    assert document == {"guards": [{"measure": "rejection", "allowed": 0.05, "minimum": 30}], "running": "move"}


def test_the_guards_of_a_canary_stand_beside_it_as_they_were_last_seen(paul: User, signed_in: SignedIn) -> None:
    """Nothing is counted for the page."""
    release(slug="desk", version="1.1.0", share=25, actor=PAUL)
    client = signed_in(paul)
    assert "not looked at yet" in html(client.get(f"{PAGE}1.1.0/"))
    assert watch() == 0
    assert "0 of 20 sessions" in html(client.get(f"{PAGE}1.1.0/"))


def test_the_list_names_the_canary_beside_the_live_version(paul: User, signed_in: SignedIn) -> None:
    """Who looks at the list sees what is under way."""
    client = signed_in(paul)
    assert "Canary" not in html(client.get("/prompts/"))
    release(slug="desk", version="1.1.0", share=25, actor=PAUL)
    assert "Canary 1.1.0 at 25%" in html(client.get("/prompts/"))


def test_the_list_goes_on_by_name(paul: User, signed_in: SignedIn) -> None:
    """Fifty a page, with as many queries as for one."""
    client = signed_in(paul)
    with CaptureQueriesContext(connection) as few:
        client.get("/prompts/")
    Prompt.objects.bulk_create(Prompt(slug=f"other-{n:03}") for n in range(120))
    with CaptureQueriesContext(connection) as many:
        first = html(client.get("/prompts/"))
    assert (first.count("data-row"), len(many)) == (50, len(few))
    assert 'href="?after=other-048"' in first
    second = html(client.get("/prompts/?after=other-048"))
    assert (second.count("data-row"), "other-049<" in second, "From the first" in second) == (50, True, True)
    assert "More" not in html(client.get("/prompts/?after=other-100")).partition("Pages")[2]


def asked_for(client: Client, path: str) -> tuple[int, str]:
    """How many queries a page takes, and what it says."""
    client.get(path)  # what is noted once an hour is noted
    with CaptureQueriesContext(connection) as queries:
        return len(queries), html(client.get(path))


def long_text(seed: int) -> str:
    """200 KB of words that hardly compress, in lines that all differ from another seed's."""
    random_ = random.Random(seed)
    lines = (" ".join(f"{random_.getrandbits(40):x}" for _ in range(10)) for _ in range(1_900))
    return "\n".join(lines)[:199_000]


def test_a_thousand_long_versions_take_no_more_queries_and_no_bigger_page(paul: User, signed_in: SignedIn) -> None:
    """The list is a page of them, no text is read that is not shown, and of a long text or difference the beginning comes first."""
    client, prompt = signed_in(paul), Prompt.objects.get()
    few = {path: asked_for(client, f"{PAGE}{path}")[0] for path in ("1.1.0/", "1.1.0/?view=text")}
    parent = PromptVersion.objects.get(version="1.1.0")
    texts = [long_text(1), long_text(2)]
    PromptVersion.objects.bulk_create(
        PromptVersion(
            prompt=prompt, version=f"2.0.{number}", text=texts[number % 2], checksum="0" * 64, parent=parent, author="Paul"
        )
        for number in range(1_000)
    )
    release(slug="desk", version="2.0.1", share=100, actor=PAUL)
    for path, count in few.items():
        now, shown = asked_for(client, f"{PAGE}{path.replace('1.1.0', '2.0.2')}")
        assert now <= count + 1, path
        assert shown.count("data-row") == 50
        assert len(gzip.compress(shown.encode())) < 60 * 1024, path
    assert " more rows</a>" in html(client.get(f"{PAGE}2.0.2/"))
    assert texts[0][-50:] in html(client.get(f"{PAGE}2.0.2/?view=text&whole=1"))
    assert texts[0][-50:] not in html(client.get(f"{PAGE}2.0.2/?view=text"))
    with CaptureQueriesContext(connection) as queries:
        html(client.get(f"{PAGE}2.0.2/?view=text"))
    assert (
        sum('agents_promptversion"."text' in query["sql"] for query in queries) <= 4
    )  # itself, its parent, the live one, and the canary


def test_a_page_of_versions_over_the_api_ends_where_their_texts_are_much(paul: User) -> None:
    """Each once, in order, whatever a page holds."""
    program, prompt = Program(paul), Prompt.objects.get()
    PromptVersion.objects.bulk_create(
        PromptVersion(prompt=prompt, version=f"2.0.{number}", text="a" * 190_000, checksum="0" * 64) for number in range(12)
    )
    seen: list[str] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        told = program.get(f"/prompts/desk/versions?limit=100&cursor={cursor}").json()
        assert sum(len(one["text"]) for one in told["items"]) <= 1_000_000
        seen += [one["version"] for one in told["items"]]
        cursor, pages = told["next_cursor"], pages + 1
    assert (len(seen), len(set(seen)), pages) == (14, 14, 3)
