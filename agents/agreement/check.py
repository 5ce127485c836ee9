"""The check of the whole database: every row of what agents did and people decided is what the log says, and none is missing.

In parts, each of them as it was at one moment: writers are not held up, memory does not grow with the database, and a row and
the entry about it, which are written together, are seen together. Seven passes:
1. sessions with their turns, calls, requests and decisions
2. requests that belong to no session
3. prompts with their versions and releases
4. the registry: each stream has as many entries as its head says, and the thing that it is about; and the revisions of policy
5. the raw texts that entries commit to: what is not there was deleted by somebody, and an entry says so
6. agents' revisions with their documents, and the settings of tools
7. schedules, inlets, budgets, stops, covers, holds and rules of retention
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from agents.agreement import calls, configured, gone, keeping, prompts, registry, requests, sessions
from agents.agreement.calls import BEGUN, CallsTold
from agents.agreement.found import Finding, Report
from agents.agreement.prompts import PromptTold
from agents.agreement.reading import (
    ALONE,
    AT_ONCE,
    CALLS,
    DECISIONS,
    OF_SESSIONS,
    PROMPTS,
    RELEASES,
    REQUESTS,
    SESSIONS,
    TURNS,
    VERSIONS,
    ids,
    moment,
    places,
    rows_of,
    streams,
    texts_of,
)  # fmt: skip
from agents.agreement.requests import RequestsTold
from agents.agreement.sessions import SessionTold
from agents.agreement.texts import Texts
from agents.agreement.told import Told
from audit.connection import read

Row = dict[str, Any]


class Position(NamedTuple):
    """How far a check has come: its pass, and the last row of that which it has looked at."""

    stage: int = 0
    after: str = ""


def check(*, using: str = "default") -> Report:
    """Hold the whole database against its log; writes nothing."""
    report = Report()
    go_on(report, Position(), using=using)
    return report


def go_on(
    report: Report, position: Position, *, enough: Callable[[], bool] = lambda: False, using: str = "default"
) -> Position | None:
    """Go on with a check until its end, or until `enough` says so: returns where to go on then, or None.

    What is found is added to `report`; writes nothing.
    """
    for stage in range(position.stage, len(STAGES)):
        after: str | None = position.after if stage == position.stage else ""
        while after is not None:
            with moment(using):
                before = len(report.findings)
                after = STAGES[stage](report, after, using)
                report.findings[before:] = _placed(report.findings[before:], using)
            if after is not None and enough():
                return Position(stage, after)
    return None


def check_session(number: int, *, using: str = "default") -> Report:
    """Hold one session against its stream."""
    report = Report()
    with moment(using):
        _held(report, read(SESSIONS, [number - 1, 1], using=using), using)
        report.findings = _placed(report.findings, using)
    return report


def _sessions(report: Report, after: str, using: str) -> str | None:
    rows = read(SESSIONS, [int(after or -1), AT_ONCE], using=using)
    _held(report, rows, using)
    return str(rows[-1]["number"]) if rows else None


@dataclass(slots=True)
class Rows:
    """The rows of one session, and the texts of its stream that are still there."""

    session: Row
    turns: list[Row]
    calls: list[Row]
    requests: list[Row]
    decisions: Mapping[Any, list[Row]]
    texts: Texts

    def held(self, report: Report, entries: Iterable[Told]) -> None:
        """Hold the rows against what the entries of its stream say, and add that to `report`."""
        heard = _Heard.of(entries, self.requests, self.calls)
        row, stream = self.session, f"session:{self.session['ref']}"
        refs = {one["id"]: one["ref"] for one in self.requests}
        report.note(*sessions.disagreeing(row, heard.session, self.turns, self.texts))
        report.note(*calls.disagreeing(row["ref"], self.calls, heard.calls, self.texts, refs))
        report.note(*requests.disagreeing(stream, self.requests, self.decisions, heard.requests, self.texts))
        told = heard.calls.calls.values()
        report.count(
            sessions=1, entries=heard.entries, turns=len(self.turns), calls=len(self.calls), requests=len(self.requests),
            decisions=sum(len(self.decisions.get(one["id"], ())) for one in self.requests),
            effects=sum(call.begun is not None for call in told),
            approved=sum(bool(call.consumed) for call in told if call.status in BEGUN),
            unsettled=sum(call["status"] in ("executing", "unknown") for call in self.calls if row["closed"]),
        )  # fmt: skip


def rows_of_sessions(rows: list[Row], using: str) -> dict[str, Rows]:
    """Read all that belongs to these sessions, by their streams."""
    keys, names = ids(rows), [f"session:{row['ref']}" for row in rows]
    turns, called = rows_of(TURNS, keys, "session_id", using), rows_of(CALLS, keys, "session_id", using)
    asked = rows_of(REQUESTS + OF_SESSIONS, keys, "session_id", using)
    votes = rows_of(DECISIONS, [one["id"] for ones in asked.values() for one in ones], "request_id", using)
    texts = texts_of(names, using)
    return {
        name: Rows(row, turns[row["id"]], called[row["id"]], asked[row["id"]], votes, texts.get(name, {}))
        for name, row in zip(names, rows, strict=True)
    }


def _held(report: Report, rows: list[Row], using: str) -> None:
    """Walk the streams of some sessions, and hold their rows against what those say."""
    left = rows_of_sessions(rows, using) if rows else {}
    for name, entries in streams(list(left), using):
        left.pop(name).held(report, entries)
    for one in left.values():
        one.held(report, ())


@dataclass(slots=True)
class _Heard:
    """What one stream of a session says, once all of its entries were heard."""

    session: SessionTold
    calls: CallsTold
    requests: RequestsTold
    entries: int = 0

    @classmethod
    def of(cls, entries: Iterable[Told], asked: list[Row], called: list[Row]) -> _Heard:
        """Hear a stream from its beginning."""
        heard = cls(SessionTold(), CallsTold(), RequestsTold())
        key_of = {row["id"]: row["key"] for row in called}
        about = {row["ref"]: key_of.get(row["call_id"], "") for row in asked}
        for entry in entries:
            heard.entries += 1
            heard.session.hear(entry)
            heard.requests.hear(entry)
            heard.calls.hear(entry, about)
        return heard


def _alone(report: Report, after: str, using: str) -> str | None:
    """Requests that belong to no session: releases of prompts, control requests."""
    rows = read(REQUESTS + ALONE, [int(after or -1), AT_ONCE], using=using)
    _request_streams(report, rows, using)
    return str(rows[-1]["number"]) if rows else None


def _request_streams(report: Report, rows: list[Row], using: str) -> None:
    names = {f"approval:{row['ref']}": row for row in rows}
    votes, texts = rows_of(DECISIONS, ids(rows), "request_id", using), texts_of(list(names), using)
    heard = {name: RequestsTold() for name in names}
    for name, entries in streams(list(names), using):
        for entry in entries:
            report.count(entries=1)
            heard[name].hear(entry)
    for name, row in names.items():
        report.count(requests=1, decisions=len(votes[row["id"]]))
        report.note(*requests.disagreeing(name, [row], votes, heard[name], texts.get(name, {})))


def _prompts(report: Report, after: str, using: str) -> str | None:
    rows = read(PROMPTS, [after, AT_ONCE], using=using)
    _prompt_streams(report, rows, using)
    return rows[-1]["slug"] if rows else None


def _prompt_streams(report: Report, rows: list[Row], using: str) -> None:
    versions, releases = (rows_of(one, ids(rows), "prompt_id", using) for one in (VERSIONS, RELEASES))
    heard = {f"prompt:{row['slug']}": PromptTold() for row in rows}
    for name, entries in streams(list(heard), using):
        for entry in entries:
            report.count(entries=1)
            heard[name].hear(entry)
    for row in rows:
        mine, told = versions[row["id"]], heard[f"prompt:{row['slug']}"]
        report.count(prompts=1, versions=len(mine), releases=len(releases[row["id"]]))
        report.note(*prompts.disagreeing(row["slug"], mine, releases[row["id"]], told))


def _placed(findings: list[Finding], using: str) -> list[Finding]:
    """Say of each finding which number its entry has in the whole log."""
    numbers = places([(one.stream, one.seq) for one in findings if one.seq], using)
    return [replace(one, log_index=numbers.get((one.stream, one.seq or 0))) for one in findings]


STAGES: tuple[Callable[[Report, str, str], str | None], ...] = (
    _sessions, _alone, _prompts, registry.streams, registry.orphans, registry.unheard, registry.policies, gone.texts,
    gone.more_than_deleted, configured.agents, configured.settings, *keeping.stages(),
)  # fmt: skip
"""The passes in their order. Each looks at the rows after the one that it is given, and returns the last; None at its end."""
