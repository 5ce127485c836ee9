"""What a runner works with: the ledger, the model, the rules of this moment, who watches, and how much waits for people."""

from dataclasses import dataclass, field

from agents.crowd import Crowd
from agents.door import Caller, Door
from agents.ledger import Ledger
from agents.llm.provider import Provider
from agents.money import Money
from agents.permits import Permits
from agents.purses import purse_of
from agents.rules import Cache, Rules, read
from agents.scrubbing import Scrubbing
from agents.state import State
from agents.watching import Watchers
from approvals.services import take_numbers


@dataclass(slots=True)
class Hands:
    """What a runner works with; one set per worker."""

    ledger: Ledger
    door: Door
    rules: Cache
    watchers: Watchers
    money: Money
    permits: Permits
    crowd: Crowd = field(default_factory=Crowd)

    def model(self, state: State, purpose: str = "plan") -> Provider:
        """The model as this session may ask it; `purpose` is `plan` or the name of the tool that asks."""
        known = (state.id, state.ref, state.agent, state.tenant, state.feature, state.prompt_version)
        patience_s = state.config.retries.longest_wait_s
        caller = Caller(*known, purpose, state.priority, begun=state.turns > 0, patience_s=patience_s, purse=purse_of(state))
        provider = self.door.of(caller)
        return Scrubbing(provider, state) if state.config.scrub else provider

    async def grant(self, agent: str, wanted: int, most: int) -> int:
        """How many requests of an agent may be put up, so that no more than `most` wait for people."""
        if not self.crowd.fresh:
            await self.ledger.read(self.crowd.read)
        return self.crowd.grant(agent, wanted, most)

    async def current_rules(self) -> Rules:
        """Policy and tool settings, at most a second old."""
        fresh = self.rules.fresh
        return fresh if fresh is not None else await self.ledger.read(self._read_rules)

    def _read_rules(self) -> Rules:
        # Of many runners that asked in the same moment, the first reads for all.
        return self.rules.fresh or self.rules.keep(read())

    async def numbers(self, count: int) -> list[int]:
        """Short ids for approval requests."""
        return await self.ledger.read(lambda: take_numbers(count))
