"""A sample of the page of breakers."""

from typing import Any

from tests.console.samples.frame import Context, ago, frame, later


def _row(kind: str, name: str, status: str, **more: Any) -> dict[str, Any]:
    plain = {"agents": 2, "held": status.startswith("forced_"), "failures": 0, "calls": 0, "errors": 0, "share": None, "detail": "",
             "reason": "", "forced_by": "", "since": ago(90), "retry_at": None, "failed_probes": 0}  # fmt: skip
    return {"key": f"{kind}:{name}", "kind": kind, "name": name, "status": status, **plain, **more}


def breakers(*, chosen: bool = False, empty: bool = False) -> Context:
    """Give the page with one breaker in each state, or with nothing that ever opened."""
    opened = _row("model", "vast-1", "open", failures=7, calls=24, errors=13, share=54, reason="5 calls failed in a row.",
                  detail="HTTP 503: overloaded.", retry_at=later(240), failed_probes=2)  # fmt: skip
    held = _row("tool", "send_email", "forced_open", reason="The relay is in maintenance.", forced_by="Olga Operator")
    probed = _row("model", "vast-mini", "half_open", failures=5, calls=5, errors=5, share=100)
    groups = [
        {"kind": "provider", "title": "Providers", "rows": [] if empty else [_row("provider", "llm.example:443", "closed")]},
        {"kind": "model", "title": "Models", "rows": [_row("model", "vast-1", "closed")] if empty else [opened, probed]},
        {"kind": "tool", "title": "Tools", "rows": [] if empty else [held, _row("tool", "calculate", "forced_closed", reason="It works.",
                                                                               forced_by="Ada Admin")]},
    ]  # fmt: skip
    past = [{"at": ago(90), "name": "vast-1", "kind": "model", "what": "Opened", "by": "Countersign",
             "why": "5 calls failed in a row. HTTP 503: overloaded. Tried again after 60 s."}]  # fmt: skip
    return frame(
        "breakers", may=True, may_close=True, chosen=(held if empty else opened) if chosen else None, problem="", errors={},
        typed={"reason": ""}, groups=groups, barred=0 if empty else 3, modes={} if empty else {"degraded": 4, "minimal": 2},
        history=[] if empty else past,
    )  # fmt: skip
