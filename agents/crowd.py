"""How many requests of each agent wait for people, as a worker knows it: read when it asks, every other second at most.

What the worker puts up itself is counted at once, so only what other workers put up in that time can pass a limit.
"""

import time
from collections import Counter

from approvals.queries import waiting_by_agent

FRESH_S = 2.0


class Crowd:
    """Requests that wait, by agent."""

    def __init__(self) -> None:
        self._waiting: Counter[str] = Counter()
        self._read_at = 0.0

    @property
    def fresh(self) -> bool:
        """Whether what is known is young enough."""
        return self._read_at > 0 and time.monotonic() - self._read_at < FRESH_S

    def read(self) -> None:
        """Read how it is now; on the ledger's connection."""
        if not self.fresh:  # of many runners that asked in the same moment, the first reads for all
            asked = time.monotonic()
            self._waiting, self._read_at = Counter(waiting_by_agent()), asked

    def grant(self, agent: str, wanted: int, most: int) -> int:
        """Return how many of the wanted requests fit beside those that wait, and count them as put up."""
        granted = min(wanted, max(0, most - self._waiting[agent]))
        self._waiting[agent] += granted
        return granted
