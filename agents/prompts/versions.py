"""The immutable versions of a prompt: saving one, and what stands between its saving and its release."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.errors import BadPromptVersion, PromptVersionExists, UnknownPrompt, UnknownPromptVersion, WrongStage
from agents.lifecycle import PROMPT_VERSION
from agents.models import Prompt, PromptVersion
from agents.prompts import semver
from agents.prompts.semver import Change as Kind
from agents.prompts.semver import Fixed
from agents.prompts.variables import checked
from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Batch, Birth, Change, Entry, Text
from audit.services import transition as write

LONGEST_TEXT = 200_000  # bytes
NOTE_CHARACTERS = range(3, 501)
ACTIONS = {"propose": "made a candidate", "retire": "set aside"}


@dataclass(frozen=True, slots=True)
class Draft:
    """What shall become a version: checked, with the number that is proposed for it and why."""

    text: str
    variables: dict[str, Any]
    parameters: dict[str, Any]
    errors: list[dict[str, str]]
    kind: Kind
    why: str
    proposed: str

    @property
    def checksum(self) -> str:
        """As the version will have it."""
        return checksum(self.text, self.variables, self.parameters)


def checksum(text: str, variables: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """SHA-256 over all that a version fixes."""
    whole = json.dumps([text, variables, parameters], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()


def prompt_named(slug: str) -> Prompt:
    """Return a prompt. Raises UnknownPrompt."""
    found = Prompt.objects.filter(slug=slug).first()
    if found is None:
        raise UnknownPrompt(slug=slug[:63])
    return found


def version_named(slug: str, version: str) -> PromptVersion:
    """Return a version with its prompt and parent. Raises UnknownPromptVersion."""
    found = PromptVersion.objects.select_related("prompt", "parent").filter(prompt__slug=slug, version=version).first()
    if found is None:
        raise UnknownPromptVersion(slug=slug[:63], version=version[:80])
    return found


def newest(prompt: Prompt, limit: int, *, before: UUID | None = None) -> list[PromptVersion]:
    """Return versions of a prompt, the newest first, without their texts; `before` is the last one seen."""
    rows = PromptVersion.objects.filter(prompt=prompt).defer("text").order_by("-created_at", "-id")
    last = (
        PromptVersion.objects.filter(prompt=prompt, pk=before).values_list("created_at", flat=True).first() if before else None
    )
    if last is not None:
        rows = rows.filter(created_at__lte=last).exclude(created_at=last, id__gte=before)
    return list(rows[:limit])


def drafted(prompt: Prompt, parent: PromptVersion | None, *, text: str, variables: Any, parameters: Any) -> Draft:
    """Check what shall become a version and propose its number; nothing is stored."""
    fixed_variables, fixed_parameters, errors = checked(text, variables, parameters)
    errors = [*_wrong_text(text), *errors]
    before = Fixed(parent.text, parent.variables, parent.parameters) if parent else Fixed("", {}, {})
    kind, why = semver.change(before, Fixed(text, fixed_variables, fixed_parameters))
    stem = parent.version if parent else ""
    taken = set(PromptVersion.objects.filter(prompt=prompt).values_list("version", flat=True))
    number = semver.proposed(kind, stem, taken)
    return Draft(text, fixed_variables, fixed_parameters, errors, kind, why if parent else "It is the first one.", number)


@atomically
def add_version(
    *,
    slug: str,
    text: str,
    actor: Actor,
    user_id: int | None,
    note: str,
    variables: Any = None,
    parameters: Any = None,
    version: str = "",
    parent: str = "",
) -> PromptVersion:
    """Save a version as a draft; it never changes any more.

    Args:
        slug: the prompt's.
        text: what the model is told, as it stands.
        actor: who saves it; `user_id` is that user, or the owner of the token.
        note: what it is for, in a sentence.
        variables, parameters: see `agents.prompts.variables`.
        version: its number; empty for the one that the kind of change proposes.
        parent: the version that it was made from; empty for the newest.

    Raises:
        UnknownPrompt, UnknownPromptVersion, BadPromptVersion, PromptVersionExists.
    """
    prompt = Prompt.objects.select_for_update(no_key=True).filter(slug=slug).first()
    if prompt is None:
        raise UnknownPrompt(slug=slug[:63])
    above = version_named(slug, parent) if parent else _newest(prompt)
    draft = drafted(prompt, above, text=text, variables=variables or {}, parameters=parameters or {})
    errors = [*draft.errors, *_wrong_words(note, version)]
    if above is not None and draft.kind == "none":
        errors.append({"loc": "text", "msg": f"nothing differs from {above.version}"})
    if errors:
        raise bad_version(errors)
    number = version or draft.proposed
    if PromptVersion.objects.filter(prompt=prompt, version=number).exists():
        raise PromptVersionExists(slug=slug, version=number)
    birth, entry = born(prompt, draft, number=number, parent=above, note=note.strip(), actor=actor, user_id=user_id)
    write(Batch(births=(birth,), entries=(entry,)))
    transaction.on_commit(index_soon)
    return PromptVersion.objects.select_related("prompt", "parent").get(pk=birth.values["id"])


@atomically
def move_version(*, slug: str, version: str, event: str, actor: Actor) -> PromptVersion:
    """Make a draft a candidate (`propose`), or set aside what has no traffic (`retire`).

    Raises:
        UnknownPromptVersion, WrongStage.
    """
    row = PromptVersion.objects.select_for_update(no_key=True, of=("self",)).select_related("prompt").filter(
        prompt__slug=slug, version=version
    ).first()  # fmt: skip
    if row is None:
        raise UnknownPromptVersion(slug=slug[:63], version=version[:80])
    if event not in ACTIONS or row.status not in ("draft", "candidate") or not PROMPT_VERSION.allows(row.status, event):
        raise WrongStage(slug=slug, version=version, status=row.status, action=ACTIONS.get(event, "moved"))
    change, entry = moved(row, event, actor)
    write(Batch((change,), (), (entry,)))
    transaction.on_commit(index_soon)
    row.status = PROMPT_VERSION.next(row.status, event)
    return row


def moved(row: PromptVersion, event: str, actor: Actor) -> tuple[Change, Entry]:
    """Return a version's move that gives it no traffic and takes none, and the entry about it."""
    slug, after = row.prompt.slug, PROMPT_VERSION.next(row.status, event)
    facts = {"version": row.version, "from": row.status, "to": after}
    return Change(PROMPT_VERSION, row.id, row.status, event), Entry(
        f"prompt:{slug}", EventKind.PROMPT_MOVED, actor, facts, ids=(slug,)
    )


