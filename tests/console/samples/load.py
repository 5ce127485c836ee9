"""A sample of the page of limits."""

from types import SimpleNamespace

from agents.loads import Waiting
from tests.console.samples.frame import Context, ago, frame


def limits(*, chosen: bool = False) -> Context:
    """Give the limits as an operator sees them, with the form of one where that was chosen."""
    row = SimpleNamespace(changed_by="Olga Operator", changed_at=ago(9000), reason="What the provider lets us ask in a minute.")

    def line(kind: str, name: str, *cells: tuple[str, int | None, int | None], row: object = None, **more: object) -> Context:
        shown = [
            {"label": label, "used": used, "most": most, "full": most is not None and used == most}
            for label, used, most in cells
        ]
        target = "" if name.startswith("all ") else name
        return {"scope": f"{kind}:{target}", "kind": kind, "name": name, "target": target, "cells": shown, "row": row,
                "url": f"/tools/{name}/" if kind == "tool" else "", **more}  # fmt: skip

    asked, tokens, starts = "Questions a minute", "Tokens a minute", "Starts a minute"
    form = {
        "scope": "model:", "kind": "model", "name": "all models", "note": "All workers share it.", "reason": "", "revision": 2, "row": row,
        "errors": {"reason": ["Say why."]},
        "fields": [{"name": "requests", "label": asked, "value": 600, "declared": None, "errors": None},
                   {"name": "tokens", "label": tokens, "value": "", "declared": None, "errors": ["A number from 1."]}],
    }  # fmt: skip
    return frame(
        "limits",
        may_set=True,
        models=[line("model", "all models", (asked, 600, 600), (tokens, 81_200, 200_000), row=row, waiting=37),
                line("model", "scripted-1", (asked, None, None), (tokens, None, None), waiting=0)],
        waiting=[Waiting("research-assistant", "scripted-1", 31, 31, 12, ago(70)), Waiting("refunds", "scripted-mini", 6, 5, 0, ago(8))],
        queues=[line("queue", "all agents", ("Sessions in the queue", 41, 500), row=row, later=12),
                line("queue", "research-assistant", ("Sessions in the queue", 41, None), later=12)],
        tools=[line("tool", "send_email", (starts, 3, 60), ("Calls at once", 1, 4))],
        chosen=form if chosen else None,
    )  # fmt: skip
