"""The statement that moves money: nothing is reserved beyond a cap, nothing is left behind, whoever asks at once."""

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents import budgets
from agents.models import Budget, Meter, Reservation, WorkerHeartbeat
from agents.money import Wish, meter_round, settle_left_behind
from audit.actors import Actor
from audit.models import AuditEntry
from tests.conftest import FreshDatabase

ADA = Actor("user", "1", "Ada")


def budget(cap: int, scope: str = "all", period: str = "day", at_cap: str = "halt") -> Budget:
    """Make a budget."""
    return budgets.create(scope=scope, period=period, cap_microusd=cap, at_cap=at_cap, reason="For a test.", actor=ADA)


def wish(worst: int, *, agent: str = "researcher", tenant: str = "", share: int = 100) -> Wish:
    """A question's worst case."""
    return Wish(uuid4(), uuid4(), agent, tenant, "scripted-1", "plan", worst, share, 60.0)


def ask(*wishes: Wish, answered: Sequence[tuple[UUID, int | None]] = (), owner: str = "w") -> list[dict[str, Any]]:
    """One round; what was told of each wish."""
    told = meter_round(owner, answered, list(wishes))
    if told["crossed"]:
        budgets.tell([UUID(id_) for id_ in told["crossed"]])
    return list(told["answers"])


def granted(*wishes: Wish, **more: Any) -> list[bool]:
    """Which of them were reserved."""
    return [one["granted"] for one in ask(*wishes, **more)]


def entries(kind: str) -> list[dict[str, Any]]:
    """The facts of all entries of a kind, oldest first."""
    return [dict(row.body_json["facts"]) for row in AuditEntry.objects.filter(kind=kind).order_by("id")]


def test_a_cap_is_reached_to_the_microdollar_and_not_passed(db: None) -> None:
    capped = budget(100)
    assert granted(wish(60), wish(41), wish(40), wish(1)) == [True, False, True, False]
    meter = Meter.objects.get(budget=capped)
    assert (meter.spent_microusd, meter.reserved_microusd) == (0, 100)


def test_a_question_reserves_on_every_budget_that_applies_or_on_none(db: None) -> None:
    overall, month, tenant = budget(1000), budget(50, period="month"), budget(500, "tenant:acme")
    assert granted(wish(40, tenant="acme")) == [True]
    (told,) = ask(wish(20, tenant="acme"))
    assert (told["granted"], told["budget"]) == (False, str(month.id))
    assert [Meter.objects.get(budget=one).reserved_microusd for one in (overall, month, tenant)] == [40, 40, 40]
    assert granted(wish(10)) == [True]
    assert Meter.objects.get(budget=tenant).reserved_microusd == 40


def test_a_question_that_no_budget_meets_is_free(db: None) -> None:
    budget(10, "tenant:acme")
    assert ask(wish(10**9, tenant="else")) == [{"n": 0, "granted": True, "free": True}]
    assert not Reservation.objects.exists()


def test_settling_gives_back_what_was_not_used_and_a_second_time_changes_nothing(db: None) -> None:
    capped, first, second = budget(100), wish(60), wish(40)
    ask(first, second)
    ask(answered=[(first.id, 10), (second.id, None)])
    ask(answered=[(first.id, 10), (second.id, None)])
    meter = Meter.objects.get(budget=capped)
    assert (meter.spent_microusd, meter.reserved_microusd) == (50, 0)
    assert not Reservation.objects.exists()


def test_what_is_settled_in_a_round_is_free_for_the_questions_of_that_round(db: None) -> None:
    budget(100)
    first = wish(100)
    ask(first)
    assert granted(wish(90), answered=[(first.id, 5)]) == [True]


def test_a_refusal_says_whether_the_money_is_spent_or_only_reserved(db: None) -> None:
    budget(100)
    first = wish(95)
    assert [one.get("why") for one in ask(first, wish(10))] == [None, "crowded"]
    assert [one.get("why") for one in ask(wish(10), answered=[(first.id, None)])] == ["spent"]


def test_new_sessions_are_throttled_by_priority(db: None) -> None:
    budget(100)
    first = wish(85)
    ask(first)
    ask(answered=[(first.id, None)])
    assert [one.get("why") for one in ask(wish(1, share=80), wish(1, share=90), wish(1, share=100))] == [
        "throttled",
        None,
        None,
    ]


def test_a_new_session_may_take_all_that_is_left_until_its_share_is_spent(db: None) -> None:
    """GUARD-3: throttled is who comes after 80 % were spent, not whose first question is large beside a small cap."""
    budget(100)
    assert [one.get("why") for one in ask(wish(95, share=90), wish(4, share=80))] == [None, "crowded"]


def test_a_cap_can_be_lowered_below_what_is_spent_and_then_nothing_is_reserved(db: None) -> None:
    capped, first = budget(100), wish(80)
    ask(first)
    ask(answered=[(first.id, 80)])
    changed = budgets.change(capped.id, revision=1, cap_microusd=50, reason="Less.", actor=ADA, may_raise=False)
    assert (changed.cap_microusd, changed.revision) == (50, 2)
    (told,) = ask(wish(1))
    assert (told["granted"], told["why"], told["left"]) == (False, "spent", -30)


