"""Agents' revisions and settings of tools: their rows against what the log says of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.agreement.found import Finding, Report, differing
from agents.agreement.reading import AGENTS, AT_ONCE, REVISIONS, SETTINGS, ids, rows_of, streams
from agents.agreement.told import Told
from audit.connection import read

TABLE, OF_TOOLS = "agents_agentrevision", "approvals_toolsetting"


@dataclass(slots=True)
class AgentTold:
    """What the log says of one agent so far: the checksum of each revision, and the entry that says so."""

    revisions: dict[int, tuple[str, int]] = field(default_factory=dict)

    def hear(self, entry: Told) -> None:
        """Take the next entry of the agent's stream."""
        number = entry.facts.get("revision")
        if entry.kind in ("agent.created", "agent.revised") and isinstance(number, int):
            self.revisions[number] = (entry.fact("checksum"), entry.seq)


def revisions(slug: str, rows: Iterable[Mapping[str, Any]], told: AgentTold) -> list[Finding]:
    """Return what of an agent's revisions is not what the log says."""
    stream, found, left = f"agent:{slug}", [], dict(told.revisions)
    current = max(left, default=0)
    for row in rows:
        name, (checksum, seq) = f"{slug} revision {row['number']}", left.pop(row["number"], ("", None))
        if seq is None:
            found.append(Finding(TABLE, name, "the revision", "there", "nothing: nobody made it", stream))
            continue
        made = hashlib.sha256(json.dumps(json.loads(row["document"]), sort_keys=True).encode()).hexdigest()
        says = {
            "checksum": (row["checksum"], checksum),
            "the hash of its document": (made, checksum),
            "current": (row["current"], row["number"] == current),
        }
        found += differing(TABLE, name, says, stream, seq)
    for number, (_, seq) in left.items():
        found.append(Finding(TABLE, f"{slug} revision {number}", "the revision", "missing", "it was made", stream, seq))
    return found


@dataclass(slots=True)
class SettingTold:
    """What the log says of one tool's setting: tier (empty: as the tool declares it), whether it is on, and the revision."""

    tier: str = ""
    enabled: bool = True
    revision: int = 0
    seq: int | None = None

    def hear(self, entry: Told) -> None:
        """Take the next entry of the tool's stream."""
        if entry.kind not in ("tool.set", "tool.enabled", "tool.disabled"):
            return
        facts = entry.facts
        if "tier" in facts:
            self.tier = "" if facts["tier"] == facts.get("declared") else str(facts["tier"])
        self.enabled = bool(facts.get("enabled", self.enabled))
        self.revision, self.seq = entry.rev, entry.seq


def setting(row: Mapping[str, Any], told: SettingTold) -> list[Finding]:
    """Return what of a tool's setting is not what the log says; a row that is not there says what no setting says."""
    says = {
        "tier": (row["tier"] or "", told.tier),
        "switched on": (row["enabled"], told.enabled),
        "revision": (row["revision"], told.revision),
    }
    return differing(OF_TOOLS, row["name"], says, f"tool:{row['name']}", told.seq)


def agents(report: Report, after: str, using: str) -> str | None:
    """Hold the revisions of some agents against their streams."""
    rows = read(AGENTS, [after, AT_ONCE], using=using)
    made, heard = rows_of(REVISIONS, ids(rows), "agent_id", using), {f"agent:{row['slug']}": AgentTold() for row in rows}
    for name, entries in streams(list(heard), using):
        for entry in entries:
            heard[name].hear(entry)
    for row in rows:
        mine = made[row["id"]]
        report.count(revisions=len(mine))
        report.note(*revisions(row["slug"], mine, heard[f"agent:{row['slug']}"]))
    return rows[-1]["slug"] if rows else None


def settings(report: Report, after: str, using: str) -> str | None:
    """Hold the settings of some tools against their streams, and their streams against settings."""
    rows = read(SETTINGS, [after, after, AT_ONCE], using=using)
    heard = {f"tool:{row['name']}": SettingTold() for row in rows}
    for name, entries in streams(list(heard), using):
        for entry in entries:
            heard[name].hear(entry)
    for row in rows:
        report.count(settings=1)
        report.note(*setting(row, heard[f"tool:{row['name']}"]))
    return rows[-1]["name"] if rows else None
