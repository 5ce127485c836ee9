"""The raw content of a request: arguments with their origins, reasoning, the question, what was changed.

It is put together for those alone who may read it; everybody else gets the sentence that says so.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from agents.tools import registry
from agents.tools.library import BETWEEN
from agents.tools.results import shorten
from approvals import policies
from approvals.digest import ERASED
from approvals.facts import Origin
from approvals.models import ApprovalRequest
from approvals.policy import Policy
from audit.content import read_texts
from audit.retention.deletions import why_gone
from console.covering import Cover
from console.revealing import marks_of
from console.signs import passage_of, signs_of
from console.views.approval_checks import checks
from console.views.approval_evidence import evidence, question
from console.views.orders import parts
from console.views.origins import call_url, told

NOTHING: Mapping[str, Any] = {
    "hidden": True,
    "reasoning": "",
    "reasoning_note": "Your role does not read raw content.",
    "arguments": [],
    "canonical": "{}",
    "raw": "{}",
    "changes": [],
    "question": "",
}


UNREASONED: Mapping[str, str] = {
    "budget": "The session’s own limit asks this; the model has no say in it.",
    "unknown_outcome": "The call was approved or allowed before; what is asked now, no model asks.",
    "stuck": "The session’s guard against loops asks this; the model has no say in it.",
    "prompt_release": "A person asks this; no model has a part in it.",
}
"""Who asks where no model gave a reason."""
OPEN = frozenset({"budget", "prompt_release"})
"""Kinds whose evidence is the product's own figures and names: no raw content, so everybody may read it."""
EMPTY: tuple[object, ...] = (None, "", [], {})
NOWHERE = {"label": "Nothing in it", "tainted": False, "note": "", "url": ""}
LONG, LONG_LINES, ENDS = 1_200, 24, 160
"""A longer value stands in full below the table, and has to be seen to its end; the table shows both its ends."""


def content(row: ApprovalRequest, reveal: bool, cover: Cover) -> dict[str, Any]:
    """Return what is raw: reasoning, arguments, question; or why it is not shown. `cover` hides what is not revealed."""
    if not reveal:
        return {
            **NOTHING,
            "reasoning_note": UNREASONED.get(row.kind, NOTHING["reasoning_note"]),
            "taint": marks_of(row.taint, revealed=False),
            "evidence": evidence(row) if row.kind in OPEN else [],
        }
    wanted = [id_ for id_ in (row.reasoning_id, row.raw_arguments_id) if id_]
    texts = read_texts(wanted)
    erased = bytes(row.body) == ERASED
    gone = why_gone(f"session:{row.session_ref}") if erased or len(texts) < len(set(wanted)) else ""
    arguments = cover.arguments(arguments_of(row))
    changes = row.facts.get("changed") or []
    origins = [Origin(**part) for part in row.facts.get("origins") or ()]
    policy = policies.current().policy
    session = reverse("session", args=[row.session_ref]) if row.session_ref else ""
    covered = {place.parts[0] for place in cover.places if place.parts}
    lines = [
        {
            **argument(name, value, changes, origins, policy, tainted=bool(row.taint), session=session),
            "covered": name in covered,
        }
        for name, value in _ordered(row.tool, arguments)
    ]
    return {
        "hidden": False,
        "reasoning": cover.text(texts.get(row.reasoning_id, gone)) if row.reasoning_id else "",
        "reasoning_note": "" if row.reasoning_id else UNREASONED.get(row.kind, "The model gave no reason."),
        "arguments": lines,
        "long": [line for line in lines if line["long"]],
        "taint": _provenance(cover.value(row.taint), origins, session),
        "tainted_arguments": [line["name"] for line in lines if line["foreign"]],
        "canonical": json.dumps(arguments, ensure_ascii=False),
        "raw": _raw(texts.get(row.raw_arguments_id), gone, cover) if row.raw_arguments_id else "",
        "changes": [*changes, *_edits(row)],
        "question": question(row),
        "evidence": [{"label": "What was decided on", "value": gone, "mono": False}] if erased else cover.value(evidence(row)),
    }


def _raw(text: str | None, gone: str, cover: Cover) -> str:
    """Return what the model wrote, or as JSON that it was deleted."""
    return json.dumps({"deleted": gone}) if text is None else cover.document(text)


def arguments_of(row: ApprovalRequest) -> dict[str, Any]:
    """Return the arguments that are asked about, or of a call whose outcome nobody knows those that were sent."""
    found = json.loads(row.facts.get("arguments") or "{}") if row.kind == "unknown_outcome" else None
    return found or json.loads(bytes(row.body)).get("arguments") or {}


def argument(
    name: str, value: object, changes: Sequence[Mapping[str, Any]], origins: Sequence[Origin], policy: Policy, *,
    tainted: bool, session: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return one line of the table of arguments: what is sent, what the model wrote, where it comes from, what was checked."""
    mine = [origin for origin in origins if origin.path.split(".")[0] in (name, "…")]
    checked = checks(value, policy)
    text = _text(_plain(value))
    long = len(text) > LONG or text.count("\n") >= LONG_LINES
    return {
        "name": name,
        "value": _plain(value),
        "long": long,
        "lines": text.count("\n") + 1,
        "ends": shorten(text.strip(), ENDS) if long else "",
        "raws": [
            {"before": _text(change.get("before")), "after": _text(change.get("after"))}
            for change in changes
            if str(change.get("path")).split(".")[0] == name and not change.get("added")
        ],
        "origins": [NOWHERE] if value in EMPTY else told(mine, tainted=tainted, session=session),
        "foreign": any(origin.untrusted for origin in mine),
        "checks": checked,
        "failed": any(origin.untrusted for origin in mine) or not all(check["ok"] for check in checked),
    }


def _provenance(taint: Sequence[Mapping[str, Any]], origins: Sequence[Origin], session: str) -> list[dict[str, Any]]:
    """Return the untrusted sources, those that set a value first, with a way to the answer that brought them."""
    calls = {origin.ref: origin.call for origin in origins if origin.untrusted and origin.call}
    marks = [
        {
            **mark,
            "href": call_url(session, calls.get(str(mark.get("ref")), "")),
            "pieces": [parts(piece) for piece in _pieces(str(mark.get("quote", "")))],
            "signs": signs_of(mark),
            "passage": passage_of(mark),
        }
        for mark in taint
    ]
    return sorted(marks, key=lambda mark: not mark["href"])


def _pieces(quote: str) -> list[str]:
    """Return the passages of a quote that a search put together, each with the dots that say where it was cut."""
    *first, last = quote.split(BETWEEN)
    return [*(f"{piece} …" for piece in first), last]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _plain(value: object) -> object:
    """Return a list of texts as its lines, which read better than JSON; everything else as it is."""
    texts = isinstance(value, list) and bool(value) and all(isinstance(part, str) and "\n" not in part for part in value)
    return "\n".join(value) if texts and isinstance(value, list) else value


def _ordered(tool: str, arguments: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the arguments in the order of the tool's schema, which is that of reading; the bytes sort them otherwise."""
    found = registry.get(tool)
    places = {name: place for place, name in enumerate(found.schema.get("properties", {}) if found else ())}
    return sorted(arguments.items(), key=lambda pair: places.get(pair[0], len(places)))


def _edits(row: ApprovalRequest) -> list[dict[str, Any]]:
    return [change for decision in row.decisions.all() if decision.verdict == "edit" for change in decision.difference]
