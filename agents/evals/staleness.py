"""Runs that say nothing any more: a tool that the agent had was declared anew since; and the suites to run again for that.

What a tool declares is what the model reads and what policy judges by; a change of its code alone leaves rehearsals as they were,
for they do not run it. Read where runs are looked at, never on the way of a session.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from agents.errors import BadText
from agents.evals.runs import MOST_OPEN, OPEN, current_cases, ref_of, start_run
from agents.models import EvalRun, ToolDefinition
from agents.queries import live_versions
from audit.actors import Actor
from audit.atomically import atomically
from audit.connection import read

_DECLARED = """d.changed <> '[]' AND d.changed <> '["code"]'"""
_STALE = f"""
SELECT r.id, array_agg(DISTINCT d.name ORDER BY d.name) AS tools
FROM agents_evalrun r JOIN agents_agentrevision v ON v.id = r.revision_id
JOIN agents_tooldefinition d ON d.created_at > r.created_at AND v.document -> 'tools' ? d.name AND {_DECLARED}
WHERE r.id = ANY(%s) GROUP BY r.id"""  # noqa: S608  constants
_USING = """
SELECT s.slug AS suite, s.title, p.slug AS prompt, a.slug AS agent
FROM agents_suite s JOIN agents_prompt p ON p.id = s.prompt_id JOIN agents_agent a ON a.id = s.agent_id
JOIN agents_agentrevision v ON v.agent_id = a.id AND v.current
WHERE s.status = 'active' AND v.document -> 'tools' ? %s
  AND EXISTS (SELECT FROM agents_case c WHERE c.suite_id = s.id AND c.status = 'current')
ORDER BY s.slug LIMIT %s"""
MOST = MOST_OPEN  # suites of one tool


@dataclass(frozen=True, slots=True)
class Using:
    """A suite whose agent has a tool, the version that most sessions start with, and its newest run with that one."""

    suite: str
    title: str
    prompt: str
    agent: str
    version: str  # empty: none is live
    run: EvalRun | None
    stale: bool  # the newest run was made before the tool was declared anew, or there is none

    @property
    def ref(self) -> str:
        """The short id of the newest run; empty where there is none."""
        return ref_of(self.run) if self.run is not None else ""

    @property
    def going(self) -> bool:
        """True while it waits or plays."""
        return self.run is not None and self.run.status in OPEN


def stale(runs: Sequence[EvalRun]) -> dict[UUID, tuple[str, ...]]:
    """Return, of those runs that are stale, the tools that were declared anew since they were started."""
    if not runs:
        return {}
    return {row["id"]: tuple(row["tools"]) for row in read(_STALE, [[run.pk for run in runs]])}


def outdated(run: EvalRun) -> list[str]:
    """Return why a run says nothing of how things are now; nothing where it does."""
    tools = stale([run]).get(run.pk, ())
    found = [f"{name} was declared anew since." for name in tools]
    if {UUID(str(id_)) for id_ in run.plan} != set(current_cases(run.suite)):
        found.append(f"The cases of {run.suite.slug} have changed since.")
    return found


def changed_at(tool: str) -> datetime | None:
    """Return when a tool was declared anew; None where it stands as it was first seen."""
    rows = ToolDefinition.objects.filter(name=tool).exclude(changed__in=([], ["code"])).order_by("-id")
    return rows.values_list("created_at", flat=True).first()


def using(tool: str) -> list[Using]:
    """Return the suites that use a tool, by name: those whose agent has it."""
    rows, at = read(_USING, [tool, MOST]), changed_at(tool)
    live = live_versions([row["prompt"] for row in rows])
    newest = _newest({row["suite"]: live.get(row["prompt"], "") for row in rows})
    return [_using(row, live.get(row["prompt"], ""), newest.get(row["suite"]), at) for row in rows]


def _using(row: dict[str, Any], version: str, run: EvalRun | None, at: datetime | None) -> Using:
    old = run is None or (at is not None and run.created_at < at)
    return Using(row["suite"], row["title"], row["prompt"], row["agent"], version, run, old)


def _newest(live: dict[str, str]) -> dict[str, EvalRun]:
    """Return the newest run of each suite with the version that is live."""
    rows = EvalRun.objects.filter(suite__slug__in=live, version__version__in=set(live.values()))
    rows = (
        rows.select_related("suite", "version").order_by("suite_id", "version_id", "-number").distinct("suite_id", "version_id")
    )
    return {run.suite.slug: run for run in rows if run.version.version == live[run.suite.slug]}


@atomically
def run_using(*, tool: str, actor: Actor) -> list[EvalRun]:
    """Have each suite that uses a tool played against the version that is live; those that wait or play already go on.

    Raises:
        BadText: none uses it, or too many runs wait.
    """
    found = [one for one in using(tool) if one.version]
    if not found:
        raise BadText(field="tool", reason="is used by no suite with a live version")
    return [start_run(suite=one.suite, version=one.version, actor=actor) for one in found if one.stale or not one.going]
