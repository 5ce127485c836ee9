"""Prompts in a folder: writing them out, seeing how the folder drifted from the database, and taking new versions in.

What is taken in is a draft, or all of a prompt that is new; nothing that is stored is ever changed, and nothing is released.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from agents.models import Prompt, PromptVersion
from agents.prompts import files, semver
from agents.prompts.files import Drift, VersionFile
from agents.prompts.variables import checked
from agents.prompts.versions import LONGEST_TEXT, Draft, bad_version, born, checksum
from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Batch, Birth, Entry
from audit.services import transition as write

Prompts = dict[str, dict[str, VersionFile]]
"""Versions by slug and number."""
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
MOST_FILES = 50_000


def stored() -> Prompts:
    """Return every version that is stored."""
    found: Prompts = {slug: {} for slug in Prompt.objects.order_by("slug").values_list("slug", flat=True)}
    for row in PromptVersion.objects.select_related("prompt", "parent").order_by("created_at", "id").iterator():
        found[row.prompt.slug][row.version] = VersionFile(
            row.version, row.text, row.variables, row.parameters, row.checksum, row.parent.version if row.parent else "",
            row.author, row.created_at.astimezone(UTC).isoformat(), row.note,
        )  # fmt: skip
    return found


def export(folder: Path) -> int:
    """Write every version into a folder and return how many files changed; other files there are left alone."""
    changed = 0
    for slug, versions in stored().items():
        (folder / slug).mkdir(parents=True, exist_ok=True)
        for version, row in versions.items():
            path, body = folder / slug / f"{version}.md", files.rendered(row).encode()
            if not path.exists() or path.read_bytes() != body:
                path.write_bytes(body)
                changed += 1
    return changed


def read(folder: Path, *, edited: bool = False) -> Prompts:
    """Read a folder of prompts. Raises BadPromptVersion with every file that is wrong.

    With `edited` a checksum that does not fit is no error: to see drift is to see what was edited.
    """
    found: Prompts = {}
    errors: list[dict[str, str]] = []
    for path in sorted(folder.glob("*/*.md"))[:MOST_FILES]:
        place = f"{path.parent.name}/{path.name}"
        try:
            row = files.parsed(path.read_bytes().decode())
            _check(path, row, edited)
            found.setdefault(path.parent.name, {})[row.version] = row
        except (ValueError, OSError) as error:
            errors.append({"loc": place, "msg": str(error)})
    if errors:
        raise bad_version(errors)
    return found


def drifted(folder: Path) -> list[Drift]:
    """Return how a folder differs from the database. Raises BadPromptVersion."""
    there, here = read(folder, edited=True), stored()
    return [one for slug in sorted({*there, *here}) for one in files.drift(slug, there.get(slug, {}), here.get(slug, {}))]


@atomically
def take_in(folder: Path, *, actor: Actor) -> list[Drift]:
    """Store the versions that are only in the folder, as drafts, and return what was taken in.

    Raises:
        BadPromptVersion: a file is wrong, or says of a stored version something else than it is: versions never change.
    """
    there, here = read(folder), stored()
    found = [one for slug in sorted(there) for one in files.drift(slug, there[slug], here.get(slug, {}))]
    if changed := [one for one in found if one.kind == "changed"]:
        raise bad_version(
            [{"loc": f"{one.slug}/{one.version}.md", "msg": f"stored versions never change: {one.what}"} for one in changed]
        )
    for slug in sorted({one.slug for one in found if one.kind == "new"}):
        new = {one.version for one in found if one.slug == slug and one.kind == "new"}
        _store(slug, {version: row for version, row in there[slug].items() if version in new}, actor)
    transaction.on_commit(index_soon)
    return [one for one in found if one.kind == "new"]


def _store(slug: str, new: Mapping[str, VersionFile], actor: Actor) -> None:
    prompt = Prompt.objects.select_for_update(no_key=True).filter(slug=slug).first()
    births: list[Birth] = []
    entries: list[Entry] = []
    if prompt is None:
        prompt = Prompt(id=uuid7(), slug=slug)
        births.append(Birth("agents.Prompt", {"id": prompt.pk, "slug": slug}))
        entries.append(Entry(f"prompt:{slug}", EventKind.PROMPT_CREATED, actor, {"slug": slug}, ids=(slug,)))
    known = {row.version: row for row in PromptVersion.objects.filter(prompt=prompt).only("id", "version")}
    for row in _in_order(new, set(known)):
        birth, entry = _born(prompt, row, known.get(row.parent), actor)
        known[row.version] = PromptVersion(id=birth.values["id"], version=row.version)
        births.append(birth)
        entries.append(entry)
    write(Batch(births=tuple(births), entries=tuple(entries)))


def _born(prompt: Prompt, row: VersionFile, parent: PromptVersion | None, actor: Actor) -> tuple[Birth, Entry]:
    draft = Draft(row.text, row.variables, row.parameters, [], "minor", "", row.version)
    written: dict[str, Any] = {"author": row.author} if row.author else {}
    written |= {"created_at": datetime.fromisoformat(row.created_at)} if row.created_at else {}
    return born(prompt, draft, number=row.version, parent=parent, note=row.note, actor=actor, user_id=None, **written)


def _in_order(new: Mapping[str, VersionFile], known: set[str]) -> list[VersionFile]:
    """Parents before those that were made from them; raises BadPromptVersion for one whose parent is nowhere."""
    done, waiting = [], sorted(new.values(), key=lambda row: row.created_at)
    names = set(known)
    while waiting:
        ready = [row for row in waiting if not row.parent or row.parent in names]
        if not ready:
            raise bad_version(
                [{"loc": f"{row.version}.md", "msg": f"there is no {row.parent} to be made from"} for row in waiting]
            )
        done += ready
        names |= {row.version for row in ready}
        waiting = [row for row in waiting if row not in ready]
    return done


def _check(path: Path, row: VersionFile, edited: bool) -> None:
    if SLUG.fullmatch(path.parent.name) is None:
        raise ValueError("its folder is not named as a prompt can be: small letters, digits and hyphens")
    if path.stem != row.version or semver.FORM.fullmatch(row.version) is None:
        raise ValueError(f"it says version {row.version}")
    if not edited and row.checksum and row.checksum != checksum(row.text, row.variables, row.parameters):
        raise ValueError("its checksum is not that of its text, variables and parameters; an empty one is made anew")
    if row.created_at and datetime.fromisoformat(row.created_at).tzinfo is None:
        raise ValueError("`created_at` needs its offset from UTC")
    if len(row.text.encode()) > LONGEST_TEXT or "\x00" in row.text or not row.text.strip():
        raise ValueError(f"its text has to hold 1 to {LONGEST_TEXT:,} bytes, and no NUL")
    # A text that declares nothing is taken as it is written, as the stored ones of before are.
    _, _, errors = checked(row.text if row.variables else "", row.variables, row.parameters)
    if errors:
        raise ValueError("; ".join(f"{one['loc']}: {one['msg']}" for one in errors))
