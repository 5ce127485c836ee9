"""Tools whose effects an independent process counts, and tools that hand on what strangers wrote."""

import os
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from agents.tools import ToolContext, registry, tool
from tests.faults.effects import URL, Effects

TICKETS: dict[str, str] = {}
"""What strangers wrote, by number."""


class Ticket(BaseModel):
    """Which one."""

    model_config = ConfigDict(extra="forbid")
    ticket: str


class Ring(BaseModel):
    """Where to."""

    model_config = ConfigDict(extra="forbid")
    url: str = Field(max_length=500)


class Wire(BaseModel):
    """What to pay, and to whom."""

    model_config = ConfigDict(extra="forbid")
    account: str
    amount: int


class Jot(BaseModel):
    """What to note, under whose name."""

    model_config = ConfigDict(extra="forbid")
    name: str
    text: str


class Nothing(BaseModel):
    """Nothing to say."""

    model_config = ConfigDict(extra="forbid")


def _do(name: str, args: BaseModel, context: ToolContext) -> object:
    return Effects(os.environ[URL]).do(
        name, key=context.idempotency_key, session=context.session, arguments=args.model_dump(), keyed=False
    )


def declare(helpers: Mapping[str, str]) -> None:
    """Register them all, and a helper that does nothing for each description in `helpers`, by name."""

    @tool(tier="read_only", scopes=["web:fetch"], egress=True, summary="Ring at {url}")
    def ring(args: Ring, context: ToolContext) -> object:
        """Ring at an address; it learns that somebody did."""
        return _do("ring", args, context)

    @tool(tier="irreversible_write", idempotent=False, summary="Wire {amount} to {account}")
    def wire(args: Wire, context: ToolContext) -> object:
        """Wire money."""
        return _do("wire", args, context)

    @tool(tier="reversible_write", idempotent=False, summary="Note {name}")
    def jot(args: Jot, context: ToolContext) -> object:
        """Note something under a name."""
        return _do("jot", args, context)

    @tool(tier="read_only", scopes=["documents:read"], untrusted=True, summary="Read the ticket {ticket}")
    def read_ticket(args: Ticket, context: ToolContext) -> object:
        """Read a customer's ticket."""
        return {"ticket": args.ticket, "text": TICKETS[args.ticket]}

    @tool(tier="read_only", scopes=["documents:read"], untrusted=True, summary="Read the mail {ticket}")
    def read_mail(args: Ticket, context: ToolContext) -> object:
        """Read a mail that came in."""
        return {"from": "customer@shop.example", "subject": "A question", "body": TICKETS[args.ticket]}

    @tool(tier="read_only", scopes=["documents:read"], untrusted=True, summary="List the attachments of {ticket}")
    def list_attachments(args: Ticket, context: ToolContext) -> object:
        """List the names of the files that came with a ticket."""
        return {"files": ["invoice.pdf", TICKETS[args.ticket]]}

    for name, description in helpers.items():
        _helper(name, description)


def _helper(name: str, description: str) -> None:
    def helper(args: Nothing, context: ToolContext) -> object:
        return {"helped": True}

    helper.__name__, helper.__doc__ = name, description
    tool(tier="read_only", summary="Help")(helper)


def forget(before: Mapping[str, object]) -> None:
    """Leave only those tools that there were before."""
    for name in set(registry._tools) - set(before):
        del registry._tools[name]
