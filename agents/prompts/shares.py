"""Which of a prompt's live versions a session gets: by its id alone, so that anybody can work it out again. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

STOPS = (5, 10, 25, 50, 100)
"""The shares that a version can be released to."""


@dataclass(frozen=True, slots=True)
class Share:
    """One live release: its id, the version that it sends traffic to, and how much of 100."""

    id: UUID
    version: UUID
    share: int


def chosen(shares: Sequence[Share], session: UUID) -> Share:
    """Return the share that a session falls into; the newest release, a canary, takes its part first."""
    newest_first = sorted(shares, key=lambda one: one.id, reverse=True)
    place = place_of(session, newest_first[0].id)
    upto = 0.0
    for one in newest_first:
        upto += one.share / 100
        if place < upto:
            return one
    return newest_first[-1]


def place_of(session: UUID, release: UUID) -> float:
    """Return the place of a session among those that a release divides, from 0 to below 1."""
    digest = hashlib.sha256(f"{session}:{release}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48