def born(
    prompt: Prompt, draft: Draft, *, number: str, parent: PromptVersion | None, note: str, actor: Actor, user_id: int | None,
    path: tuple[str, ...] = (), **more: Any,
) -> tuple[Birth, Entry]:  # fmt: skip
    """Return a version's new row and the entry that commits to its text."""
    values: dict[str, Any] = {
        "id": uuid7(), "prompt_id": prompt.pk, "version": number, "text": draft.text, "variables": draft.variables,
        "parameters": draft.parameters, "checksum": draft.checksum, "parent_id": parent.pk if parent else None, "note": note,
        "author": actor.name, "author_user": user_id, **more,
    }  # fmt: skip
    facts = {"version": number, "checksum": draft.checksum, "parent": parent.version if parent else "", "note": note}
    texts = (Text(uuid7(), "prompt", draft.text),)
    entry = Entry(f"prompt:{prompt.slug}", EventKind.PROMPT_VERSION_ADDED, actor, facts, ids=(prompt.slug,), texts=texts)
    return Birth("agents.PromptVersion", values, PROMPT_VERSION, path), entry


def bad_version(errors: list[dict[str, str]]) -> BadPromptVersion:
    """Return the error that names every wrong field."""
    return BadPromptVersion(problem="; ".join(f"{one['loc']}: {one['msg']}" for one in errors)[:2000], errors=errors)


def _newest(prompt: Prompt) -> PromptVersion | None:
    return PromptVersion.objects.filter(prompt=prompt).order_by("-created_at", "-id").first()


def _wrong_text(text: str) -> list[dict[str, str]]:
    if not text.strip():
        return [{"loc": "text", "msg": "it is empty"}]
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        return [{"loc": "text", "msg": "it holds a NUL or half a character"}]
    size = len(text.encode())
    return [{"loc": "text", "msg": f"it has {size:,} bytes of at most {LONGEST_TEXT:,}"}] if size > LONGEST_TEXT else []


def _wrong_words(note: str, version: str) -> list[dict[str, str]]:
    errors = []
    if len(note.strip()) not in NOTE_CHARACTERS:
        errors.append({"loc": "note", "msg": "says what it is for, in 3 to 500 characters"})
    if version and not semver.FORM.fullmatch(version):
        errors.append({"loc": "version", "msg": "is written as 2.1.0, or 2.1.0-rc.1"})
    return errors
