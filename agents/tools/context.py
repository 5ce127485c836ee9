"""What a tool's function is handed beside its arguments: for whom it runs, its key, and where it may write.

It also collects what the function tells about its own result: untrusted sources, confidence, money spent on models.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from agents.llm.provider import Provider, Usage
from agents.tools.results import beginning
from agents.tools.secrets import secret
from agents.tools.stores import MemoryStore, Workspace
from audit.actors import Actor


@dataclass(kw_only=True)
class ToolContext:
    """One call's surroundings. `session` is the short id, `principal` a name for people, `principal_id` the stable one."""

    session: str
    session_id: UUID
    agent: str
    principal: str = ""
    principal_id: str = ""
    on_behalf_of: str = ""
    tenant: str = ""
    idempotency_key: str = ""
    dry_run: bool = False
    tainted: bool = False
    provider: Provider | None = None
    stopped: Callable[[], bool] = lambda: False  # asked in the moment before the tool's function is entered
    cheap_model: str = ""
    sources: list[dict[str, str]] = field(default_factory=list)
    spent: list[tuple[str, Usage]] = field(default_factory=list)
    confidence: float | None = None

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit trail: the agent."""
        return Actor("agent", self.agent, self.agent)

    @cached_property
    def files(self) -> Workspace:
        """The session's files."""
        return Workspace(self.session_id, key=self.idempotency_key, tainted=self.tainted)

    @cached_property
    def memory(self) -> MemoryStore:
        """What was saved on purpose, per session, agent and principal."""
        return MemoryStore(
            owners={"session": self.session, "agent": self._apart(self.agent), "principal": self._apart(self._served)},
            session=self.session,
            tainted=self.tainted,
        )

    @property
    def _served(self) -> str:
        """Whose preferences are remembered: whom the session acts for, else whoever started it."""
        return f"{self.principal_id} for {self.on_behalf_of}" if self.principal_id and self.on_behalf_of else self.principal_id

    def _apart(self, owner: str) -> str:
        """Tenants share no memory."""
        return f"{owner}@{self.tenant}" if owner and self.tenant else owner

    def mark_untrusted(self, *, source: str, title: str = "", ref: str = "", quote: str = "") -> None:
        """Say that the result holds content of strangers; it taints the session that reads it."""
        mark: dict[str, str] = {"source": source, "title": title[:200], "ref": ref[:500], "quote": beginning(quote, 500)}
        if mark not in self.sources:
            self.sources.append(mark)

    def spend(self, model: str, usage: Usage) -> None:
        """Report a model call that the tool made; the gate adds it to the session's budget."""
        self.spent.append((model, usage))

    def secret(self, name: str) -> str:
        """Return the tool's own credential from the environment or the file that NAME_FILE names; "" if not set."""
        return secret(name)
