"""Reading the log: pages by filter, one entry, a stream's story, the feed, raw content. AUDIT-5, AUDIT-6."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.actors import Actor
from audit.content import read_text, read_texts, texts_of
from audit.errors import UnknownEntry
from audit.events import EventKind
from audit.feed import FeedEvent, head, read
from audit.ids import uuid7
from audit.index import index_log
from audit.models import AuditEntry
from audit.queries import EntryFilter, entries, is_closed, story
from audit.queries import entry as one_entry
from audit.services import Entry, Text, record
from audit.stored import StoredEntry
from tests.audit.conftest import REMY, entry

AGENT = Actor("agent", "research-assistant", "Research assistant", "tok_1")


@pytest.fixture
def story_of_a_session(db: None) -> list[Entry]:
    """Six entries of two sessions and the policy, indexed."""
    written = [
        entry("session:S-1", kind=EventKind.SESSION_STARTED, actor=REMY, ids=("S-1",), facts={"agent": "research-assistant"}),
        entry("policy", kind=EventKind.POLICY_REVISED, actor=REMY, rev=2),
        entry(
            "session:S-1", kind=EventKind.TOOL_CALL_EXECUTING, actor=AGENT, facts={"tool": "send_email"}, on_behalf_of="user:7"
        ),
        entry("session:S-2", kind=EventKind.SESSION_STARTED, ids=("S-2",), trace="t1", span="s1"),
        entry(
            "session:S-1",
            kind=EventKind.TOOL_CALL_SUCCEEDED,
            actor=AGENT,
            facts={"tool": "send_email", "note": "Überweisung done"},
        ),
        entry("session:S-1", kind=EventKind.SESSION_COMPLETED, actor=AGENT, ids=("S-1", "AP-9"), rev=5, closes=True),
    ]
    record(written)
    index_log()
    return written


def numbers(where: EntryFilter) -> list[int | None]:
    """The log indexes that a filter finds."""
    return [item.log_index for item in entries(where).items]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (EntryFilter(), [6, 5, 4, 3, 2, 1]),
        (EntryFilter(stream="session:S-1"), [6, 5, 3, 1]),
        (EntryFilter(stream="session:S-1", kind="tool_call"), [5, 3]),
        (EntryFilter(principal="user"), [2, 1]),
        (EntryFilter(principal="user:7"), [2, 1]),
        (EntryFilter(principal="user:8"), []),
        (EntryFilter(principal="agent:research-assistant"), [6, 5, 3]),
        (EntryFilter(kind="session.started"), [4, 1]),
        (EntryFilter(kind="session"), [6, 4, 1]),
        (EntryFilter(kind="sess"), []),
        (EntryFilter(tool="send_email"), [5, 3]),
        (EntryFilter(tool="send_email", kind="tool_call.succeeded"), [5]),
        (EntryFilter(text="überweisung"), [5]),
        (EntryFilter(text="remy"), [2, 1]),
        (EntryFilter(text="AP-9"), [6]),
        (EntryFilter(text="done -remy"), [5]),
        (EntryFilter(text="nothing like it"), []),
        (EntryFilter(text="' & | ! ( :*"), []),
    ],
)
def test_a_filter_finds_its_entries_newest_first(story_of_a_session: list[Entry], where: EntryFilter, found: list[int]) -> None:
    assert numbers(where) == found


def test_times_bound_a_page_from_inclusive_to_exclusive(story_of_a_session: list[Entry]) -> None:
    (later,) = record([entry("policy")])
    assert later.at > AuditEntry.objects.earliest("id").at
    assert [item.seq for item in entries(EntryFilter(since=later.at)).items] == [2]
    assert len(entries(EntryFilter(until=later.at)).items) == 6
    assert entries(EntryFilter(since=later.at + timedelta(seconds=1))).items == []
    assert entries(EntryFilter(until=later.at - timedelta(hours=1))).items == []


@pytest.mark.parametrize("where", [EntryFilter(), EntryFilter(stream="session:S-1"), EntryFilter(principal="agent")])
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_pages_follow_each_other_without_gap_or_repetition(
    story_of_a_session: list[Entry], where: EntryFilter, limit: int
) -> None:
    whole = [item.id for item in entries(where).items]
    seen: list[int] = []
    page = entries(where, limit=limit)
    while True:
        assert len(page.items) <= limit
        seen += [item.id for item in page.items]
        if page.next is None:
            break
        record([entry("policy")])  # what is written meanwhile does not move the pages
        page = entries(where, before=page.next, limit=limit)
    assert seen == whole


def test_an_entry_is_shown_with_all_that_it_says(story_of_a_session: list[Entry]) -> None:
    shown = one_entry(log_index=3)
    stored = AuditEntry.objects.get(place__log_index=3)
    assert shown == StoredEntry(
        id=stored.id, log_index=3, stream="session:S-1", seq=2, kind="tool_call.executing", at=stored.at, actor=AGENT,
        on_behalf_of="user:7", tool="send_email", ids=(), rev=0, facts={"tool": "send_email"}, content={}, trace="", span="",
        closes=False, prev_hash=bytes(stored.prev_hash).hex(), entry_hash=bytes(stored.entry_hash).hex(),
        body=bytes(stored.body),
    )  # fmt: skip
    assert (one_entry(log_index=4).trace, one_entry(log_index=4).span) == ("t1", "s1")
    assert (one_entry(log_index=6).closes, one_entry(log_index=6).rev) == (True, 5)
    assert one_entry(log_index=6).prev_hash == one_entry(log_index=5).entry_hash
    with pytest.raises(UnknownEntry):
        one_entry(log_index=7)


def test_an_entry_without_a_number_yet_is_on_the_page(story_of_a_session: list[Entry]) -> None:
    record([entry("policy")])
    assert numbers(EntryFilter()) == [None, 6, 5, 4, 3, 2, 1]


def test_a_story_is_told_in_order_and_from_where_one_was(story_of_a_session: list[Entry]) -> None:
    assert [item.kind for item in story("session:S-1")] == [
        "session.started", "tool_call.executing", "tool_call.succeeded", "session.completed",
    ]  # fmt: skip
    assert [item.seq for item in story("session:S-1", after=1, limit=2)] == [2, 3]
    assert (is_closed("session:S-1"), is_closed("session:S-2"), is_closed("session:S-404")) == (True, False, False)


def test_the_feed_goes_on_from_a_cursor(story_of_a_session: list[Entry]) -> None:
    assert head() == 6
    assert [event.n for event in read(0, 4)] == [1, 2, 3, 4]
    assert [event.n for event in read(4)] == [5, 6]
    assert read(6) == []
    last = AuditEntry.objects.get(place__log_index=6)
    assert read(5) == [FeedEvent(6, "session.completed", ("S-1", "AP-9"), 5, "session:S-1", last.at)]
    assert read(2, 1)[0].ids == ()


def test_the_head_of_an_empty_log_is_nought(db: None) -> None:
    assert (head(), read(0), entries(EntryFilter()).items) == (0, [], [])


def test_raw_content_is_read_by_its_own_key(db: None) -> None:
    texts = Text(uuid7(), "message", "what was said", "conversation"), Text(uuid7(), "arguments", "{}")
    (written,) = record([entry(texts=texts)])
    assert read_text(texts[0].id) == "what was said"
    assert read_text(uuid7()) is None
    assert read_texts([texts[0].id, texts[1].id, uuid7()]) == {texts[0].id: "what was said", texts[1].id: "{}"}
    assert [(text.name, text.cls, text.body) for text in texts_of(written.id)] == [
        ("arguments", "arguments", "{}"),
        ("message", "conversation", "what was said"),
    ]


@pytest.fixture
def many(fresh_database: Any) -> Any:
    """Twelve thousand entries of many streams, people and tools, with statistics."""
    for start in range(0, 12_000, 2_000):
        record([
            entry(
                f"session:S-{n % 400}",
                actor=Actor("user", str(n % 400), "Somebody"),
                facts={"tool": f"tool_{n % 300}", "word": f"w{n}", "common": "thing"},
                kind=list(EventKind)[n % 110],
            )
            for n in range(start, start + 2_000)
        ])  # fmt: skip
    index_log(patience_ms=1000)
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("VACUUM ANALYZE audit_entry, audit_log_index")
    return fresh_database


def test_an_entry_that_was_tampered_with_is_still_shown(fresh_database: Any) -> None:
    record([entry("policy", facts={"tool": "send_email"})])
    index_log()
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        for body in (b"\xff", b"[]", b'{"facts":1,"principal":[]}'):
            raw.execute("UPDATE audit_entry SET body = %s", [body])
            (shown,) = entries(EntryFilter()).items
            assert (shown.stream, shown.tool, shown.facts, shown.body) == ("policy", "send_email", {}, body)


def test_hashes_are_not_words_and_never_break_an_entry(db: None) -> None:
    facts = {
        "digest": "ab" * 32,
        "odd": "\b0123456789abcdef0123",
        "more": "\x1f0123456789abcdef0123",
        "say": "needle",
        "n": 2**53 - 1,
    }
    record([entry("policy", facts=facts)])
    assert len(entries(EntryFilter(text="needle")).items) == 1
    assert entries(EntryFilter(text="ab" * 32)).items == []


def plan_of(run: Any) -> str:
    """The plans of the statements that a function runs."""
    with CaptureQueriesContext(connection) as captured:
        run()
    with connection.cursor() as cursor:
        plans = []
        for query in captured.captured_queries:
            if query["sql"].startswith(("EXPLAIN", "SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")):
                continue
            cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"))
            plans += [line for (line,) in cursor.fetchall()]
    return "\n".join(plans)


def test_no_list_reads_the_whole_log(many: Any) -> None:
    """AUDIT-5: every filter of a page is served by an index, and no page sorts the log."""
    moment = AuditEntry.objects.latest("id").at
    for where, index in [
        (EntryFilter(), "audit_entry_pkey"),
        (EntryFilter(stream="session:S-7"), "audit_entry_p"),  # place or predecessor: both begin with the stream
        (EntryFilter(principal="user:7"), "audit_entry_by_actor"),
        (EntryFilter(kind="session.started"), "audit_entry_by_kind"),
        (EntryFilter(tool="tool_7"), "audit_entry_by_tool"),
        (EntryFilter(text="w777"), "audit_entry_by_text"),
        (EntryFilter(since=moment), "audit_entry_by_time"),
        (EntryFilter(until=moment), "audit_entry_by_time"),
        (EntryFilter(text="thing"), "audit_entry"),
        (EntryFilter(principal="user:7", tool="tool_7", kind="session"), "audit_entry_by"),
    ]:
        plan = plan_of(lambda where=where: entries(where))
        assert "Seq Scan on audit_entry" not in plan, (where, plan)
        assert index in plan, (where, plan)
    assert "audit_log_index_pkey" in plan_of(lambda: read(11_000, 100))
    assert "audit_log_index_pkey" in plan_of(head)
    for run in (lambda: read(11_000, 100), head, lambda: story("session:S-7"), lambda: one_entry(log_index=9)):
        assert "Seq Scan on audit_entry" not in plan_of(run)
