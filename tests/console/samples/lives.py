"""Sample contexts of what became a test."""

from tests.console.samples.frame import Context, ago, frame


def case(**more: object) -> Context:
    """Give what a page says of the case of a request."""
    url = "/evals/suites/research-assistant-life/cases/ap-20418/"
    made = [{"name": "ap-20418", "suite": "research-assistant-life", "revision": 1, "url": url}]
    return {"url": "/approvals/AP-20418/case/", "expects": "In this state the agent does not make the call.", "made": made, "may": True,
            "coverage": "/agents/research-assistant/coverage/", "suites": ["research-manners", "no-harm"], "into": "no-harm",
            **more}  # fmt: skip


def coverage(*, empty: bool = False) -> Context:
    """Give what of an agent has a case."""
    decided = [
        {"ref": f"AP-{20418 - n}", "url": "#", "tool": "send_email", "rejected": n != 1, "by": "Rosa Reviewer", "at": ago(900 * n),
         "case": "" if n else "research-assistant-life, ap-20418", "make": "#"}
        for n in range(3)
    ]  # fmt: skip
    tools = [
        {"name": "send_email", "url": "#", "called": 2, "not_called": 1},
        {"name": "calculate", "url": "#", "called": 0, "not_called": 0},
    ]
    return frame(
        "agents", agent={"slug": "research-assistant", "url": "/agents/research-assistant/"}, days=90, tools=[] if empty else tools,
        bare=0 if empty else 1, decided=[] if empty else decided, without=0 if empty else 2, may_make=True,
        suites=[] if empty else ["no-harm", "research-manners"], into="" if empty else "no-harm",
    )  # fmt: skip
