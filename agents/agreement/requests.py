"""What the log says of a request and of what people said to it: digest, revision, verdicts, by whom, what was void. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.agreement.found import Finding, differing
from agents.agreement.texts import Place, Texts, said
from agents.agreement.told import Told
from approvals.digest import ERASED

TABLE = "approvals_approvalrequest"
DECISIONS = "approvals_decision"
AFTER: Mapping[str, str] = {
    "approval.requested": "pending",
    "approval.revised": "pending",
    "approval.undone": "pending",
    "approval.held": "held",
    "approval.approved": "approved",
    "approval.repeated": "approved",
    "approval.rejected": "rejected",
    "approval.answered": "answered",
    "approval.consumed": "consumed",
    "approval.expired": "expired",
    "approval.withdrawn": "withdrawn",
    "approval.voided": "void",
}
"""Where a request stands after an entry of this kind."""
SETTLING = frozenset({"approval.held", "approval.approved", "approval.repeated", "approval.rejected", "approval.answered"})


@dataclass(slots=True)
class Vote:
    """One verdict as the log has it."""

    by: str
    verdict: str
    revision: int
    digest: str
    seq: int
    amount: int | None
    texts: dict[str, Place]
    voided: str = ""

    @property
    def same(self) -> tuple[str, str, int, str]:
        """What it is told from others by."""
        return (self.by, self.verdict, self.revision, self.digest)


@dataclass(slots=True)
class RequestTold:
    """What the log says of one request so far."""

    ref: str
    first: Told
    status: str = "pending"
    revision: int = 1
    digest: str = ""
    decided_by: str = ""
    seq: int = 0
    votes: list[Vote] = field(default_factory=list)

    def hear(self, entry: Told) -> None:
        """Take the next entry about the request."""
        if entry.kind in AFTER:
            self.status, self.seq = AFTER[entry.kind], entry.seq
        if entry.kind in ("approval.requested", "approval.revised"):
            self.digest, self.revision = entry.fact("digest"), entry.rev
        if entry.kind in SETTLING:
            self.decided_by = _by(entry)
        if entry.kind == "approval.undone":
            self.decided_by = ""
            self._void("undo", entry.by)
        elif entry.kind == "approval.excluded":
            self._void("rights", entry.fact("user"))
        elif entry.kind == "control.resolved" and entry.fact("by"):
            self.status, self.seq = "void", entry.seq  # nothing stands behind a control request
        self._vote(entry)

    def _vote(self, entry: Told) -> None:
        """Take a verdict. An edit has an entry for the revision that it makes, and one more where that settles it."""
        edits = "replaces" in entry.facts
        if "verdict" not in entry.facts or (edits and entry.kind != "approval.revised"):
            return
        if edits:
            self._void("edit", "")
        by = _by(entry)
        if entry.facts.get("broke_glass") or entry.fact("verdict") == "reject":
            self._void("undo", by)  # whoever agreed before has one vote: the one that broke the glass, or refused after all
        texts = {name: Place(entry.seq, name, held) for name, held in entry.content.items()}
        digest = entry.fact("replaces") or entry.fact("digest")
        amount = entry.facts.get("amount_microusd")
        self.votes.append(Vote(by, entry.fact("verdict"), entry.rev, digest, entry.seq, amount, texts))

    def _void(self, why: str, by: str) -> None:
        for vote in self.votes:
            if not vote.voided and by in ("", vote.by):
                vote.voided = why


def _by(entry: Told) -> str:
    """Who gave a verdict; by a standing approval, whoever gave that."""
    return entry.fact("by") if entry.kind == "approval.repeated" else entry.by


@dataclass(slots=True)
class RequestsTold:
    """The requests of one stream, by their short ids."""

    requests: dict[str, RequestTold] = field(default_factory=dict)

    def hear(self, entry: Told) -> None:
        """Take the next entry of the stream."""
        if entry.kind == "approval.requested":
            self.requests.setdefault(entry.about, RequestTold(entry.about, entry))
        noun = entry.kind.partition(".")[0]
        if noun in ("approval", "decision", "control") and (one := self.requests.get(entry.about)) is not None:
            one.hear(entry)


def disagreeing(
    stream: str,
    rows: Iterable[Mapping[str, Any]],
    votes: Mapping[Any, Sequence[Mapping[str, Any]]],
    told: RequestsTold,
    texts: Texts,
) -> list[Finding]:
    """Return what of a stream's requests, and of the decisions on them, is not what the log says.

    Where none of its texts is there any more, requests may have given up their bytes too; that somebody deleted them is asked of
    the texts (`agents.agreement.gone`).
    """
    found, left = [], dict(told.requests)
    for row in rows:
        one = left.pop(row["ref"], None)
        if one is None:
            found.append(Finding(TABLE, row["ref"], "the request", row["status"], "nothing: nobody was asked it", stream))
        else:
            found += _request(row, one, stream, deleted=not texts) + _decisions(
                row["ref"], votes.get(row["id"], []), one, texts, stream
            )
    for one in left.values():
        found.append(Finding(TABLE, one.ref, "the request", "missing", f"it is {one.status}", stream, one.seq))
    return found


def _request(row: Mapping[str, Any], told: RequestTold, stream: str, *, deleted: bool) -> list[Finding]:
    body, first = bytes(row["body"]), told.first
    erased = deleted and body == ERASED
    says = {
        "status": (row["status"], told.status),
        "revision": (row["revision"], told.revision),
        "digest": (row["digest"], told.digest),
        **({} if erased else {"the hash of its bytes": (hashlib.sha256(body).hexdigest(), told.digest)}),
        "decided by": (str(row["decided_by"] or ""), told.decided_by),
        "kind": (row["kind"], first.fact("request_kind")),
        "tool": (row["tool"], first.fact("tool")),
        "agent": (row["agent"], first.fact("agent")),
    }
    if told.revision == 1:
        says |= {
            "tier": (row["tier"], first.fact("tier")),
            "people needed": (row["required"], first.facts.get("required")),
            "groups": (row["groups"], first.facts.get("groups")),
            "risk": (row["risk"], first.facts.get("risk")),
        }
    if row["kind"] == "tool_call" and row["call_id"] is not None and not erased:
        says["call"] = (str(row["call_id"]), _bound(body, "call"))
    if row["kind"] == "tool_call" and not erased:
        says["tier that was shown"] = (row["tier"], _bound(body, "tier"))
    return differing(TABLE, row["ref"], says, stream, told.seq)


def _bound(body: bytes, name: str) -> str:
    """Return a member of the bytes that were decided on."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return str(found.get(name, "")) if isinstance(found, dict) else ""


