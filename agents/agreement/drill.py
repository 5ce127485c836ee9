"""A drill: somebody chooses a way to tamper, it is done to a copy of one session, and the checks say what they find.

The checks are the very functions that look at the real log and the real rows. The copy lives in this process's memory
(`agents.agreement.copied`); the only thing that is written is an entry that a drill was held, by whom, with what result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agents.agreement.copied import BODY, COPY, HASH, PREV, SEQ, Copy, copied
from agents.agreement.errors import NothingToDrill, UnknownTampering
from agents.agreement.found import Finding
from approvals.digest import digest
from audit.actors import Actor
from audit.canonical import Json
from audit.chain import entry_hash, genesis
from audit.events import EventKind
from audit.index import index_soon
from audit.services import Entry, record


@dataclass(frozen=True, slots=True)
class Tampering:
    """One way to tamper: its name, what is done, and the doing. `signed` ones are found by a checkpoint alone."""

    name: str
    title: str
    does: str
    do: Callable[[Copy], None]
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Bad:
    """The first entry of the copy that is wrong."""

    stream: str
    seq: int | None
    log_index: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Drill:
    """What came of one: how much was copied, and what was found first in the log and in the rows."""

    tampering: Tampering
    stream: str
    entries: int
    bad: Bad | None
    finding: Finding | None
    wrong: int

    @property
    def found(self) -> bool:
        """True if the tampering was noticed."""
        return self.bad is not None or self.finding is not None


def hold(name: str, *, actor: Actor, using: str = "default") -> Drill:
    """Tamper with a copy, verify it, and write down that a drill was held.

    Raises UnknownTampering, NothingToDrill where no session has a decided call yet.
    """
    tampering = TAMPERINGS.get(name)
    if tampering is None:
        raise UnknownTampering(name=name[:80], known=", ".join(TAMPERINGS))
    copy = copied(using=using)
    if copy is None or (tampering.signed and copy.signed is None):
        raise NothingToDrill
    many = len(copy.entries)
    tampering.do(copy)
    bad, report = copy.verified(), copy.compared()
    shown = None if bad is None else Bad(bad.stream, bad.seq, bad.log_index, bad.reason)
    # Rows disagree with a log that is tampered with; what is wrong with the log comes first then.
    finding = report.findings[0] if report.findings and bad is None else None
    held = Drill(tampering, copy.stream, many, shown, finding, 0 if bad else report.wrong)
    facts: dict[str, Json] = {"tampering": name, "copied": copy.stream, "entries": many, "found": held.found}
    record([Entry("system", EventKind.AUDIT_DRILLED, actor, facts)], using=using)
    index_soon()
    return held


def _middle(copy: Copy) -> int:
    return len(copy.entries) // 2


def _lied(body: bytes) -> bytes:
    """The bytes of an entry in which somebody else acted."""
    said = json.loads(body)
    said["principal"]["name"] = "Somebody else"
    return json.dumps(said, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def _change(copy: Copy) -> None:
    row = copy.entries[_middle(copy)]
    row[BODY] = _lied(row[BODY])


def _delete(copy: Copy) -> None:
    del copy.entries[_middle(copy)]


def _insert(copy: Copy) -> None:
    place = _middle(copy)
    row = list(copy.entries[place])
    row[BODY] = _lied(row[BODY])
    copy.entries.insert(place, row)


def _swap(copy: Copy) -> None:
    place = _middle(copy)
    one, other = copy.entries[place - 1], copy.entries[place]
    one[SEQ], other[SEQ] = other[SEQ], one[SEQ]
    copy.entries[place - 1], copy.entries[place] = other, one


def _duplicate(copy: Copy) -> None:
    row = list(copy.entries[-1])
    row[SEQ] += 1
    copy.entries.append(row)


def _cut(copy: Copy) -> None:
    del copy.entries[-2:]


def _drop(copy: Copy) -> None:
    copy.entries.clear()


def _rewrite(copy: Copy) -> None:
    """Change one entry, and compute every hash anew from there on, with the head of the stream."""
    _change(copy)
    row = copy.entries[_middle(copy)]
    said = json.loads(row[COPY])
    said["principal"]["name"] = "Somebody else"
    row[COPY] = json.dumps(said)
    before = genesis(copy.stream)
    for row in copy.entries:
        row[PREV], row[HASH] = before, entry_hash(copy.stream, row[SEQ], before, row[BODY])
        before = row[HASH]
    copy.head = (copy.head[0], before, copy.head[2])


def _search_copy(copy: Copy) -> None:
    row = copy.entries[_middle(copy)]
    said = json.loads(row[COPY])
    said["facts"] = {**said.get("facts", {}), "note": "harmless"}
    row[COPY] = json.dumps(said)


def _content(copy: Copy) -> None:
    copy.contents[0][3] = "Never said."


def _status(copy: Copy) -> None:
    row = copy.rows.session
    row["status"] = "failed" if row["status"] == "completed" else "completed"


def _arguments(copy: Copy) -> None:
    """The request's bytes with other arguments, and a digest that fits them: rows that agree with each other."""
    row = copy.rows.requests[-1]
    said = json.loads(bytes(row["body"]))
    said["arguments"] = {**said.get("arguments", {}), "to": "mallory@example.com"}
    row["body"] = json.dumps(said, separators=(",", ":"), sort_keys=True).encode()
    row["digest"] = digest(row["body"])
    for vote in copy.rows.decisions.get(row["id"], ()):
        vote["digest"] = row["digest"]