def test_a_raised_cap_pays_again_at_once(db: None) -> None:
    capped = budget(10)
    assert granted(wish(20)) == [False]
    budgets.change(capped.id, revision=1, cap_microusd=100, reason="More.", actor=ADA, may_raise=True)
    assert granted(wish(20)) == [True]
    assert Meter.objects.get(budget=capped).refused_at is None


def test_each_level_is_told_exactly_once(db: None) -> None:
    budget(100)
    for worst in (30, 30, 25, 10):
        one = wish(worst)
        ask(one)
        ask(answered=[(one.id, None)])
    ask(wish(50))
    ask(wish(50))
    assert [facts["level"] for facts in entries("budget.crossed")] == [50, 80, 100]


def test_the_database_itself_refuses_to_reserve_beyond_a_cap(db: None) -> None:
    budget(100)
    ask(wish(10))
    with pytest.raises(IntegrityError, match="beyond its cap"), transaction.atomic():
        Meter.objects.update(reserved_microusd=101)
    with pytest.raises(IntegrityError), transaction.atomic():
        Meter.objects.update(reserved_microusd=-1)
    Meter.objects.update(cap_microusd=5)  # what is reserved stays; only more of it is refused


def test_the_sweep_takes_as_spent_what_a_dead_worker_left_and_leaves_alone_what_lives(db: None) -> None:
    capped = budget(100)
    WorkerHeartbeat.objects.create(owner="alive")
    ask(wish(30), owner="dead")
    living = wish(20)
    ask(living, owner="alive")
    assert settle_left_behind() == 1
    meter = Meter.objects.get(budget=capped)
    assert (meter.spent_microusd, meter.reserved_microusd) == (30, 20)
    assert [row.pk for row in Reservation.objects.all()] == [living.id]
    assert settle_left_behind() == 0


def test_an_ended_budget_caps_nothing_and_makes_room_for_a_new_one(db: None) -> None:
    capped, first = budget(10), wish(10)
    ask(first)
    budgets.end(capped.id, revision=1, reason="Over.", actor=ADA)
    assert granted(wish(10**6)) == [True]
    ask(answered=[(first.id, 4)])
    assert Meter.objects.get(budget=capped).spent_microusd == 4
    assert budget(20).id != capped.id


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 500), st.lists(st.tuples(st.integers(0, 200), st.sampled_from([80, 90, 100])), max_size=12), st.data())
def test_the_statement_does_what_the_arithmetic_says(
    db: None, cap: int, asked: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Rounds of questions and settlements against the same in Python."""
    with transaction.atomic():
        capped = budget(cap)
        spent = 0
        open_: dict[UUID, int] = {}
        for worst, share in asked:
            one = wish(worst, share=share)
            used = spent + sum(open_.values())
            fits = used + worst <= cap and (share == 100 or used * 100 < cap * share)
            assert granted(one) == [fits]
            if fits:
                open_[one.id] = worst
            settles = data.draw(st.booleans())
            if open_ and settles:
                id_ = data.draw(st.sampled_from(list(open_)))
                cost = data.draw(st.integers(0, open_[id_]))
                ask(answered=[(id_, cost)])
                spent += cost
                del open_[id_]
        meter = Meter.objects.filter(budget=capped).first()
        if meter is not None:
            assert (meter.spent_microusd, meter.reserved_microusd) == (spent, sum(open_.values()))
        transaction.set_rollback(True)


def test_sixteen_threads_never_pass_a_cap(fresh_database: FreshDatabase) -> None:
    overall, tenant = budget(5_000), budget(3_000, "tenant:acme")
    highest, guard = [0], threading.Lock()

    def work(seed: int) -> int:
        dice, used = random.Random(seed), 0
        mine: list[Wish] = []
        try:
            for _ in range(25):
                wishes = [wish(dice.randint(1, 120), tenant=dice.choice(["", "acme"])) for _ in range(dice.randint(1, 4))]
                answered = [(one.id, dice.randint(0, one.worst)) for one in mine]
                used += sum(spent or 0 for _, spent in answered)
                mine = [one for one, told in zip(wishes, ask(*wishes, answered=answered), strict=True) if told["granted"]]
                for meter in Meter.objects.all():
                    with guard:
                        highest[0] = max(highest[0], meter.spent_microusd + meter.reserved_microusd - meter.cap_microusd)
            ask(answered=[(one.id, 0) for one in mine])
        finally:
            connections.close_all()
        return used

    with ThreadPoolExecutor(16) as threads:
        used = sum(threads.map(work, range(16)))
    meters = {meter.budget_id: meter for meter in Meter.objects.all()}
    assert highest[0] <= 0
    assert meters[overall.id].spent_microusd == used <= 5_000
    assert meters[tenant.id].spent_microusd <= 3_000
    assert Meter.objects.aggregate(Sum("reserved_microusd"))["reserved_microusd__sum"] == 0
    assert used > 3_000  # the caps were met
    assert [facts["level"] for facts in entries("budget.crossed") if facts["scope"] == "all"] == [50, 80, 100]