def _decisions(ref: str, rows: Sequence[Mapping[str, Any]], told: RequestTold, texts: Texts, stream: str) -> list[Finding]:
    """Match what stands in the table to what the log has, verdict by verdict."""
    found, left = [], list(told.votes)
    for row in rows:
        name = f"{ref} {row['verdict']} by {row['decided_name']}"
        same = (str(row["decided_by"]), row["verdict"], row["revision"], row["digest"])
        fitting = [vote for vote in left if vote.same == same]
        vote = next((one for one in fitting if one.voided == row["voided"]), fitting[0] if fitting else None)
        if vote is None:
            logged = "; ".join(f"{one.verdict} by user {one.by} on revision {one.revision}" for one in left)
            mine = f"{row['verdict']} by user {row['decided_by']} on revision {row['revision']} of {row['digest']}"
            found.append(Finding(DECISIONS, name, "the decision", mine, logged or "nothing of the kind", stream, told.seq))
            continue
        left.remove(vote)
        found += _vote(name, row, vote, texts, stream)
    for vote in left:
        name = f"{ref} {vote.verdict} by user {vote.by}"
        found.append(
            Finding(DECISIONS, name, "the decision", "missing", f"it was given on revision {vote.revision}", stream, vote.seq)
        )
    return found


def _vote(name: str, row: Mapping[str, Any], vote: Vote, texts: Texts, stream: str) -> list[Finding]:
    says = {"what made it void": (row["voided"], vote.voided), "amount": (row["amount"], vote.amount)}
    for word in ("instruction", "answer"):
        place = vote.texts.get(word)
        if place is None:
            says[word] = (row[word], "")
        elif row[word] and (body := said(place, texts)) is not None:
            says[word] = (row[word], body)
    return differing(DECISIONS, name, says, stream, vote.seq)
