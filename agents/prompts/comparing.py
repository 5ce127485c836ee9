"""The live versions of a prompt side by side: what their sessions came to since the traffic goes as it does, and the guards."""

from dataclasses import dataclass
from datetime import datetime

from agents.models import CanaryWatch, PromptVersion
from agents.prompts.figures import counted, since
from agents.prompts.guards import Counted, Finding, Guards, findings
from agents.prompts.releases import Routed, routed
from agents.prompts.watching import guards_of


@dataclass(frozen=True, slots=True)
class Measured:
    """One live version, and what its sessions came to."""

    version: PromptVersion
    share: int
    counted: Counted


@dataclass(frozen=True, slots=True)
class Comparison:
    """The canary and the version beside it, or one of them; `findings` is empty where there is no canary."""

    since: datetime | None
    canary: Measured | None
    base: Measured | None
    guards: Guards
    revision: int
    findings: tuple[Finding, ...] = ()

    @property
    def versions(self) -> list[Measured]:
        """Those that are live, the canary first."""
        return [one for one in (self.canary, self.base) if one is not None]


def compare(slug: str) -> Comparison:
    """Return the live versions of a prompt side by side, counted now. Raises UnknownPrompt."""
    now = routed(slug)
    guards, revision = guards_of(now.prompt.pk)
    at = since(now)
    figures = counted([row.version_id for row in now.rows], at) if at else {}
    canary, base = (
        Measured(row.version, row.share, figures[row.version_id]) if row is not None else None for row in (now.canary, now.base)
    )
    found = findings(guards, canary.counted, base.counted) if canary and base else []
    return Comparison(at, canary, base, guards, revision, tuple(found))


def last_look(now: Routed) -> CanaryWatch | None:
    """Return how the guards of the canary stood when they were last looked at; None without one, or before the first look."""
    return CanaryWatch.objects.filter(release=now.canary).first() if now.canary else None
