"""Prompts as files: one for each version, its text behind a front matter, so that they can live in version control. Pure.

A file is `SLUG/VERSION.md`: a line `---`, one JSON object, a line `---`, and then the text, byte for byte. What is written
by `rendered` is read back by `parsed` as it was, and written again to the same bytes.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

FENCE = "---\n"
KEYS = ("version", "parent", "author", "created_at", "note", "variables", "parameters", "checksum")

LEFT = ("author", "created_at", "checksum")
"""What a file that a person wrote may leave empty; it is filled in when the version is stored."""


@dataclass(frozen=True, slots=True)
class VersionFile:
    """One version, as its file says it."""

    version: str
    text: str
    variables: dict[str, Any]
    parameters: dict[str, Any]
    checksum: str
    parent: str = ""
    author: str = ""
    created_at: str = ""  # RFC 3339, in UTC
    note: str = ""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between files and database: `kind` is new, missing or changed."""

    kind: str
    slug: str
    version: str
    what: str = ""

    @property
    def line(self) -> str:
        """As a report says it."""
        told = {"new": "only in the files", "missing": "only in the database", "changed": f"not the same: {self.what}"}
        return f"{self.slug} {self.version}  {told[self.kind]}"


def rendered(row: VersionFile) -> str:
    """Return the file of a version."""
    told = asdict(row)
    head = json.dumps({key: told[key] for key in KEYS}, ensure_ascii=False, indent=2, sort_keys=False)
    return f"{FENCE}{head}\n{FENCE}{row.text}"


def parsed(file: str) -> VersionFile:
    """Read a version's file. Raises ValueError with what is wrong."""
    if not file.startswith(FENCE):
        raise ValueError("it does not begin with a line of three hyphens")
    head, fence, text = file.removeprefix(FENCE).partition(f"\n{FENCE}")
    if not fence:
        raise ValueError("its front matter does not end with a line of three hyphens")
    found = json.loads(head)
    if not isinstance(found, dict) or set(found) != set(KEYS):
        raise ValueError(f"its front matter has to hold {', '.join(KEYS)}")
    wrong = [key for key in KEYS if not isinstance(found[key], dict if key in ("variables", "parameters") else str)]
    if wrong:
        raise ValueError(f"`{wrong[0]}` is not what it should be")
    return VersionFile(text=text, **found)


def drift(slug: str, files: dict[str, VersionFile], stored: dict[str, VersionFile]) -> list[Drift]:
    """Return how the files of a prompt differ from what is stored, by version."""
    found = [Drift("new", slug, version) for version in files if version not in stored]
    found += [Drift("missing", slug, version) for version in stored if version not in files]
    for version, file in files.items():
        if version in stored and (names := _differing(file, stored[version])):
            found.append(Drift("changed", slug, version, ", ".join(names)))
    return sorted(found, key=lambda one: (one.slug, one.version))


def _differing(file: VersionFile, row: VersionFile) -> list[str]:
    one, other = asdict(file), asdict(row)
    return [name for name in ("text", *KEYS) if one[name] != other[name] and (one[name] or name not in LEFT)]
