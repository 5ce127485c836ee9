"""The queue of a large house: thousands of requests that wait, a million that people decided over a year.

Copies of one real session that waits for its approval, made in the database itself: sessions, turns, calls and requests
of what waits; requests and decisions of what was decided, whose sessions a year's retention has taken. Tools, agents,
recipients and amounts are spread as people's work is: few of them make most of it.
"""

from collections.abc import Mapping

import psycopg

from tests.bench.stage import Stage

FIRST_DECIDED, FIRST_WAITING, FIRST_REAL = 100_000, 10_000_000, 20_000_000  # numbers, in the order of their making
_TOOLS = """(VALUES
    (0, 'send_email', 'irreversible_write', 3), (1, 'write_note', 'reversible_write', 2),
    (2, 'issue_refund', 'irreversible_write', 3), (3, 'update_ticket', 'reversible_write', 2),
    (4, 'post_message', 'irreversible_write', 3), (5, 'update_customer', 'reversible_write', 2),
    (6, 'close_account', 'destructive', 4), (7, 'change_plan', 'irreversible_write', 3),
    (8, 'schedule_call', 'reversible_write', 1), (9, 'delete_records', 'destructive', 4),
    (10, 'transfer_funds', 'irreversible_write', 4), (11, 'bench_send', 'irreversible_write', 3)
) a(place, tool, tier, risk)"""
# The n-th of so many: what is asked for, by whom and for whom. Squares of an even spread make the first ones frequent.
_SERIES = f"""(
    SELECT s.n, a.tool, a.tier, a.risk, 'agent-' || floor(1 + 8 * power(mod(abs(hashint4(s.n + 3)), 1000) / 1000.0, 2)) AS agent,
        'person' || floor(2000 * power(mod(abs(hashint4(s.n + 5)), 10000) / 10000.0, 2)) || '@customer.example' AS target,
        mod(abs(hashint4(s.n + 7)), 8) AS band, mod(abs(hashint4(s.n + 11)), 1000) AS chance
    FROM generate_series({{first}}, {{end}}) s(n)
    JOIN {_TOOLS} ON a.place = floor(12 * power(mod(abs(hashint4(s.n)), 10000) / 10000.0, 2))
) s"""
_REQUEST = {"agent": "s.agent", "tool": "s.tool", "tier": "s.tier", "risk": "s.risk", "target": "s.target", "band": "s.band",
            "summary": "s.tool || ' for ' || s.target || ', number ' || n"}  # fmt: skip
_PEOPLE = "s.chance < 930"  # the rest ran out, or was taken back


def _copy(column: str) -> str:
    """A key of the n-th copy: growing with n, as the product's own keys grow with time."""
    return f"(lpad(to_hex(n), 12, '0') || substr(md5(t.{column}::text), 13))::uuid"


_WAITING: Mapping[str, Mapping[str, str]] = {
    "agents_session": {"id": _copy("id"), "number": "n", "created_at": "now()"},
    "agents_message": {"id": _copy("id"), "session_id": _copy("session_id")},
    "agents_turn": {"id": _copy("id"), "session_id": _copy("session_id")},
    "agents_toolcall": {
        "id": _copy("id"), "session_id": _copy("session_id"), "turn_id": _copy("turn_id"), "request_id": _copy("request_id"),
        "key": "regexp_replace(t.key, '^S-[0-9]+', 'S-' || n)",
    },
    "approvals_approvalrequest": {
        **_REQUEST, "id": _copy("id"), "number": "n", "session_id": _copy("session_id"), "session_ref": "'S-' || n",
        "call_id": _copy("call_id"), "taint": """CASE WHEN mod(s.chance, 10) = 0
            THEN '[{{"source": "web", "title": "A page", "ref": "D-1"}}]'::jsonb ELSE '[]' END""",
        "created_at": "now() - ({end} - n) * interval '1 day' / {count}",
        "expires_at": """now() + CASE WHEN s.chance < 8 THEN interval '4 min'
            ELSE interval '10 min' + (n - {first}) * interval '1 day' / {count} END""",
        "escalates_at": "now() + interval '5 min' + (n - {first}) * interval '18 h' / {count}",
        "escalated_at": "CASE WHEN s.chance BETWEEN 8 AND 30 THEN now() END",
    },
}  # fmt: skip
_MADE = "now() - interval '1 day' - ({end} - n) * interval '365 days' / {count}"
_DECIDED = {
    **_REQUEST, "id": _copy("id"), "number": "n", "session_id": _copy("session_id"), "session_ref": "'S-' || n",
    "call_id": _copy("call_id"),
    "status": f"""CASE WHEN s.chance < 100 THEN 'rejected' WHEN {_PEOPLE} THEN 'consumed' WHEN s.chance < 980 THEN 'expired'
        ELSE 'withdrawn' END""",
    "created_at": _MADE, "expires_at": f"{_MADE} + interval '1 day'",
    "decided_at": f"CASE WHEN {_PEOPLE} THEN {_MADE} + (4 + s.chance) * interval '1 s' END",
    "decided_by": f"CASE WHEN {_PEOPLE} THEN 100 + mod(s.chance, 12) END",
    "decided_name": f"CASE WHEN {_PEOPLE} THEN 'Reviewer ' || mod(s.chance, 12) ELSE '' END",
}  # fmt: skip
_DECISIONS = f"""
    INSERT INTO approvals_decision
        (id, request_id, revision, verdict, digest, decided_by, decided_name, instruction, difference, created_at)
    SELECT id, id, revision, CASE status WHEN 'rejected' THEN 'reject' ELSE 'approve' END, digest, decided_by, decided_name,
        CASE status WHEN 'rejected' THEN 'Not to this customer.' ELSE '' END, '[]', decided_at
    FROM approvals_approvalrequest WHERE number BETWEEN {FIRST_DECIDED} AND {FIRST_WAITING - 1} AND decided_at IS NOT NULL
"""


def fill(here: Stage, *, waiting: int = 0, decided: int = 0) -> None:
    """Add so many requests to a stage where a session of the benchmark's waits, which is their model."""
    with here.connection() as connection:
        # What the triggers guard is how requests come about one by one; these have come about already.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET work_mem = '128MB'")
        if decided:
            _insert(connection, "approvals_approvalrequest", _DECIDED, FIRST_DECIDED, decided)
            connection.execute(_DECISIONS)
        for table, changed in _WAITING.items() if waiting else ():
            _insert(connection, table, changed, FIRST_WAITING, waiting)
        for sequence in ("approvals_request_number", "agents_session_number"):
            connection.execute("SELECT setval(%s::regclass, %s)", [sequence, FIRST_REAL])
        connection.execute("VACUUM (ANALYZE)")


def _insert(connection: psycopg.Connection, table: str, changed: Mapping[str, str], first: int, count: int) -> None:
    """Add so many copies of the model's rows of a table, with some columns changed."""
    columns = [row[0] for row in connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped", [table]
    )]  # fmt: skip
    ends = {"first": first, "end": first + count - 1, "count": count}
    values = ", ".join(changed.get(column, f't."{column}"').format(**ends) for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    key = "id" if table == "agents_session" else "session_id"
    model = (
        f"SELECT * FROM {table} WHERE {key} = (SELECT min(id::text)::uuid FROM agents_session WHERE number < {FIRST_DECIDED})"
    )
    connection.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM {_SERIES.format(**ends)}, ({model}) t")
