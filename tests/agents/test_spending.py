"""What was spent is found by its time, however many turns there are (GUARD-4)."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from agents import services, spending
from tests.conftest import FreshDatabase
from tests.flows.conftest import actor_of, config

MANY = """
    INSERT INTO agents_turn (id, session_id, index, number, finish_reason, model, prompt_version, cost_microusd, created_at)
    SELECT gen_random_uuid(), %s, n, n, 'stop', 'scripted-1', 'prompt 1.0.0', 1, now() - make_interval(secs => 3 * (100000 - n))
    FROM generate_series(1, 100000) n
"""


def test_an_hour_among_many_turns_is_found_by_its_time(fresh_database: FreshDatabase, olga: User) -> None:
    services.apply_agent(config(), actor=actor_of(olga))
    session = services.start_session(actor=actor_of(olga), person_id=olga.pk, agent="research-assistant", goal="Find it.")
    now = timezone.now()
    hour = [now - timedelta(hours=1), now]
    with connections["owner"].cursor() as cursor:
        cursor.execute(MANY, [session.pk])
        cursor.execute("VACUUM ANALYZE agents_turn")
        for by in spending.OF_SESSIONS:
            cursor.execute(f"EXPLAIN {spending.statement(by)}", [*hour, *hour, 200])
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "turn_by_time" in plan, plan
    (found,) = spending.spend("agent", since=hour[0], until=now)
    assert 1_150 < found.calls < 1_250
    assert found.cost_microusd == found.calls