def _verdict(copy: Copy) -> None:
    row = next(row for row in copy.rows.requests if copy.rows.decisions.get(row["id"]))
    vote = copy.rows.decisions[row["id"]][-1]
    vote["verdict"] = "reject" if vote["verdict"] == "approve" else "approve"


def _decider(copy: Copy) -> None:
    row = next(row for row in copy.rows.requests if row["decided_by"])
    row["decided_by"] += 1000
    for vote in copy.rows.decisions.get(row["id"], ()):
        vote["decided_by"] += 1000


def _request(copy: Copy) -> None:
    copy.rows.requests.pop()


TAMPERINGS: Mapping[str, Tampering] = {
    one.name: one
    for one in (
        Tampering("change", "Change an entry", "In one entry somebody else has acted.", _change),
        Tampering("delete", "Delete an entry", "One entry in the middle is gone.", _delete),
        Tampering("insert", "Insert an entry", "An entry that was never written stands between two others.", _insert),
        Tampering("swap", "Swap two entries", "Two entries change places.", _swap),
        Tampering("duplicate", "Write an entry twice", "The last entry stands there once more.", _duplicate),
        Tampering("cut", "Cut the end off", "The last two entries of the session are gone.", _cut),
        Tampering("drop", "Drop the session", "All entries of the session are gone.", _drop),
        Tampering(
            "rewrite", "Rewrite the chain", "One entry is changed, and every hash after it is computed anew.", _rewrite, True
        ),
        Tampering(
            "copy",
            "Change the copy that is searched",
            "The columns of an entry say something else than its bytes.",
            _search_copy,
        ),
        Tampering("content", "Change a raw text", "Behind a commitment stands another text.", _content),
        Tampering("status", "Forge where the session stands", "The session's row says that it ended otherwise.", _status),
        Tampering(
            "arguments", "Forge what was approved", "Request and decisions are rewritten to fit other arguments.", _arguments
        ),
        Tampering("verdict", "Forge a verdict", "The decision's row says the opposite.", _verdict),
        Tampering("decider", "Forge who decided", "Request and decisions name somebody else.", _decider),
        Tampering("request", "Delete a decided request", "The request's row is gone.", _request),
    )
}
"""What can be drilled, in the order in which it is offered."""
