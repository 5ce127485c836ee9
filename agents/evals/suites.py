"""Making and changing suites and their cases. A case never changes: another revision takes its place."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from pydantic import ValidationError

from agents.errors import BadText, UnknownAgent
from agents.evals.document import LONGEST_DOCUMENT, CaseDocument
from agents.evals.errors import BadCase, CaseExists, StaleCase, StaleSuite, SuiteExists, UnknownCase, UnknownSuite
from agents.known_models import check_model
from agents.lifecycle import CASE, SUITE
from agents.models import Case, Suite
from agents.prompts.versions import prompt_named
from agents.queries import agent as current_revision
from agents.starters import one_at_a_time
from approvals.wording import real, said
from audit.actors import Actor
from audit.atomically import atomically
from audit.canonical import canonical_with_floats
from audit.errors import InvalidEntry
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Batch, Birth, Change, Entry, Plus, Text
from audit.services import transition as write

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
LONGEST_TITLE, MOST_CASES, MOST_REPEATS, MOST_CAP = 200, 1_000, 20, 10**12
SETTINGS = ("title", "threshold", "repeats", "gate", "cap_microusd", "judge")
ORIGINS = ("hand", "session", "request", "file")


def suite_named(slug: str, *, lock: bool = False) -> Suite:
    """Return an active suite with its prompt and agent. Raises UnknownSuite."""
    rows = Suite.objects.select_related("prompt", "agent")
    rows = rows.select_for_update(of=("self",), no_key=True) if lock else rows
    found = rows.filter(slug=slug, status="active").first()
    if found is None:
        raise UnknownSuite(slug=slug[:63])
    return found


def case_named(slug: str, name: str) -> Case:
    """Return the current revision of a case, with its suite. Raises UnknownCase."""
    rows = Case.objects.select_related("suite", "suite__prompt", "suite__agent")
    found = rows.filter(suite__slug=slug, suite__status="active", name=name, status="current").first()
    if found is None:
        raise UnknownCase(slug=slug[:63], name=name[:63])
    return found


@atomically
def create_suite(  # noqa: PLR0913  one name for each thing that a suite says
    *, slug: str, title: str, prompt: str, agent: str, actor: Actor, threshold: int = 90, repeats: int = 1, gate: bool = True,
    cap_microusd: int = 5_000_000, judge: str = "",
) -> Suite:  # fmt: skip
    """Make a suite, without cases.

    Args:
        slug: its name, never given again.
        title: what it is about.
        prompt: the prompt whose versions are held against it.
        agent: the agent that uses the prompt; its tools, limits and model are rehearsed with.
        actor: who makes it; the caller has checked the right to.
        threshold: hundredths of the results that have to pass.
        repeats: how often each case is played.
        gate: whether a version below the threshold is kept from traffic.
        cap_microusd: what one run may cost.
        judge: the model that grades, one that some agent names; empty for the agent's cheap one.

    Raises:
        BadText, UnknownPrompt, UnknownAgent, SuiteExists.
    """
    values = _settings(locals())
    if values["judge"]:
        check_model("judge", values["judge"])
    if SLUG.fullmatch(slug) is None:
        raise BadText(field="slug", reason="is written in small letters, digits and hyphens, at most 63")
    above = prompt_named(prompt)
    revision = current_revision(agent)
    if revision is None:
        raise UnknownAgent(slug=agent[:63])
    if revision.document["prompt"] != prompt:
        raise BadText(field="agent", reason=f"uses the prompt {revision.document['prompt']}, not {prompt}")
    one_at_a_time("suites")
    if Suite.objects.filter(slug=slug).exists():
        raise SuiteExists(slug=slug)
    row = {
        "id": uuid7(),
        "slug": slug,
        "prompt_id": above.pk,
        "agent_id": revision.agent_id,
        "created_by": actor.name,
        **values,
    }
    facts = {"suite": slug, "prompt": prompt, "agent": agent, **values}
    entry = Entry(f"prompt:{prompt}", EventKind.SUITE_CREATED, actor, facts, ids=(prompt, slug))
    write(Batch(births=(Birth("agents.Suite", row, SUITE),), entries=(entry,)))
    transaction.on_commit(index_soon)
    return suite_named(slug)


@atomically
def change_suite(*, slug: str, revision: int, actor: Actor, given: Mapping[str, Any]) -> Suite:
    """Change what a suite asks for; runs that were made stay as they are.

    Args:
        slug: the suite.
        revision: the one that was shown.
        actor: who changes it.
        given: new values by the names of `create_suite`; what is not there stays.

    Raises:
        UnknownSuite, StaleSuite, BadText.
    """
    row = suite_named(slug, lock=True)
    if row.revision != revision:
        raise StaleSuite(slug=slug)
    before = {name: getattr(row, name) for name in SETTINGS}
    after = _settings({**before, **{name: value for name, value in given.items() if name in SETTINGS}})
    if after["judge"] and after["judge"] != before["judge"]:
        check_model("judge", after["judge"])
    told = {name: {"before": before[name], "after": after[name]} for name in SETTINGS if before[name] != after[name]}
    if told:
        entry = _entry(row, EventKind.SUITE_CHANGED, actor, told)
        write(Batch((Change(SUITE, row.pk, "active", "change", {**after, "revision": Plus(1)}),), (), (entry,)))
        transaction.on_commit(index_soon)
    return suite_named(slug)


@atomically
def end_suite(*, slug: str, actor: Actor) -> Suite:
    """End a suite for good: it holds no version back any more, and its runs stay readable. Raises UnknownSuite."""
    row = suite_named(slug, lock=True)
    change = Change(SUITE, row.pk, "active", "end", {"revision": Plus(1)})
    write(Batch((change,), (), (_entry(row, EventKind.SUITE_ENDED, actor, {}),)))
    transaction.on_commit(index_soon)
    row.revision += 1
    return row


@atomically
def put_case(
    *, slug: str, name: str, title: str, document: Any, actor: Actor, origin: str = "hand", ref: str = "", tool: str = "",
    shown: int | None = None,
) -> Case:  # fmt: skip
    """Store a case: a new one, or another revision of the one of that name. The same once more changes nothing.

    Args:
        slug: the suite's.
        name: the case's, within it.
        title: what it shows, in a sentence.
        document: see `agents.evals.document.CaseDocument`.
        actor: who writes it.
        origin, ref, tool: where it comes from: by hand, from a session, from a request that people decided, from a file.
        shown: the revision that was shown, where it shall be compared; 0: there shall be none yet.

    Raises:
        UnknownSuite, BadCase, StaleCase, CaseExists.
    """
    suite = suite_named(slug, lock=True)
    fixed, errors = checked_case(name, title, document)
    before = Case.objects.filter(suite=suite, name=name).order_by("-revision").first()
    if shown is not None and not errors:
        _refuse_stale(slug, name, before, shown)
    if before is None and Case.objects.filter(suite=suite, status="current").count() >= MOST_CASES:
        errors.append({"loc": "name", "msg": f"there are {MOST_CASES} cases already"})
    if errors:
        raise bad_case(errors)
    checksum = checksum_of(title.strip(), fixed)
    if before is not None and before.status == "current" and before.checksum == checksum:
        return case_named(slug, name)
    number = before.revision + 1 if before else 1
    values = {
        "id": uuid7(), "suite_id": suite.pk, "name": name, "revision": number, "title": title.strip(), "document": fixed,
        "checksum": checksum, "origin": origin, "origin_ref": ref, "origin_tool": tool, "author": actor.name,
    }  # fmt: skip
    facts = {"case": name, "revision": number, "checksum": checksum, "origin": origin, "ref": ref}
    texts = (Text(uuid7(), "case", json.dumps(fixed, ensure_ascii=False)),)
    changes = [Change(SUITE, suite.pk, "active", "change", {"revision": Plus(1)})]
    if before is not None and before.status == "current":
        changes.append(Change(CASE, before.pk, "current", "supersede"))
    birth = Birth("agents.Case", values, CASE, after_changes=True)
    write(Batch(tuple(changes), (birth,), (_entry(suite, EventKind.CASE_ADDED, actor, facts, *texts),)))
    transaction.on_commit(index_soon)
    return case_named(slug, name)


def _refuse_stale(slug: str, name: str, before: Case | None, shown: int) -> None:
    now = before.revision if before is not None and before.status == "current" else 0
    if now and not shown:
        raise CaseExists(slug=slug, name=name)
    if now != shown:
        raise StaleCase(name=name, revision=now)


@atomically
def remove_case(*, slug: str, name: str, actor: Actor) -> Case:
    """Take a case out of its suite; its revisions and results stay. Raises UnknownSuite, UnknownCase."""
    suite = suite_named(slug, lock=True)
    row = case_named(slug, name)
    changes = (Change(SUITE, suite.pk, "active", "change", {"revision": Plus(1)}), Change(CASE, row.pk, "current", "remove"))
    facts = {"case": name, "revision": row.revision, "checksum": row.checksum}
    write(Batch(changes, (), (_entry(suite, EventKind.CASE_REMOVED, actor, facts),)))
    transaction.on_commit(index_soon)
    return row


def checked_case(name: str, title: str, document: Any) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Return a case's document as it is stored, and all that is wrong ([{loc, msg}])."""
    errors = []
    if SLUG.fullmatch(name) is None:
        errors.append({"loc": "name", "msg": "is written in small letters, digits and hyphens, at most 63"})
    if not 3 <= len(title.strip()) <= LONGEST_TITLE or "\x00" in title:
        errors.append({"loc": "title", "msg": f"says what it shows, in 3 to {LONGEST_TITLE} characters"})
    try:
        fixed = CaseDocument.model_validate(document).stored()
        if len(canonical_with_floats(fixed)) > LONGEST_DOCUMENT:
            errors.append({"loc": "document", "msg": f"has more than {LONGEST_DOCUMENT:,} bytes"})
        errors += [
            {
                "loc": f"document.expect.{place}.{one['kind']}.at_most",
                "msg": "is less than at_least, so that no answer could pass",
            }
            for place, one in enumerate(fixed["expect"])
            if one["kind"] == "called" and one.get("at_most") is not None and one["at_most"] < one.get("at_least", 1)
        ]
    except ValidationError as error:
        return {}, [*errors, *_told(error)]
    except InvalidEntry as error:
        return {}, [*errors, {"loc": "document", "msg": error.reason}]
    return fixed, errors


