"""Whether one more session may wait in the queue. Asked only where an operator limits the queue."""

from agents.errors import QueueFull
from audit.connection import read

LOCK = 0x4144_4D54  # "ADMT", in the space of advisory locks
RETRY_AFTER_S = 15

_MOST = """
SELECT l.scope, l.at_once AS most, (
    SELECT count(*) FROM (
        SELECT FROM agents_session s WHERE s.status = 'queued'
          AND (l.scope = 'queue:' OR s.agent_id = (SELECT id FROM agents_agent WHERE slug = %s)) LIMIT l.at_once) q) AS queued
FROM agents_limit l WHERE l.scope IN ('queue:', %s) AND l.at_once IS NOT NULL ORDER BY l.scope"""


def admit(agent: str) -> None:
    """Let one more session of the agent into the queue, or raise QueueFull.

    Within the transaction that starts it. Starts wait for one another where the queue is limited, so each counts all that
    were let in before it: the limit is never passed by starts that come together.
    """
    read("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    for row in read(_MOST, [agent, f"queue:{agent}"]):
        if row["queued"] >= row["most"]:
            of = "of all agents" if row["scope"] == "queue:" else f"of {agent}"
            raise QueueFull(queued=row["queued"], most=row["most"], of=of, retry_after_s=RETRY_AFTER_S)
