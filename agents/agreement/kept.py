"""What stands until somebody changes it: schedules, inlets, budgets, stops, covers, holds, rules of retention. Pure.

Each sort has its own kinds of entries; what the entries of one thing say in their order is what its row has to say. What an entry of
an older version did not state is not compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.agreement.found import Finding, differing
from agents.agreement.texts import Place
from agents.agreement.told import Told
from agents.starters import told_of_webhook

STATED = ("agent", "cron", "zone", "overlap", "missed", "per_hour", "task_type", "tenant", "feature")
AFTER: Mapping[str, str] = {"paused": "paused", "resumed": "active", "ended": "ended"}


@dataclass(slots=True)
class KeptTold:
    """What the log says of one thing so far, by the names that a finding uses; `seq` is the entry that said it last."""

    stream: str
    seq: int
    says: dict[str, Any]
    goal: Place | None = None
    maker: str = ""
    changers: set[str] = field(default_factory=set)


@dataclass(slots=True)
class KeptHeard:
    """All things of one sort that the log tells of, those that ended too."""

    told: dict[str, KeptTold] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)  # how often something of this name was begun

    def starter(self, entry: Told) -> None:
        """Hear of a schedule or an inlet."""
        noun, _, verb = entry.kind.partition(".")
        if verb == "created":
            said = {name: entry.facts[name] for name in STATED if name in entry.facts}
            said |= {"webhook": entry.fact("webhook"), "status": "active", "revision": 1}
            said |= {"generation": 1} if noun == "inlet" else {}
            self.told[entry.about] = KeptTold(entry.stream, entry.seq, said, _goal(entry), entry.by)
        elif (one := self.told.get(entry.about)) is not None:
            one.seq, one.goal = entry.seq, _goal(entry) or one.goal
            if verb == "changed":
                one.says |= {name: change["after"] for name, change in entry.facts.items() if isinstance(change, dict)}
                one.changers.add(entry.by)
            one.says["status"] = AFTER.get(verb, one.says["status"])
            one.says["revision"] += verb == "changed" or (noun, verb) == ("schedule", "ended")
            if "generation" in entry.facts:
                one.says["generation"] = entry.facts["generation"]

    def budget(self, entry: Told) -> None:
        """Hear of a budget."""
        key = entry.fact("budget")
        one = self.told.setdefault(key, KeptTold(entry.stream, entry.seq, {"status": "active", "revision": 0}))
        one.seq = entry.seq
        one.says |= {name: entry.facts[name] for name in ("scope", "period", "cap_microusd", "at_cap") if name in entry.facts}
        one.says["revision"] += 1
        one.says["status"] = "ended" if entry.kind == "budget.ended" else "active"

    def cover(self, entry: Told) -> None:
        """Hear of somebody who decides in another's place."""
        facts, key = entry.facts, entry.fact("cover")
        if entry.kind == "cover.agreed":
            said = {
                "absent": entry.fact("absent"),
                "deputy": entry.fact("deputy"),
                "roles": facts.get("roles"),
                "status": "agreed",
            }
            said |= {"from": _time(facts.get("from")), "until": _time(facts.get("until"))}
            self.told[key] = KeptTold(entry.stream, entry.seq, said)
        elif key in self.told:
            self._end(key, entry, "ended")

    def stop(self, entry: Told) -> None:
        """Hear of a press of the kill switch."""
        self._episode(entry, entry.fact("scope"), "stop.set", "lifted")

    def hold(self, entry: Told) -> None:
        """Hear of a hold on raw content."""
        self._episode(entry, f"{entry.fact('scope')} {entry.fact('whose')}", "content.held", "lifted")

    def rule(self, entry: Told) -> None:
        """Hear of how long a class of raw content is kept."""
        cls = entry.fact("class")
        self.times[cls] += 1
        says = {"days": entry.facts.get("days"), "revision": self.times[cls]}
        self.told[cls] = KeptTold(entry.stream, entry.seq, says)

    def _episode(self, entry: Told, name: str, begins: str, ended: str) -> None:
        if entry.kind == begins:
            self.times[name] += 1
            says = {"status": "active", "reason": entry.fact("reason")}
            self.told[_numbered(name, self.times[name])] = KeptTold(entry.stream, entry.seq, says)
        elif (key := _numbered(name, self.times[name])) in self.told:
            self._end(key, entry, ended)

    def _end(self, key: str, entry: Told, status: str) -> None:
        self.told[key].says["status"], self.told[key].seq = status, entry.seq


def disagreeing(table: str, row: Mapping[str, Any], told: KeptTold | None, stream: str) -> list[Finding]:
    """Return what of a row is not what the log says; `stream` is where entries about it stand."""
    key = str(row["key"])
    if told is None:
        return [Finding(table, key, "the row", "there", "nothing: no entry made it", stream)]
    mine = {**row, **({"webhook": told_of_webhook(row["webhook_url"])} if "webhook_url" in row else {})}
    says = {name: (mine.get(name), value) for name, value in told.says.items()}
    if told.maker.isdecimal():  # a person, by the number of the account
        says["made by"] = (str(row["created_by"]), told.maker)
        people = {one for one in told.changers if one.isdecimal()} - {told.maker}
        says["changed by"] = (sorted(map(str, row["changed_by"])), sorted(people))
    return differing(table, key, says, told.stream, told.seq)


def missing(table: str, key: str, told: KeptTold) -> Finding:
    """Return the finding about a thing that the log tells of and that has no row."""
    return Finding(table, key, "the row", "missing", f"it is {told.says.get('status', 'there')}", told.stream, told.seq)


def _numbered(name: str, number: int) -> str:
    return f"{name} #{number}"


def _goal(entry: Told) -> Place | None:
    return Place(entry.seq, "goal", entry.content["goal"]) if "goal" in entry.content else None


def _time(said: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(said))
    except ValueError:
        return None
