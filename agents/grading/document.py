"""What a rubric holds: criteria, each with a scale in words, from the worst to the best. Pure."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

MOST_CRITERIA, MOST_STEPS = 8, 7
LONGEST_NOTE = 1_000
Line = StringConstraints(strip_whitespace=True, min_length=1, max_length=120)


class Part(BaseModel):
    """A part of a rubric: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Criterion(Part):
    """One thing that is graded: 1 is the first step of its scale."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    title: Annotated[str, Line]
    guide: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)] = ""
    scale: Annotated[tuple[Annotated[str, Line], ...], Field(min_length=2, max_length=MOST_STEPS)]

    @property
    def steps(self) -> int:
        """How many steps its scale has."""
        return len(self.scale)


class RubricDocument(Part):
    """A rubric, whole."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=200)]
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1, max_length=MOST_CRITERIA)]

    @field_validator("criteria")
    @classmethod
    def _each_once(cls, value: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        names = [one.name for one in value]
        if len(set(names)) != len(names):
            raise ValueError("names each criterion once")
        return value

    def stored(self) -> dict[str, Any]:
        """As it is kept."""
        return self.model_dump(mode="json")


def wrong_grades(document: RubricDocument, scores: Mapping[str, Any], notes: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return all that is wrong with a grade ([{loc, msg}]): each criterion has one step of its scale, notes are texts."""
    found: list[dict[str, str]] = []
    for one in document.criteria:
        score = scores.get(one.name)
        if type(score) is not int or not 1 <= score <= one.steps:
            found.append({"loc": f"scores.{one.name}", "msg": f"is a whole number from 1 to {one.steps}"})
        note = notes.get(one.name, "")
        if not isinstance(note, str) or len(note) > LONGEST_NOTE or "\x00" in note:
            found.append({"loc": f"notes.{one.name}", "msg": f"has at most {LONGEST_NOTE:,} characters"})
    names = {one.name for one in document.criteria}
    found += [
        {"loc": f"scores.{str(name)[:40]}", "msg": "is no criterion of this rubric"} for name in scores if name not in names
    ][:20]
    found += [
        {"loc": f"notes.{str(name)[:40]}", "msg": "is no criterion of this rubric"} for name in notes if name not in names
    ][:20]
    return found
