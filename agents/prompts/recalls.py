"""What a rollback recalls: the versions that no session goes on with, as workers read them with the rules. Pure."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Recalled:
    """A version that was rolled back: sessions that run with it move to `to`, or stop."""

    version: str  # as `slug version`
    to_id: UUID
    to: str
    running: str
    reason: str
    by: str

    @property
    def facts(self) -> dict[str, Any]:
        """As an entry of a session that follows states it."""
        return {"from": self.version, "prompt_version": self.to, "by": self.by, "reason": self.reason}
