"""Guards of a canary: intervals that hold at every look, and what trips (PROMPT-4)."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.prompts.guards import GUARDED, MEASURES, USUAL, Guard, Guards, Sample, as_stored, findings, tripped
from agents.prompts.sequences import always_mean, always_share, around_mean, wilson

CANARIES, SESSIONS, LOOK_EVERY = 100, 600, 10
Counts = tuple[int, int]


def counts() -> st.SearchStrategy[Counts]:
    """So many events of so many."""
    return st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts(), st.floats(1e-6, 0.05))
def test_an_interval_for_always_holds_what_was_seen_and_that_for_once(count: Counts, alpha: float) -> None:
    events, n = count
    always, once = always_share(events, n, alpha), wilson(events, n)
    assert 0 <= always.low <= events / n <= always.high <= 1
    assert 0 <= once.low <= events / n <= once.high <= 1
    assert always.high - always.low >= (once.high - once.low) * 0.9


@given(counts(), st.floats(1e-5, 0.05))
def test_a_smaller_risk_asks_for_a_wider_interval(count: Counts, alpha: float) -> None:
    wide, narrow = always_share(*count, alpha / 2), always_share(*count, alpha)
    assert wide.low <= narrow.low
    assert wide.high >= narrow.high


@given(counts(), st.floats(1e-5, 0.05))
def test_the_interval_of_the_others_is_its_mirror(count: Counts, alpha: float) -> None:
    events, n = count
    one, other = always_share(events, n, alpha), always_share(n - events, n, alpha)
    assert one.low == pytest.approx(1 - other.high, abs=1e-6)


@given(st.integers(2, 10_000), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-6, 0.05))
def test_a_mean_lies_in_the_middle_and_always_is_wider_than_once(n: int, mean: float, variance: float, alpha: float) -> None:
    always, once = always_mean(n, mean, variance, alpha), around_mean(n, mean, variance)
    assert always.low <= once.low <= mean <= once.high <= always.high
    assert once.low >= 0, "nothing costs less than nothing"


def test_of_a_share_that_is_looked_at_after_every_session_few_intervals_ever_miss_it() -> None:
    """Of a hundred series with 5 % to miss; of intervals made for one look far more do."""
    chance = random.Random(7)
    always, once = 0, 0
    for _ in range(100):
        events, missed, fooled = 0, False, False
        for n in range(1, 301):
            events += chance.random() < 0.2
            sequence, interval = always_share(events, n, 0.05), wilson(events, n)
            missed = missed or not sequence.low <= 0.2 <= sequence.high
            fooled = fooled or not interval.low <= 0.2 <= interval.high
        always, once = always + missed, once + fooled
    assert always <= 5
    assert once > 20


def session(chance: random.Random, worse: float = 0.0) -> dict[str, float]:
    """What one session came to; `worse` is added to the chance that people reject a call of it."""
    asked = chance.random() < 0.6
    return {
        "completion": chance.random() < 0.9, "error": chance.random() < 0.03, "halt": chance.random() < 0.04,
        "tool_error": chance.random() < 0.12, "approval": asked and chance.random() < 0.8, "asked": asked,
        "rejection": asked and chance.random() < 0.08 + worse, "edit": asked and chance.random() < 0.1,
        "cost": chance.lognormvariate(8, 1.0), "turns": 1 + chance.randrange(9), "latency": chance.lognormvariate(9, 0.8),
    }  # fmt: skip


class Count:
    """The samples of one version, session by session."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, float] = dict.fromkeys(MEASURES, 0.0)
        self.squares: dict[str, float] = dict.fromkeys(MEASURES, 0.0)
        self.asked = 0

    def add(self, row: dict[str, float]) -> None:
        self.rows.append(row)
        self.asked += bool(row["asked"])
        for name in MEASURES:
            self.sums[name] += row[name]
            self.squares[name] += row[name] ** 2

    def samples(self) -> dict[str, Sample]:
        n = len(self.rows)
        found = {}
        for name, measure in MEASURES.items():
            of = self.asked if name in ("approval", "rejection", "edit") else n
            mean = self.sums[name] / max(n, 1)
            variance = max(0.0, (self.squares[name] - n * mean * mean) / max(n - 1, 1))
            found[name] = Sample(of, events=int(self.sums[name])) if measure.kind == "share" else Sample(n, 0, mean, variance)
        return found


