"""A tool of the browser tests' own, named in COUNTERSIGN_TOOLS: the demo's have no field that is nobody's business."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agents.tools import ToolContext, tool


class Account(BaseModel):
    """Where money goes."""

    model_config = ConfigDict(extra="forbid")
    iban: Annotated[str, Field(json_schema_extra={"sensitive": "IBAN"})]
    bank: str


class Transfer(BaseModel):
    """A payment."""

    model_config = ConfigDict(extra="forbid")
    to: str
    account: Account
    cents: int


@tool(tier="irreversible_write", idempotent=False, summary="Pay {cents} cents to {to}, {account}")
def transfer(args: Transfer, context: ToolContext) -> object:
    """Pay somebody."""
    return {"paid": args.cents}
