"""Suites as files beside the prompts: `PROMPT/suites/SUITE.json`, with all of its cases as they are now. Lossless both ways.

What is taken in makes what is new, changes what a suite asks for, and gives cases that differ another revision. What is only
in the database stays.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.evals.suites import (
    SETTINGS,
    SLUG,
    bad_case,
    cases,
    change_suite,
    checked_case,
    create_suite,
    listed,
    put_case,
    suite_named,
)
from agents.models import Suite
from audit.actors import Actor
from audit.atomically import atomically

KEYS = ("suite", "prompt", "agent", *SETTINGS, "cases")
MOST_FILES = 5_000
Files = dict[str, dict[str, Any]]
"""Suites by name, as their files say them."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between a suite's file and the database."""

    suite: str
    what: str

    @property
    def line(self) -> str:
        """As a report says it."""
        return f"suite {self.suite}  {self.what}"


def stored() -> Files:
    """Return every active suite as its file says it."""
    found: Files = {}
    after = ""
    while rows := listed(200, after=after):
        found |= {row.slug: _told(row) for row in rows}
        after = rows[-1].slug
    return found


def _told(row: Suite) -> dict[str, Any]:
    told = {
        "suite": row.slug,
        "prompt": row.prompt.slug,
        "agent": row.agent.slug,
        **{name: getattr(row, name) for name in SETTINGS},
    }
    of = [{"name": one.name, "title": one.title, "document": one.document} for one in cases(row, 1_000)]
    return {**told, "cases": of}


def export(folder: Path) -> int:
    """Write every suite into a folder beside its prompt, and return how many files changed."""
    changed = 0
    for slug, told in stored().items():
        path = folder / told["prompt"] / "suites" / f"{slug}.json"
        body = f"{json.dumps(told, ensure_ascii=False, indent=2)}\n".encode()
        if not path.exists() or path.read_bytes() != body:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            changed += 1
    return changed


def read(folder: Path) -> Files:
    """Read the suites of a folder. Raises BadCase with every file that is wrong."""
    found: Files = {}
    errors: list[dict[str, str]] = []
    for path in sorted(folder.glob("*/suites/*.json"))[:MOST_FILES]:
        place = f"{path.parent.parent.name}/suites/{path.name}"
        try:
            told = json.loads(path.read_bytes().decode())
            errors += [{"loc": f"{place} {one['loc']}", "msg": one["msg"]} for one in _wrong(path, told)]
            found[path.stem] = told
        except (ValueError, OSError) as error:
            errors.append({"loc": place, "msg": str(error)})
    if errors:
        raise bad_case(errors)
    return found


def _wrong(path: Path, told: Any) -> list[dict[str, str]]:
    if not isinstance(told, dict) or set(told) != set(KEYS):
        return [{"loc": "", "msg": f"it has to hold {', '.join(KEYS)}"}]
    if told["suite"] != path.stem or told["prompt"] != path.parent.parent.name or SLUG.fullmatch(path.stem) is None:
        return [{"loc": "", "msg": f"it says suite {told['suite']} of {told['prompt']}"}]
    shapes = {"title": str, "threshold": int, "repeats": int, "gate": bool, "cap_microusd": int, "judge": str, "agent": str}
    if wrong := [name for name, shape in shapes.items() if type(told[name]) is not shape]:
        return [{"loc": wrong[0], "msg": "is not what it should be"}]
    found = []
    for one in told["cases"] if isinstance(told["cases"], list) else [None]:
        if not isinstance(one, dict) or set(one) != {"name", "title", "document"}:
            return [{"loc": "cases", "msg": "each holds name, title and document"}]
        found += checked_case(str(one["name"]), str(one["title"]), one["document"])[1]
    return found


def drifted(folder: Path) -> list[Drift]:
    """Return how the suites of a folder differ from the database. Raises BadCase."""
    there, here = read(folder), stored()
    found = [Drift(slug, "only in the files") for slug in sorted(set(there) - set(here))]
    found += [Drift(slug, "only in the database") for slug in sorted(set(here) - set(there))]
    for slug in sorted(set(there) & set(here)):
        one, other = there[slug], here[slug]
        names = [name for name in KEYS if name != "cases" and one[name] != other[name]]
        mine, theirs = ({case["name"]: case for case in side["cases"]} for side in (one, other))
        names += [f"case {name}" for name in sorted({*mine, *theirs}) if mine.get(name) != theirs.get(name)]
        found += [Drift(slug, f"not the same: {', '.join(names)}")] if names else []
    return found


@atomically
def take_in(folder: Path, *, actor: Actor) -> list[Drift]:
    """Store what the folder's suites say, and return what was new or changed. Raises BadCase, BadText, UnknownAgent, UnknownPrompt."""
    here, taken = stored(), []
    for slug, told in read(folder).items():
        settings = {name: told[name] for name in SETTINGS}
        if slug in here and (moved := [name for name in ("prompt", "agent") if here[slug][name] != told[name]]):
            raise bad_case(
                [{"loc": f"{slug} {name}", "msg": f"is {here[slug][name]}: a suite stays with it"} for name in moved]
            )
        if slug not in here:
            create_suite(slug=slug, prompt=told["prompt"], agent=told["agent"], actor=actor, **settings)
            taken.append(Drift(slug, "new"))
        elif any(here[slug][name] != value for name, value in settings.items()):
            change_suite(slug=slug, revision=suite_named(slug).revision, actor=actor, given=settings)
            taken.append(Drift(slug, "changed"))
        known = {case["name"]: case for case in here.get(slug, {}).get("cases", [])}
        for case in told["cases"]:
            if known.get(case["name"]) != case:
                put_case(slug=slug, actor=actor, origin="file", **case)
                taken.append(Drift(slug, f"case {case['name']}"))
    return taken
