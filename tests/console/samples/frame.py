"""What stands around every sample page, and its moments."""

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 22, 9, 48, 12, tzinfo=UTC)
Context = dict[str, Any]


def ago(seconds: float) -> datetime:
    """Give the moment that many seconds before the samples' now."""
    return NOW - timedelta(seconds=seconds)


def later(seconds: float) -> datetime:
    """Give the moment that many seconds after the samples' now."""
    return NOW + timedelta(seconds=seconds)


def frame(nav: str = "", **more: Any) -> Context:
    """Give what stands around every page."""
    may = {"sessions": True, "stop": True, "start": True, "audit": True, "mail": True, "tokens": True}
    shell = {
        "n": 48213, "now": NOW, "name": "Remy Reviewer", "theme": "", "density": "", "letters": True,
        "occasions": ("requested",), "alerts": False, "demo": True, "version": "0.1.0",
        "counts": {"approvals": 9, "sessions": 31}, "stops": (), "glass": (), "may": may,
    }  # fmt: skip
    return {"shell": shell, "nav": nav, "rev": 48213, "CSP_NONCE": "bm9uY2U", "csrf_token": "t" * 32, **more}
