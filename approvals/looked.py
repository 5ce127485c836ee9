"""How long a person had a request before them when they decided: what the server knows, and what their page says. Pure.

Only pages know either: a program that decides over the API has no page, and nothing is stored of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

QUICK_S = 5
"""An approval that took less than this cannot have been read."""
LONGEST_MS = 86_400_000
"""A page that stood open for longer says no more than one that stood open for a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a page knows of the time before a decision. `dwell_s` is what policy asks for before an approval."""

    served_ms: int | None = None  # since this person was served what they decide on, by the server's own stamp
    screen_ms: int | None = None  # how long it was in view, by the page's word
    dwell_s: int = 0

    @property
    def left_s(self) -> int:
        """How many seconds are missing, none where it was looked at for long enough; without a stamp all of them."""
        return max(0, -(-(1000 * self.dwell_s - (self.served_ms or 0)) // 1000))

    @property
    def quick(self) -> bool:
        """Whether it came too soon for somebody to have read what they decided on."""
        known = [ms for ms in (self.served_ms, self.screen_ms) if ms is not None]
        return bool(known) and min(known) < 1000 * QUICK_S

    @property
    def stored(self) -> Mapping[str, int]:
        """What is kept with the decision; nothing of what is not known."""
        known = {"served_ms": self.served_ms, "screen_ms": self.screen_ms}
        return {name: ms for name, ms in known.items() if ms is not None}

    def plausible(self, age_ms: int) -> "Looked":
        """Return it without what cannot be: in view for longer than it was served, served for longer than it exists."""
        if self.served_ms is None:
            return replace(self, screen_ms=None)
        served = max(0, min(self.served_ms, age_ms, LONGEST_MS))
        return replace(
            self, served_ms=served, screen_ms=None if self.screen_ms is None else max(0, min(self.screen_ms, served))
        )
