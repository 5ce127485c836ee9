"""Values of a call that people see only once they ask to: what stands for them in arguments, in changes and in texts. Pure.

Which arguments are sensitive a tool's model says (`agents.tools.sensitive`); a request keeps their places with its facts.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHORTEST, LONGEST_LOOSE = 4, 64
"""A shorter value would cover half of any text; a longer one is looked for as it stands, not with gaps in it."""
GAP = r"[\s-]?"
UNREAD = "[Hidden: it cannot be read as JSON, and the tool takes sensitive fields]"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sensitive value stands in a call's arguments; `kind` is what people call it."""

    parts: tuple[str, ...]  # ("accounts", "0", "iban")
    kind: str

    @property
    def path(self) -> str:
        """The place as people and changes name it."""
        return ".".join(self.parts)

    def as_json(self) -> dict[str, Any]:
        """Return the place as a request keeps it."""
        return {"path": list(self.parts), "kind": self.kind}


def places_of(facts: Mapping[str, Any]) -> tuple[Place, ...]:
    """Return the places that a request keeps; none for nearly every request."""
    return tuple(Place(tuple(map(str, one["path"])), str(one["kind"])) for one in facts.get("sensitive") or ())


def mark(kind: str, value: object) -> str:
    """Return what stands for a sensitive value: its kind and its length, never anything of itself."""
    size = ""
    if isinstance(value, str):
        size = f"{len(value):,} character{'' if len(value) == 1 else 's'}, "
    elif isinstance(value, list | dict):
        size = f"{len(value):,} part{'' if len(value) == 1 else 's'}, "
    return f"[{kind}, {size}hidden]"


def masked(value: Any, places: Sequence[Place], at: tuple[str, ...] = ()) -> Any:
    """Return arguments with a mark in place of each sensitive value; what is empty stays, since it holds nothing."""
    within = [place for place in places if place.parts[: len(at)] == at]
    if not within or value in (None, "", [], {}):
        return value
    if whole := next((place for place in within if place.parts == at), None):
        return mark(whole.kind, value)
    if isinstance(value, Mapping):
        return {name: masked(part, within, (*at, str(name))) for name, part in value.items()}
    if isinstance(value, list):
        return [masked(part, within, (*at, str(index))) for index, part in enumerate(value)]
    return value


def masked_changes(changes: Iterable[Mapping[str, Any]], places: Sequence[Place]) -> list[dict[str, Any]]:
    """Return changes `{path, before, after}` without the values of those that touch a sensitive place."""
    return [_change(dict(change), places) for change in changes]


def _change(change: dict[str, Any], places: Sequence[Place]) -> dict[str, Any]:
    path = str(change.get("path", ""))
    for place in places:
        inside, around = path == place.path or path.startswith(f"{place.path}."), place.path.startswith(f"{path}.")
        if inside or around or not path:
            return {**change, **{side: mark(place.kind, change[side]) for side in ("before", "after") if change.get(side)}}
    return change


class Mask:
    """The sensitive values of one or more calls, covered wherever they are met.

    A text is covered too where it repeats a value, with blanks or hyphens in it or in other cases: what an agent says
    of a call, and what a tool answers, would tell it otherwise.
    """

    def __init__(self, calls: Iterable[tuple[Any, Sequence[Place]]] = ()) -> None:
        known = {text: place.kind for arguments, places in calls for text, place in _texts(arguments, places)}
        self._texts = [(_pattern(text), mark(kind, text)) for text, kind in sorted(known.items(), key=lambda one: -len(one[0]))]

    def __bool__(self) -> bool:
        return bool(self._texts)

    def text(self, text: str) -> str:
        """Return a text with each known value covered."""
        for pattern, shown in self._texts:
            text = pattern.sub(shown.replace("\\", r"\\"), text)
        return text

    def value(self, value: Any) -> Any:
        """Return a value of JSON with each known value in its texts covered."""
        if not self._texts:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {name: self.value(part) for name, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and (told := self.text(str(value))) != str(value):
            return told
        return value

    def document(self, text: str, places: Sequence[Place] = ()) -> str:
        """Return a text that may be JSON, covered inside it; `places` are covered by where they stand, too.

        Where it has sensitive places and cannot be read, nothing of it is shown.
        """
        if not self._texts and not places:
            return text
        found = read_json(text)
        if found is None:
            return UNREAD if places else self.text(text)
        shown = self.value(masked(found, places))
        return text if shown == found else json.dumps(shown, ensure_ascii=False)


def read_json(text: str) -> Any:
    """Return what a text of JSON says; None where it says nothing or is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _texts(arguments: Any, places: Sequence[Place]) -> Iterator[tuple[str, Place]]:
    for place in places:
        for text in _leaves(at(arguments, place.parts)):
            if len(text) >= SHORTEST:
                yield text, place


def at(value: Any, parts: tuple[str, ...]) -> Any:
    """Return what stands at a place; None where nothing does."""
    for part in parts:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif value is not None and not isinstance(value, bool):
        yield str(value).strip()


def _pattern(text: str) -> re.Pattern[str]:
    solid = re.sub(r"[\s-]", "", text)
    if len(solid) > LONGEST_LOOSE or len(solid) < SHORTEST:
        return re.compile(re.escape(text), re.IGNORECASE)
    if solid.isdigit():
        return re.compile(r"(?<!\d)" + GAP.join(solid) + r"(?!\d)")
    return re.compile(GAP.join(map(re.escape, solid)), re.IGNORECASE)
