"""A case of a suite as a form, and the form as its document. Pure.

Inputs are named by their place in the document (`expect.2.tool`), so that an error of the document's own model finds its input.
Whether a document is valid is judged by that model alone; what the form cannot read is left as it was typed, for the model to
complain about.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from agents.evals.document import CaseDocument
from console.case_conditions import conditions_of, lines_of
from console.forms import MICRO, plain

Sent = Mapping[str, str]
LISTS = ("start", "recorded", "expect")
MOST_INPUTS = 400
"""A case with more is shown as JSON alone: a request has a bound of inputs, and a person too."""
KINDS: Mapping[str, tuple[str, ...]] = {
    "called": ("tool", "arguments", "exactly", "at_least", "at_most", "judged"),
    "not_called": ("tool", "arguments", "exactly"),
    "order": ("tools",),
    "says": ("text", "like", "case"),
    "never_says": ("text", "like", "case"),
    "schema": ("schema",),
    "language": ("languages",),
    "within": ("turns", "calls", "tokens", "cost_microusd", "seconds"),
    "rubric": ("rubric", "at_least"),
}
"""What each kind of expectation says, in the order of its inputs."""
_JSON = frozenset({"exactly", "schema", "arguments", "calls", "sources"})
_BOXES = frozenset({"like", "case"})
_REST = ("task_type", "tenant", "on_behalf_of", "turns", "seconds")


def sent_of(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what the form's inputs hold for a stored document; a box that is not ticked is left out."""
    return {name: value for name, value in _inputs(document) if value}


def document_of(sent: Sent) -> dict[str, Any]:
    """Return the document that the inputs say; rows keep their order, see `places`."""
    found: dict[str, Any] = {
        "start": [_line(sent, f"start.{place}") for place in places(sent, "start")],
        "recorded": [_recorded(sent, f"recorded.{place}") for place in places(sent, "recorded")],
        "expect": [_expected(sent, f"expect.{place}") for place in places(sent, "expect")],
        "sandbox": _listed(sent.get("sandbox", "")),
    }
    return found | {name: value for name in _REST if (value := sent.get(name, "").strip())}


def places(sent: Sent, rows: str) -> list[int]:
    """Return the places of the rows of a list, in order."""
    parts = (name.split(".") for name in sent)
    return sorted({int(part[1]) for part in parts if len(part) > 2 and part[0] == rows and _small(part[1])})


def row_of(name: str) -> tuple[str, int] | None:
    """Return the list and the place of a row that a button names (`expect.2`); None for what is no row."""
    rows, _, place = name.partition(".")
    return (rows, int(place)) if rows in LISTS and _small(place) else None


def added(sent: Sent, what: str) -> dict[str, str]:
    """Return the inputs with another row: of `start`, of `recorded`, or an expectation of the kind that is named."""
    rows = what if what in ("start", "recorded") else "expect"
    at = f"{rows}.{max(places(sent, rows), default=-1) + 1}"
    first = {"start": {"source": "user"}, "recorded": {"status": "succeeded"}}.get(what) or {"kind": _kind(what)}
    return {**sent, **{f"{at}.{name}": value for name, value in first.items()}}


def dropped(sent: Sent, row: str) -> dict[str, str]:
    """Return the inputs without a row."""
    known = row_of(row)
    return {name: value for name, value in sent.items() if known is None or not name.startswith(f"{known[0]}.{known[1]}.")}


def faithful(document: Mapping[str, Any]) -> bool:
    """Return whether the form shows the whole document; where it does not, only its JSON text is offered."""
    sent = sent_of(document)
    if len(sent) > MOST_INPUTS:
        return False
    try:
        again = CaseDocument.model_validate(document_of(sent)).stored()
    except ValidationError:
        return False
    return again == CaseDocument.model_validate(document).stored()


def located(errors: Sequence[Mapping[str, str]], sent: Sent) -> dict[str, list[str]]:
    """Return the messages by the name of the input that they are about."""
    found: dict[str, list[str]] = {}
    for error in errors:
        name, before = _input(error["loc"].removeprefix("document").removeprefix(".").split("."), sent)
        if name in LISTS and error["msg"].startswith("needs at least") and places(sent, name):
            continue  # what is wrong with its rows is told at each
        said = _TOLD.get(name.rpartition(".")[2]) or error["msg"]
        said = f"{before}: {said}" if before else f"{said[:1].upper()}{said[1:]}"
        found.setdefault(name, []).append(said if said.endswith(".") else f"{said}.")
    return found


_TOLD: Mapping[str, str] = {
    "tool": "name a tool: letters, digits, _ and -, as its page shows it",
    "tools": "name at least two tools, one a line, as their pages show them",
    "languages": "name codes of languages, such as en or de; close ones together, as hr, bs, sr",
    "sandbox": "name tools, one a line, as their pages show them",
    "cost": "write a number of dollars such as 0.50",
    "exactly": 'write an object in JSON, such as {"to": ["kim@halden.example"]}',
}
"""What mends an input, where the words of the model would not tell a person."""


