"""What the log says of a prompt's versions and of where its traffic goes. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.agreement.found import Finding, differing
from agents.agreement.told import Told
from agents.prompts.versions import checksum

VERSIONS = "agents_promptversion"
RELEASES = "agents_release"
Routing = tuple[str, int, str]
"""A version, its share of 100, and what became of that."""


@dataclass(slots=True)
class VersionTold:
    """What the log says of one version so far."""

    checksum: str
    stages: frozenset[str]
    seq: int


@dataclass(slots=True)
class PromptTold:
    """What the log says of one prompt so far: its versions, and every release, the last ones live."""

    versions: dict[str, VersionTold] = field(default_factory=dict)
    releases: list[Routing] = field(default_factory=list)
    seq: int | None = None

    def hear(self, entry: Told) -> None:
        """Take the next entry of the prompt's stream."""
        match entry.kind:
            case "prompt.version_added":
                # The first version of a prompt is a candidate where a second person has to release it, and no entry says more.
                stages = frozenset({"draft"} if self.versions else {"draft", "candidate"})
                self.versions[entry.fact("version")] = VersionTold(entry.fact("checksum"), stages, entry.seq)
            case "prompt.moved":
                self._stage(entry.fact("version"), entry.fact("to"), entry)
            case "prompt.released":
                self._released(entry)
            case "prompt.rolled_back":
                self._rolled_back(entry)

    def _stage(self, version: str, stage: str, entry: Told) -> None:
        if (one := self.versions.get(version)) is not None:
            one.stages, one.seq = frozenset({stage}), entry.seq

    def _released(self, entry: Told) -> None:
        version, share, before = entry.fact("version"), int(entry.facts.get("share", 0)), entry.fact("from")
        self.seq = entry.seq
        self._end("superseded")
        if share < 100 and before:
            self.releases.append((before, 100 - share, "live"))
        elif before:
            self._stage(before, "retired", entry)
        self._stage(version, "active" if share == 100 else "canary", entry)
        self.releases.append((version, share, "live"))

    def _rolled_back(self, entry: Told) -> None:
        left, to = entry.fact("version"), entry.fact("to")
        self.seq = entry.seq
        self.releases = [
            (version, share, "rolled_back" if status == "live" and version == left else status)
            for version, share, status in self.releases
        ]
        self._end("superseded")
        self._stage(left, "retired", entry)
        self._stage(to, "active", entry)
        self.releases.append((to, 100, "live"))

    def _end(self, how: str) -> None:
        self.releases = [(version, share, how if status == "live" else status) for version, share, status in self.releases]


def disagreeing(
    slug: str, versions: Iterable[Mapping[str, Any]], releases: Iterable[Mapping[str, Any]], told: PromptTold
) -> list[Finding]:
    """Return what of a prompt's versions and releases is not what the log says."""
    stream, found, left = f"prompt:{slug}", [], dict(told.versions)
    for row in versions:
        name, one = f"{slug} {row['version']}", left.pop(row["version"], None)
        if one is None:
            found.append(Finding(VERSIONS, name, "the version", row["status"], "nothing: nobody added it", stream))
            continue
        made = checksum(row["text"], json.loads(row["variables"]), json.loads(row["parameters"]))
        says: dict[str, tuple[Any, Any]] = {
            "checksum": (row["checksum"], one.checksum),
            "the hash of its text": (made, one.checksum),
        }
        if row["status"] not in one.stages:
            says["status"] = (row["status"], one.stages)
        found += differing(VERSIONS, name, says, stream, one.seq)
    for version, one in left.items():
        found.append(Finding(VERSIONS, f"{slug} {version}", "the version", "missing", "it was added", stream, one.seq))
    return found + _releases(slug, stream, releases, told)


def _releases(slug: str, stream: str, rows: Iterable[Mapping[str, Any]], told: PromptTold) -> list[Finding]:
    mine = Counter((row["version"], row["share"], row["status"]) for row in rows)
    logged = Counter(told.releases)
    said = [(mine - logged, "there", "nothing of the kind"), (logged - mine, "missing", "it was made")]
    return [
        Finding(RELEASES, f"{slug} {version}", f"the release to {share}%, {status}", here, there, stream, told.seq)
        for rest, here, there in said
        for version, share, status in rest
    ]
