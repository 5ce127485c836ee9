"""Waiting until a session rests, without a thread and without a connection of one's own.

The process's one listener (`console.live`) says when something happened in the session; only then is its row looked at.
"""

import asyncio
import time
from uuid import UUID

import psycopg
from django.db import DatabaseError, connection

from agents.models import Session
from console.live import Hub

BUSY = frozenset({"queued", "running"})
LOOK_S = 2.0
"""A lost notification costs at most this much."""


async def rested(session_id: UUID, wait_s: float) -> bool:
    """Return once the session neither runs nor waits for a worker, or when the time is over; say whether it rests."""
    hub = Hub.current()
    end = time.monotonic() + wait_s
    follower = await asyncio.wait_for(hub.follow(), wait_s)
    try:
        while True:
            if await hub.call(_status, session_id) not in BUSY:
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            await follower.wait(min(left, LOOK_S))
            await follower.take()
    except (DatabaseError, psycopg.Error, TimeoutError):
        # What is asked for exists already; the answer says how far it came.
        return False
    finally:
        follower.leave()


def let_go() -> None:
    """Close this request's connection, which else lives as long as its answer: what follows needs none of its own."""
    if not connection.in_atomic_block:
        connection.close()


def _status(session_id: UUID) -> str:
    return str(Session.objects.values_list("status", flat=True).get(pk=session_id))
