"""The tools of the fault tests: each tells the independent ledger what it does, and does nothing else."""

import os

from pydantic import BaseModel, ConfigDict

from agents.tools import ToolContext, tool
from tests.faults.effects import URL, Effects


class Look(BaseModel):
    """What to look at."""

    model_config = ConfigDict(extra="forbid")
    token: str
    account: str


class Remark(BaseModel):
    """What to note."""

    model_config = ConfigDict(extra="forbid")
    token: str
    text: str


class Payment(BaseModel):
    """What to pay."""

    model_config = ConfigDict(extra="forbid")
    token: str
    amount: int


class Receipt(BaseModel):
    """What to stamp."""

    model_config = ConfigDict(extra="forbid")
    token: str
    receipt: str


def _do(name: str, args: BaseModel, context: ToolContext, *, keyed: bool) -> object:
    ledger = Effects(os.environ[URL])
    return ledger.do(name, key=context.idempotency_key, session=context.session, arguments=args.model_dump(), keyed=keyed)


@tool(tier="read_only", summary="Look at {account}")
def peek(args: Look, context: ToolContext) -> object:
    """Look at an account."""
    return {"account": args.account, "balance": 10}


@tool(tier="reversible_write", idempotent=False, summary="Note {text}", timeout_s=5)
def note(args: Remark, context: ToolContext) -> object:
    """Take a note."""
    return _do("note", args, context, keyed=False)


@tool(tier="irreversible_write", idempotent=False, summary="Pay {amount}", timeout_s=5)
def pay(args: Payment, context: ToolContext) -> object:
    """Pay an amount; a second call pays a second time."""
    return _do("pay", args, context, keyed=False)


@tool(tier="irreversible_write", idempotent=True, summary="Stamp {receipt}", timeout_s=5)
def stamp(args: Receipt, context: ToolContext) -> object:
    """Stamp a receipt; its service does it once for each key."""
    return _do("stamp", args, context, keyed=True)
