"""Sample contexts of the budgets page."""

from uuid import UUID

from agents.spending import Spend
from tests.console.samples.frame import Context, ago, frame, later

NO_NUMBER = "Write a number of dollars such as 1250.50, with nothing between thousands."


def budgets() -> Context:
    """Give two budgets as an admin sees them, one nearly spent, with a wrong form and a history."""
    one = {
        "id": UUID(int=1), "key": str(UUID(int=1)), "name": "All agents per day", "kind": "all", "period": "day", "revision": 2,
        "at_cap": "halt", "tone": "warn", "words": "New sessions of low priority wait", "cap": 2_000_000, "spent": 1_640_000,
        "reserved": 120_000, "left": 240_000, "share": "82", "forecast": 2_400_000, "small": True, "over": True, "ends": later(3600),
        "dollars": "2.00", "reason": "", "errors": {"cap": [NO_NUMBER]},
    }  # fmt: skip
    other = {**one, "id": UUID(int=2), "key": str(UUID(int=2)), "name": "research-assistant per month", "kind": "agent",
             "period": "month", "at_cap": "queue", "tone": "ok", "words": "Open to all", "spent": 210_000, "reserved": 0,
             "left": 1_790_000, "share": "11", "forecast": 900_000, "small": False, "over": False, "errors": {}}  # fmt: skip
    told = {"at": ago(600), "by": "Countersign", "name": "all agents per day", "text": "80 % reached: $1.60 of $2.00 spent",
            "reason": "", "level": 80}  # fmt: skip
    made = {**told, "by": "Ada Admin", "text": "Made with $2.00", "reason": "To begin with.", "level": None}
    return frame(
        "budgets", items=[one, other], may_add=True, may_lower=True, agents=["research-assistant"], problem="", by="agent",
        typed={"scope": "tenant", "tenant": "acme", "period": "month", "cap": "x", "at_cap": "queue", "reason": ""},
        errors={"cap": [NO_NUMBER]}, title="Agent", days=7, dimensions=[{"name": "agent", "title": "Agent"}],
        periods=(1, 7, 30), spend=[Spend("research-assistant", 12, 4, 30_000, 2_000, 210_000), Spend("", 1, 1, 10, 1, 20)],
        more=True, most=210_000, history=[told, made],
    )  # fmt: skip
