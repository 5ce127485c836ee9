"""Who acts. People are named by their number as text, so that this floor needs no table of users. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["user", "service", "agent", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A principal that acts: `id` of a user is its number as text; `token` is the token's id where one was used."""

    kind: ActorKind
    id: str
    name: str
    token: str = ""


SYSTEM = Actor("system", "system", "Countersign")
