"""The requests of a set that is to be decided in one go, each judged by the rule for one: for the page and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals import bulk, queries
from approvals.bulk import BulkVerdict, Member
from approvals.errors import ApprovalNotFound
from approvals.facts import Person
from approvals.models import ApprovalRequest
from console.auth import Caller
from console.covering import cover_of, sensitive_of
from console.revealing import reveals_request
from console.views.approval_bar import TELLING, bar
from console.views.approval_content import content


@dataclass(frozen=True, slots=True)
class Line:
    """One request of the set, with all its values, and why it is left out where it is."""

    row: ApprovalRequest
    member: Member
    values: Sequence[dict[str, Any]]
    why: str


def lines_of(verdict: BulkVerdict, refs: Sequence[str], caller: Caller, person: Person) -> list[Line]:
    """Return the requests of the set that there are, each judged by the rule for one."""
    lines = []
    for ref in refs:
        try:
            row = queries.get(ref)
        except ApprovalNotFound:
            continue
        cover = cover_of(row, caller)
        shown = {**content(row, reveals_request(caller), cover), "sensitive": sensitive_of(row, caller, cover)}
        member = _member(row, caller, person, verdict, shown)
        lines.append(Line(row, member, shown["arguments"], bulk.alone(verdict, member)))
    return lines


def _member(row: ApprovalRequest, caller: Caller, person: Person, verdict: BulkVerdict, shown: Mapping[str, Any]) -> Member:
    failed = sum(bool(value["failed"]) for value in shown["arguments"])
    unusual = tuple(reason["text"] for reason in row.reasons if reason["code"] in TELLING)
    return Member(row.ref, row.kind, row.tool, row.risk, bool(row.taint), failed, unusual, _refusal(row, caller, person, verdict, shown),
                  row.reauthenticate, bool(shown.get("long")), bool(shown["sensitive"] and shown["sensitive"]["covered"]))  # fmt: skip


def _refusal(row: ApprovalRequest, caller: Caller, person: Person, verdict: BulkVerdict, shown: Mapping[str, Any]) -> str:
    if row.status != "pending":
        return f"It is {row.status} already{f', by {row.decided_name}' if row.decided_name else ''}."
    if verdict == "approve" and not reveals_request(caller):
        return "You may not read what it would do."
    if verdict == "approve" and shown["sensitive"] and shown["sensitive"]["covered"]:
        return ""  # its own rule says so
    offered = bar(row, caller, person, shown, proven=True)
    if verdict in offered["verdicts"]:
        return ""
    return str(offered["refusal"]) or f"A request of this kind takes no “{verdict}”."
