"""Origins in words: what the arguments table says of where each value came from. Pure; they were computed at submission."""

from collections.abc import Sequence
from typing import Any

from approvals.facts import Origin

SHOWN = 3


def told(origins: Sequence[Origin], *, tainted: bool, session: str = "") -> list[dict[str, Any]]:
    """Return the origins of one argument's values in words, those that a reviewer should look at first, each once.

    `session` is the address of the session's page, to which the call that gave a value is added.
    """
    ordered = sorted(origins, key=lambda origin: (not origin.untrusted, not origin.doubtful(tainted=tainted)))
    lines: list[dict[str, Any]] = []
    for origin in ordered:
        line = {**_line(origin, tainted=tainted), "url": call_url(session, origin.call)}
        if line not in lines:
            lines.append(line)
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([{"label": f"and {more} more", "tainted": False, "note": "", "url": ""}] if more > 0 else [])]


def call_url(session: str, call: str) -> str:
    """Return where a call's answer stands on the page of its session, "" where there is no call."""
    turn, _, place = call.rpartition("/")[2].partition(".")
    return f"{session}?view=waterfall&span=c{turn}.{int(place) - 1}" if session and place.isdigit() else ""


def _line(origin: Origin, *, tainted: bool) -> dict[str, Any]:
    label = origin.label or {"user": "A person", "reviewer": "A reviewer", "operator": "The operator"}.get(
        origin.kind, "A tool"
    )
    if origin.kind == "model":
        label = f"The model, by {origin.label}" if origin.label else "The model"
    return {"label": label, "tainted": origin.untrusted, "note": _note(origin, tainted=tainted)}


def _note(origin: Origin, *, tainted: bool) -> str:
    if origin.kind == "model":
        known = f"{100 - origin.own} % is quoted" if 0 < origin.own < 100 else ""
        after = "after untrusted content" if tainted else ""
        return ", ".join(filter(None, (after, known)))
    parts = [f"{origin.share} % of it"] if origin.share < 100 else []
    if origin.own:
        parts.append(f"{origin.own} % the model’s own")
    return ", ".join(parts)
