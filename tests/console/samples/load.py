"""A sample of the page of limits."""

from types import SimpleNamespace

from agents.lately import Lately, Part
from agents.loads import Waiting
from agents.overview import Queue, Workers
from console.views.overview_charts import charts
from tests.console.samples.frame import Context, ago, frame, later

BUSY = Part(answers=12, half_ms=800, slow_ms=2_400, cost_microusd=31_000, calls=9, failed=2, requests=3)


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
        providers=[line("provider", "llm.example:443", (asked, 580, 900), (tokens, 70_000, None), row=row, waiting=37)],
        waiting=[Waiting("research-assistant", "scripted-1", 31, 31, 12, ago(70)), Waiting("refunds", "scripted-mini", 6, 5, 0, ago(8))],
        queues=[line("queue", "all agents", ("Sessions in the queue", 41, 500), row=row, later=12),
                line("queue", "research-assistant", ("Sessions in the queue", 41, None), later=12)],
        tools=[line("tool", "send_email", (starts, 3, 60), ("Calls at once", 1, 4))],
        chosen=form if chosen else None,
    )  # fmt: skip


def overview(*, quiet: bool = False) -> Context:
    """Give the overview on a bad day, or on a quiet one without a worker."""
    modes = (("full", "At their full", 25), ("degraded", "Degraded", 4), ("minimal", "Without a model", 2))
    kinds = (("people", 9, 500), ("money", 3, 4000), ("model", 2, 90), ("tool", 0, 0), ("rate", 37, 70))
    opened = {"key": "model:vast-1", "kind": "model", "name": "vast-1", "status": "open", "since": ago(90), "by": "",
              "why": "5 calls failed in a row."}  # fmt: skip
    held = {
        **opened,
        "key": "tool:send_email",
        "kind": "tool",
        "name": "send_email",
        "status": "forced_open",
        "by": "Olga Operator",
    }
    budget = {"id": "0199", "name": "All agents per day", "tone": "warn", "words": "New sessions of low priority wait",
              "spent": 8_400_000, "reserved": 90_000, "cap": 10_000_000, "over": True, "forecast": 12_000_000,
              "ends": later(9000)}  # fmt: skip
    oldest = {"ref": "AP-20418", "url": "/approvals/AP-20418/", "tool": "send_email", "agent": "research-assistant",
              "kind": "tool_call", "at": ago(500), "expires_at": later(900)}  # fmt: skip
    return frame(
        "overview", live=31, live_url="/sessions/?status=live",
        modes=[{"mode": mode, "word": word, "note": "With all", "sessions": 0 if quiet else count, "url": f"/sessions/?mode={mode}"}
               for mode, word, count in modes],
        waiting=[{"kind": kind, "word": kind, "note": "They go on by themselves", "sessions": 0 if quiet else count,
                  "since": ago(since) if count and not quiet else None, "url": f"/sessions/?waits={kind}", "place": "Limits",
                  "place_url": "/limits/"} for kind, count, since in kinds],
        requests=0 if quiet else 9, oldest=None if quiet else oldest, breakers=[] if quiet else [opened, held], shut=0 if quiet else 2,
        budgets=[] if quiet else [budget], workers=Workers(0, 0, 0) if quiet else Workers(4, 1, 22),
        queue=Queue(0, 0, None) if quiet else Queue(3, 42, ago(2)), letters=0 if quiet else 1,
        charts=charts(Lately(Part(), [Part()] * 30) if quiet else Lately(BUSY, [Part(), BUSY, Part(requests=1)] * 10)),
    )  # fmt: skip