def looks(chance: random.Random, *, share: float, worse: float = 0.0) -> Iterator[tuple[int, Count, Count]]:
    """A canary that takes its share of the sessions, each time that somebody looks."""
    canary, other = Count(), Count()
    for n in range(1, SESSIONS + 1):
        mine = chance.random() < share
        (canary if mine else other).add(session(chance, worse if mine else 0.0))
        if n % LOOK_EVERY == 0:
            yield n, canary, other


def test_of_a_hundred_canaries_of_a_version_against_itself_at_most_five_roll_back() -> None:
    """Seeded, with the usual guards, each looked at sixty times."""
    rolled_back = 0
    for seed in range(CANARIES):
        chance = random.Random(seed)
        share = (0.05, 0.1, 0.25, 0.5)[seed % 4]
        rolled_back += any(
            tripped(findings(USUAL, canary.samples(), other.samples())) is not None
            for _, canary, other in looks(chance, share=share)
        )
    assert rolled_back <= 5


def test_a_canary_that_people_reject_far_more_often_is_found_within_some_hundred_sessions() -> None:
    found = []
    for seed in range(20):
        for n, canary, other in looks(random.Random(seed), share=0.25, worse=0.6):
            worst = tripped(findings(USUAL, canary.samples(), other.samples()))
            if worst is not None:
                found.append((n, worst))
                break
    assert len(found) == 20
    assert {worst.guard.measure for _, worst in found} == {"rejection"}
    assert all(worst.low > 0 and worst.enough for _, worst in found)


def test_below_its_sample_a_guard_says_nothing() -> None:
    guards = Guards(guards=(Guard(measure="error", allowed=0.1, minimum=50),))
    bad, good = {"error": Sample(49, events=49)}, {"error": Sample(1_000, events=0)}
    (one,) = findings(guards, bad, good)
    assert (one.enough, one.low > 0.5, one.trips) == (False, True, False)


def test_what_is_worse_by_less_than_allowed_stays_however_certain_it_is() -> None:
    guards = Guards(guards=(Guard(measure="error", allowed=0.1),))
    (one,) = findings(guards, {"error": Sample(50_000, events=4_000)}, {"error": Sample(50_000, events=500)})
    assert (one.low > 0, one.trips) == (True, False)


def test_fewer_answers_are_worse_and_more_are_not() -> None:
    guards = Guards(guards=(Guard(measure="completion", allowed=0.1),))
    few, many = {"completion": Sample(200, events=60)}, {"completion": Sample(200, events=190)}
    assert tripped(findings(guards, few, many)) is not None
    assert tripped(findings(guards, many, few)) is None


def test_a_mean_is_worse_by_parts_of_the_others() -> None:
    guards = Guards(guards=(Guard(measure="cost", allowed=0.5, minimum=50),))
    dear, cheap = {"cost": Sample(400, mean=9_000, variance=1e6)}, {"cost": Sample(400, mean=3_000, variance=1e6)}
    (one,) = findings(guards, dear, cheap)
    assert one.worse == pytest.approx(2.0)
    assert one.trips
    assert as_stored(one)["low"] > 1


def test_nothing_counted_is_told_without_ends() -> None:
    stored = [as_stored(one) for one in findings(USUAL, {}, {})]
    assert [one["measure"] for one in stored] == [guard.measure for guard in USUAL.guards]
    assert not any(one["trips"] or one["enough"] for one in stored)
    assert next(one for one in stored if one["measure"] == "cost")["high"] is None


def test_a_measure_is_guarded_once_and_a_share_by_at_most_all() -> None:
    twice = Guard(measure="error", allowed=0.1)
    with pytest.raises(ValidationError):
        Guards(guards=(twice, twice))
    with pytest.raises(ValidationError):
        Guard(measure="halt", allowed=1.5)
    assert Guard(measure="cost", allowed=1.5).allowed == 1.5
    assert "approval" not in GUARDED
