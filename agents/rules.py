"""What calls are judged by at this moment: policy, tool settings, stops, recalled prompts, with a stamp that says which.

Read in the process at most once a second; whoever writes an intent states the stamp it was judged by, and the
ledger writes it only if the stamp still holds in that transaction (THREATS 4, GUARD-14).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from agents.errors import AgentsError
from agents.guardrails.stops import NOTHING, Stops
from agents.prompts.recalls import Recalled
from agents.queries import active_stops, recalled
from agents.state import State
from agents.tools import registry
from agents.tools.definition import Tool
from approvals import policies, tiers
from approvals.changing import judged
from approvals.policy import Policy
from audit.connection import read as read_rows

FRESH_S = 1.0


class RulesChanged(AgentsError):
    """Policy, a tool setting, a stop or a recall changed while the call was judged; it is judged again."""

    code: ClassVar[str] = "rules_changed"


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy, each tool's effective tier, which are switched off, what is stopped, and the stamp of all of it."""

    policy: Policy
    tiers: dict[str, str]
    disabled: frozenset[str]
    stamp: str
    stops: Stops = NOTHING
    recalls: Mapping[str, Recalled] = field(default_factory=dict)  # by `slug version`

    def tier(self, tool: Tool) -> str:
        """The tier that counts: the operator's, else the tool's own."""
        return self.tiers.get(tool.name, tool.tier)


def stamp() -> str:
    """Which policy revision, tool settings, stops and recalls hold now; changes with every change of any of them."""
    (row,) = read_rows(
        "SELECT coalesce((SELECT number FROM approvals_policyrevision WHERE current), 0) AS policy,"
        " coalesce(sum(revision), 0)::bigint AS settings, count(*) AS tools,"
        " coalesce((SELECT string_agg(id::text, ',' ORDER BY id) FROM agents_stop WHERE status = 'active'), '') AS stops,"
        " coalesce((SELECT string_agg(id::text, ',' ORDER BY id) FROM agents_recall WHERE status = 'open'), '') AS recalls"
        " FROM approvals_toolsetting"
    )
    return ".".join(map(str, row.values()))


def held_stamp() -> str:
    """The stamp within a writing transaction: nobody changes the rules before that has ended."""
    judged()
    return stamp()


def read() -> Rules:
    """Read the rules as they are now. The stamp is read first: a change in between makes it stale, never the rules."""
    now = stamp()
    settings = tiers.settings(fresh=True)
    return Rules(
        policy=policies.current(fresh=True).policy,
        tiers={name: setting.tier for name, setting in settings.items() if setting.tier and name in registry.all_tools()},
        disabled=frozenset(name for name, setting in settings.items() if not setting.enabled),
        stamp=now,
        stops=active_stops(),
        recalls=recalled() if now.rpartition(".")[2] else {},
    )


class Cache:
    """The rules, read again once they are a second old or somebody says they changed.

    `stops` and `recalls` are what held when they were last read, however long ago: asked between an intent and its tool.
    """

    def __init__(self) -> None:
        self.stops = NOTHING
        self.recalls: Mapping[str, Recalled] = {}
        self._rules: Rules | None = None
        self._read_at = 0.0

    @property
    def fresh(self) -> Rules | None:
        """The rules if they are young enough."""
        return self._rules if time.monotonic() - self._read_at < FRESH_S else None

    def keep(self, rules: Rules) -> Rules:
        """Remember rules just read."""
        self._rules, self._read_at, self.stops = rules, time.monotonic(), rules.stops
        self.recalls = rules.recalls
        return rules

    def look(self) -> Stops:
        """Make sure of the rules: one short question while they are as they were; read again where they are not."""
        asked, known = time.monotonic(), self._rules  # held here: another thread may forget them meanwhile
        if known is not None and stamp() == known.stamp:
            self._read_at = asked
            return self.stops
        return self.keep(read()).stops

    def tell(self, state: State) -> bool:
        """Tell a session what holds it, as it was last read; true where nothing more may be begun in it as it is."""
        state.held = self.stops.of_session(state.agent, state.ref)
        state.recalled = self.recalls.get(state.prompt_version)
        return state.held is not None or state.recalled is not None

    def forget(self) -> None:
        """Read them again before the next judgement."""
        self._rules = None
        self._read_at = 0.0
