"""The declared variables of a prompt's version as rows of a form: one each, with those that the text names and nobody declared.

A row is what was typed: a name, which of a session's labels it takes, and what stands there where that is empty. It becomes
a declaration as `agents.prompts.variables` knows it; that module judges.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from django.http import QueryDict

from agents.prompts.variables import MOST_VARIABLES, Source, names

LABELS: Mapping[str, str] = {
    "": "Always what stands beside",
    "agent": "Agent",
    "environment": "Environment",
    "task_type": "Task type",
    "tenant": "Tenant",
    "feature": "Feature",
}
SOURCES: tuple[str, ...] = ("", *get_args(Source))
SPARE = 2
LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Row:
    """One variable as it was typed, and what is wrong with it."""

    name: str = ""
    source: str = ""
    default: str = ""
    errors: tuple[str, ...] = ()

    @property
    def choices(self) -> list[dict[str, Any]]:
        """The labels of a session to choose from."""
        return [{"value": one, "label": LABELS[one], "chosen": one == self.source} for one in SOURCES]


def sent(values: QueryDict) -> list[Row]:
    """Return the rows of a form that say anything."""
    parts = [values.getlist(name)[: 2 * MOST_VARIABLES] for name in ("variable", "source", "default")]
    rows = (Row(name.strip()[:80], source, _line(default)) for name, source, default in zip(*parts, strict=False))
    return [row for row in rows if row.name or row.source or row.default]


def stored(variables: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Return the rows of a version."""
    return [Row(name, str(one.get("source", "")), str(one.get("default", ""))) for name, one in variables.items()]


def declared(rows: Iterable[Row], text: str) -> tuple[dict[str, Any], list[str]]:
    """Return what the rows declare, and what is wrong between them; a bare name that the text does not use is no row."""
    used, found, wrong = set(names(text)), dict[str, Any](), list[str]()
    for row in rows:
        if not row.name:
            wrong.append("A row has no name. Write the one that stands in the text between double braces.")
        elif row.name in found:
            wrong.append(f"“{row.name}” stands in two rows. Take one out.")
        elif row.source or row.default or row.name in used:
            given = {"source": row.source, "default": row.default}
            found[row.name] = {name: value for name, value in given.items() if value}
    return found, wrong


def shown(rows: Sequence[Row], text: str, errors: Mapping[str, list[str]]) -> list[Row]:
    """Return the rows to show: those typed, one for each name of the text that has none, and a few to write into."""
    used, known = names(text)[:MOST_VARIABLES], {row.name for row in rows}
    kept = [row for row in rows if row.source or row.default or row.name in used]
    missing = [Row(name) for name in used if name not in known]
    return [
        *(replace(row, errors=tuple(errors.get(f"variables.{row.name}", ()))) for row in (*kept, *missing)),
        *[Row()] * SPARE,
    ]


def told(variables: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return declared variables as lines for the page of a version."""
    return [{"label": row.name, "value": _words(row)} for row in stored(variables)]


def _words(row: Row) -> str:
    if not row.source:
        return f"always “{row.default}”"
    rest = f", else “{row.default}”" if row.default else "; a session without one is refused"
    return f"the session’s {LABELS[row.source].lower()}{rest}"


def _line(text: str) -> str:
    """Return what was typed in the one line ending that prompts have."""
    return text[: LONGEST + 1].replace("\r\n", "\n")