def _told(error: ValidationError) -> list[dict[str, str]]:
    """Return what is wrong at each place."""
    return [{"loc": ".".join(["document", *map(str, item["loc"])]), "msg": said(item)} for item in real(error.errors())[:20]]


def checksum_of(title: str, document: Mapping[str, Any]) -> str:
    """SHA-256 over all that a case's revision fixes."""
    whole = json.dumps([title, document], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()


def bad_case(errors: list[dict[str, str]]) -> BadCase:
    """Return the error that names every wrong field."""
    return BadCase(problem="; ".join(f"{one['loc']}: {one['msg']}" for one in errors)[:2_000], errors=errors)


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: given[name] for name in SETTINGS}
    values["title"], values["judge"] = str(values["title"]).strip(), str(values["judge"]).strip()
    for name, least, most in (("threshold", 1, 100), ("repeats", 1, MOST_REPEATS), ("cap_microusd", 1, MOST_CAP)):
        if not least <= values[name] <= most:
            raise BadText(field=name, reason=f"lies between {least} and {most:,}")
    if not 3 <= len(values["title"]) <= LONGEST_TITLE or "\x00" in values["title"]:
        raise BadText(field="title", reason=f"has 3 to {LONGEST_TITLE} characters")
    return values


def _entry(suite: Suite, kind: EventKind, actor: Actor, facts: dict[str, Any], *texts: Text) -> Entry:
    told = {"suite": suite.slug, **facts}
    return Entry(f"prompt:{suite.prompt.slug}", kind, actor, told, ids=(suite.prompt.slug, suite.slug), texts=texts)


def listed(limit: int, *, after: str = "", prompt: str = "") -> list[Suite]:
    """Return active suites by name, of one prompt or of all, behind `after`."""
    rows = Suite.objects.select_related("prompt", "agent").filter(slug__gt=after, status="active")
    return list((rows.filter(prompt__slug=prompt) if prompt else rows).order_by("slug")[:limit])


def cases(suite: Suite, limit: int, *, after: str = "") -> list[Case]:
    """Return a suite's cases as they are now, by name, behind `after`."""
    return list(Case.objects.filter(suite=suite, status="current", name__gt=after).order_by("name")[:limit])


def counts(rows: Sequence[Suite]) -> dict[UUID, int]:
    """Return how many cases each suite has."""
    found = Case.objects.filter(suite__in=rows, status="current").values("suite").annotate(count=Count("pk"))
    return {row["suite"]: row["count"] for row in found}