def _input(loc: list[str], sent: Sent) -> tuple[str, str]:
    """Return the input that an error's place belongs to, and what of the place its message has to say."""
    if loc[0] not in LISTS or len(loc) < 2 or not _small(loc[1]):
        return ".".join(loc[:1]), ""
    kept = places(sent, loc[0])
    at = f"{loc[0]}.{kept[int(loc[1])] if int(loc[1]) < len(kept) else loc[1]}"
    rest = loc[3:] if loc[0] == "expect" else loc[2:]  # an expectation's place names its kind too
    if not rest:
        return f"{at}.kind" if loc[0] == "expect" else f"{at}.text" if loc[0] == "start" else f"{at}.tool", ""
    name = {"trust": "untrusted", "cost_microusd": "cost"}.get(rest[0], rest[0])
    return f"{at}.{name}", " ".join([".".join(rest[1:-1]), rest[-1]]).strip() if len(rest) > 1 else ""


def _inputs(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for place, line in enumerate(document.get("start", ())):
        yield from _row(f"start.{place}", {"source": "user", **line}, ("source", "text", "untrusted", "calls"))
    for place, one in enumerate(document.get("recorded", ())):
        names = ("tool", "arguments", "result", "status", "untrusted", "sources")
        yield from _row(f"recorded.{place}", {"status": "succeeded", **one}, names)
    for place, one in enumerate(document.get("expect", ())):
        at = f"expect.{place}"
        yield f"{at}.kind", one["kind"]
        yield from _row(at, one, KINDS[one["kind"]])
    yield "sandbox", "\n".join(document.get("sandbox", ()))
    for name in _REST:
        yield name, str(document.get(name, ""))


def _row(at: str, row: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if name == "untrusted":
            yield f"{at}.untrusted", "true" if row.get("trust") == "untrusted" else ""
        elif name == "cost_microusd" and row.get(name) is not None:
            yield f"{at}.cost", f"{(Decimal(row[name]) / MICRO):f}"
        elif name == "arguments" and at.startswith("expect"):
            yield f"{at}.{name}", lines_of(row.get(name, {}))
        elif row.get(name) is not None:
            yield f"{at}.{name}", _written(name, row[name])


def _written(name: str, value: Any) -> str:
    if name in _BOXES:
        return "true" if value else ""
    if name in _JSON and not isinstance(value, int):  # of bounds, `calls` is a number
        return json.dumps(value, ensure_ascii=False, indent=2) if value or name != "calls" else ""
    return (", " if name == "languages" else "\n").join(value) if isinstance(value, list | tuple) else str(value)


def _line(sent: Sent, at: str) -> dict[str, Any]:
    found: dict[str, Any] = {"source": sent.get(f"{at}.source", ""), "text": sent.get(f"{at}.text", "")}
    found |= {"calls": _json(sent[f"{at}.calls"])} if sent.get(f"{at}.calls", "").strip() else {}
    return found | ({"trust": "untrusted"} if sent.get(f"{at}.untrusted") == "true" else {})


def _recorded(sent: Sent, at: str) -> dict[str, Any]:
    found: dict[str, Any] = {"result": sent.get(f"{at}.result", ""), "status": sent.get(f"{at}.status", "")}
    found |= {"tool": tool} if (tool := sent.get(f"{at}.tool", "").strip()) else {}
    found |= {name: _json(sent[f"{at}.{name}"]) for name in ("arguments", "sources") if sent.get(f"{at}.{name}", "").strip()}
    return found | ({"trust": "untrusted"} if sent.get(f"{at}.untrusted") == "true" else {})


def _expected(sent: Sent, at: str) -> dict[str, Any]:
    kind = sent.get(f"{at}.kind", "")
    found: dict[str, Any] = {"kind": kind}
    for name in KINDS.get(kind, ()):
        value = sent.get(f"{at}.{'cost' if name == 'cost_microusd' else name}", "")
        if value.strip():
            found[name] = _said(name, value)
    return found


def _said(name: str, value: str) -> Any:
    """Return one value of an expectation as the document holds it."""
    if name == "arguments":
        return conditions_of(value)
    if name == "tools":
        return _listed(value)
    if name == "languages":
        return value.replace(",", " ").split()
    if name == "cost_microusd":
        return _microusd(value)
    if name in _BOXES:
        return value == "true"
    return _json(value) if name in _JSON else value if name in ("text", "rubric") else value.strip()


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _microusd(text: str) -> int | str:
    amount = plain(text.strip().removeprefix("$"))
    return int(amount * MICRO) if amount is not None and amount * MICRO == int(amount * MICRO) else text


def _listed(text: str) -> list[str]:
    return [line.strip() for line in text.replace("\r", "").split("\n") if line.strip()]


def _small(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 4


def _kind(what: str) -> str:
    return what if what in KINDS else "not_called"
