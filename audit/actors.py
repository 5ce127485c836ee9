"""Who acts. People are named by their number as text, so that this floor needs no table of users. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

ActorKind = Literal["user", "service", "agent", "system"]
KINDS: tuple[str, ...] = get_args(ActorKind)
NO_KIND = "names no kind of principal. Write user, service, agent or system, or one of them with its id, as user:7"
"""What is told of a filter by principal that nobody could ever fit."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A principal that acts: `id` of a user is its number as text; `token` is the token's id where one was used."""

    kind: ActorKind
    id: str
    name: str
    token: str = ""


def names_kind(principal: str) -> bool:
    """Return whether a filter by principal, "kind" or "kind:id", names a kind that there is; one that asks for nobody does."""
    return not principal or principal.partition(":")[0] in KINDS


SYSTEM = Actor("system", "system", "Countersign")
