"""Rubrics by name. A revision never changes: another one takes its place, and what was graded stays with the one it had."""

import hashlib
import json
from typing import Any

from django.db import transaction
from pydantic import ValidationError

from agents.evals.suites import SLUG
from agents.grading.document import RubricDocument
from agents.grading.errors import BadRubric, StaleRubric, UnknownRubric
from agents.lifecycle import GRADING_RUBRIC
from agents.models import GradingRubric
from agents.starters import one_at_a_time
from approvals.wording import real, said
from audit.actors import Actor
from audit.atomically import atomically
from audit.canonical import canonical
from audit.errors import InvalidEntry
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Batch, Birth, Change, Entry, Text
from audit.services import transition as write


@atomically
def put_rubric(*, slug: str, document: Any, actor: Actor, revision: int | None = None) -> GradingRubric:
    """Store a rubric: a new one, or another revision of the one of that name. The same once more changes nothing.

    Args:
        slug: its name.
        document: see `agents.grading.document.RubricDocument`.
        actor: who writes it; the caller has checked the right to.
        revision: the one that was shown, where it shall be compared; 0 for a name that is new.

    Raises:
        BadRubric, StaleRubric.
    """
    fixed = _checked(slug, document)
    one_at_a_time("grading_rubrics")
    before = GradingRubric.objects.filter(slug=slug, status="current").first()
    known = before.revision if before else 0
    if revision is not None and revision != known:
        raise StaleRubric(slug=slug)
    checksum = hashlib.sha256(json.dumps(fixed, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    if before is not None and before.checksum == checksum:
        return before
    values = {"id": uuid7(), "slug": slug, "revision": known + 1, "document": fixed, "checksum": checksum, "author": actor.name}
    changes = (Change(GRADING_RUBRIC, before.pk, "current", "supersede"),) if before else ()
    birth = Birth("agents.GradingRubric", values, GRADING_RUBRIC, after_changes=True)
    facts: dict[str, Any] = {"rubric": slug, "revision": known + 1, "checksum": checksum}
    text = Text(uuid7(), "rubric", json.dumps(fixed, ensure_ascii=False))
    entry = Entry("grading", EventKind.GRADING_RUBRIC_REVISED, actor, facts, ids=(slug,), rev=known + 1, texts=(text,))
    write(Batch(changes, (birth,), (entry,)))
    transaction.on_commit(index_soon)
    return rubric_named(slug)


def _checked(slug: str, document: Any) -> dict[str, Any]:
    errors = []
    if SLUG.fullmatch(slug) is None:
        errors.append({"loc": "slug", "msg": "is written in small letters, digits and hyphens, at most 63"})
    try:
        fixed = RubricDocument.model_validate(document).stored()
        canonical(fixed)
    except InvalidEntry as error:
        errors.append({"loc": "document", "msg": error.reason})
        fixed = {}
    except ValidationError as error:
        errors += [
            {"loc": ".".join(["document", *map(str, one["loc"])]), "msg": said(one)} for one in real(error.errors())[:20]
        ]
        fixed = {}
    if errors:
        raise BadRubric(problem="; ".join(f"{one['loc']}: {one['msg']}" for one in errors)[:2_000], errors=errors)
    return fixed


def rubric_named(slug: str) -> GradingRubric:
    """Return the current revision of a rubric. Raises UnknownRubric."""
    found = GradingRubric.objects.filter(slug=slug, status="current").first()
    if found is None:
        raise UnknownRubric(slug=slug[:63])
    return found


def document_of(rubric: GradingRubric) -> RubricDocument:
    """Return what a revision holds."""
    return RubricDocument.model_validate(rubric.document)


def listed(limit: int, *, after: str = "") -> list[GradingRubric]:
    """Return the current revisions by name, behind `after`."""
    return list(GradingRubric.objects.filter(status="current", slug__gt=after).order_by("slug")[:limit])


def revisions(slug: str, limit: int) -> list[GradingRubric]:
    """Return the newest revisions of a rubric, the newest first."""
    return list(GradingRubric.objects.filter(slug=slug).order_by("-revision")[:limit])
