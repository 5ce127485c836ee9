"""The arithmetic of rates: never above the limit, nearly all of it used, and fair (GUARD-5)."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.guardrails.rate import ALL, MINUTE_S, SLACK_S, Book, Limit, Place, Waiter, deal, expected, scopes_of, spacing

NOW = 1_800_000_000.0
AHEAD = 0.5


def waiters(agent: str, count: int, *, model: str = "m", tokens: int = 0, first: int = 0, provider: str = "p") -> list[Waiter]:
    return [Waiter((agent, first + number), model, agent, tokens, provider) for number in range(count)]


def rounds(limits: dict[str, Limit], waiting: list[Waiter], seconds: float, *, every: float = 0.2) -> list[Place]:
    """All places that are given in a time, by rounds as a worker plays them; the book is stored in between."""
    book, places, now = Book(), [], NOW
    while now < NOW + seconds:
        book = Book.of(book.as_json())
        given_now = deal(book, limits, waiting, now=now, ahead=AHEAD)
        assert all(now <= place.at <= now + AHEAD for place in given_now)
        gone = {place.key for place in given_now}
        waiting = [waiter for waiter in waiting if waiter.key not in gone]
        places += given_now
        now += every
    return places


def most_in_a_minute(arrivals: list[float]) -> int:
    return max(sum(1 for other in arrivals if at <= other < at + MINUTE_S) for at in arrivals)


@given(most=st.integers(1, 900), late=st.lists(st.floats(0, SLACK_S), min_size=1, max_size=50))
@settings(max_examples=25)
def test_no_minute_takes_more_than_the_limit_however_late_questions_arrive(most: int, late: list[float]) -> None:
    places = rounds({ALL: Limit(most)}, waiters("a", 2 * most + 2), 130)
    arrivals = sorted(place.at + late[number % len(late)] for number, place in enumerate(places))
    assert most_in_a_minute(arrivals) <= most


@pytest.mark.parametrize("most", [1, 7, 60, 600, 5_000])
def test_nearly_all_of_the_limit_is_used_while_there_is_demand(most: int) -> None:
    places = rounds({ALL: Limit(most)}, waiters("a", 3 * most + 50), 180)
    assert len(places) >= 3 * most * 0.95 * MINUTE_S / (MINUTE_S + 1)


@given(
    tokens=st.lists(st.integers(1, 400), min_size=5, max_size=60),
    most=st.integers(500, 5_000),
)
@settings(max_examples=25)
def test_no_minute_takes_more_tokens_than_the_limit_and_one_question(tokens: list[int], most: int) -> None:
    waiting = [Waiter(number, "m", "a", size) for number, size in enumerate(tokens)]
    sizes = {waiter.key: waiter.tokens for waiter in waiting}
    places = rounds({ALL: Limit(None, most)}, waiting, 150)
    for place in places:
        inside = [sizes[other.key] for other in places if place.at <= other.at < place.at + MINUTE_S]
        assert sum(inside) - inside[-1] <= most


@given(first=st.integers(1, 60), second=st.integers(1, 60), third=st.integers(1, 60))
def test_agents_get_equal_shares_and_what_one_does_not_ask_for_goes_to_the_others(first: int, second: int, third: int) -> None:
    """Max-min: whoever got less than another got all that it asked for."""
    wanted = {"a": first, "b": second, "c": third}
    waiting = [waiter for agent, count in wanted.items() for waiter in waiters(agent, count)]
    got = Counter(place.key[0] for place in rounds({ALL: Limit(600)}, waiting, 6))  # type: ignore[index]
    for count in got.values():
        for other in got:
            assert got[other] >= count - 1 or got[other] == wanted[other]


def test_an_agent_that_comes_later_shares_from_then_on_and_makes_up_for_nothing() -> None:
    book, limits = Book(), {ALL: Limit(600)}
    deal(book, limits, waiters("a", 300), now=NOW, ahead=20)
    both = deal(book, limits, [*waiters("a", 100), *waiters("b", 100)], now=NOW + 20, ahead=5)
    got = Counter(place.key[0] for place in both)  # type: ignore[index]
    assert abs(got["a"] - got["b"]) <= 1


def test_the_questions_of_an_agent_are_served_in_their_order() -> None:
    places = rounds({ALL: Limit(600)}, waiters("a", 30), 10)
    assert [place.key for place in places] == [("a", number) for number in range(30)]


def test_agents_that_cost_more_tokens_get_fewer_places() -> None:
    waiting = [*waiters("big", 100, tokens=300), *waiters("small", 300, tokens=100)]
    got = Counter(place.key[0] for place in rounds({ALL: Limit(None, 60_000)}, waiting, 25))  # type: ignore[index]
    assert 2.5 <= got["small"] / got["big"] <= 3.5


def test_a_limit_of_one_model_leaves_the_others_alone() -> None:
    waiting = [*waiters("a", 20, model="slow"), *waiters("b", 20, model="fast")]
    got = Counter(place.key[0] for place in rounds({"slow": Limit(60), ALL: Limit(6_000)}, waiting, 5))  # type: ignore[index]
    assert got["b"] == 20
    assert got["a"] == 6


def test_all_models_together_keep_to_the_limit_of_all() -> None:
    waiting = [*waiters("a", 300, model="one"), *waiters("b", 300, model="two")]
    places = rounds({"one": Limit(1_000), ALL: Limit(120)}, waiting, 60)
    got = Counter(place.key[0] for place in places)  # type: ignore[index]
    assert sum(got.values()) <= 120
    assert abs(got["a"] - got["b"]) <= 1


def test_a_question_fits_the_limits_of_its_provider_and_of_its_model() -> None:
    """Whichever is narrower holds; another provider goes on beside it."""
    limits = {"provider:p": Limit(300), "slow": Limit(60)}
    waiting = [
        *waiters("a", 100, model="slow"),
        *waiters("b", 100, model="fast"),
        *waiters("c", 100, model="far", provider="q"),
    ]
    got = Counter(place.key[0] for place in rounds(limits, waiting, 10))  # type: ignore[index]
    assert got["a"] <= 11
    assert 48 <= got["a"] + got["b"] <= 51
    assert got["c"] == 100


@given(whole=st.integers(30, 900), one=st.integers(30, 900))
@settings(max_examples=20)
def test_no_minute_takes_more_than_a_providers_limit_whatever_its_models_may(whole: int, one: int) -> None:
    waiting = [*waiters("a", 2 * whole, model="one"), *waiters("b", 2 * whole, model="two")]
    places = rounds({"provider:p": Limit(whole), "one": Limit(one)}, waiting, 70)
    of_one = [place.at for place in places if place.key[0] == "a"]  # type: ignore[index]
    assert most_in_a_minute([place.at for place in places]) <= whole
    assert most_in_a_minute(of_one) <= one
    assert len(places) >= 0.9 * whole


def test_agents_share_a_provider_equally_whichever_of_its_models_they_ask() -> None:
    limits = {"provider:p": Limit(600), "one": Limit(500)}
    waiting = [*waiters("a", 300, model="one"), *waiters("b", 300, model="two"), *waiters("c", 300, model="two")]
    got = Counter(place.key[0] for place in rounds(limits, waiting, 20))  # type: ignore[index]
    assert max(got.values()) - min(got.values()) <= 2


def test_tokens_of_a_provider_are_counted_over_its_models_and_given_back() -> None:
    book, limits = Book(), {"provider:p": Limit(None, 6_000), "m": Limit(600)}
    deal(book, limits, waiters("a", 1, tokens=3_000), now=NOW, ahead=AHEAD)
    assert deal(book, limits, waiters("b", 1, model="other", tokens=10), now=NOW + 4, ahead=AHEAD) == []
    book.correct(scopes_of("m", "p", limits), -2_800, limits, NOW + 4)
    assert deal(book, limits, waiters("b", 1, model="other", tokens=10), now=NOW + 4, ahead=AHEAD)
    assert book.used("provider:p", NOW + 4) == (2, 210)


def test_nobody_is_sent_while_a_provider_wants_to_be_left_alone_and_then_not_all_at_once() -> None:
    book = Book()
    book.hold("m", NOW + 3)
    assert deal(book, {}, waiters("a", 10), now=NOW, ahead=AHEAD) == []
    places = deal(book, {}, waiters("a", 10), now=NOW + 2.9, ahead=AHEAD)
    assert places[0].at == NOW + 3
    assert all(later.at - earlier.at >= 0.019 for earlier, later in pairwise(places))


def test_a_lone_question_is_sent_at_once() -> None:
    assert [place.at for place in deal(Book(), {ALL: Limit(1)}, waiters("a", 1), now=NOW, ahead=AHEAD)] == [NOW]


def test_a_limit_that_is_raised_is_not_waited_for_as_it_was_before() -> None:
    book = Book()
    deal(book, {ALL: Limit(1)}, waiters("a", 1), now=NOW, ahead=AHEAD)
    assert deal(book, {ALL: Limit(1)}, waiters("a", 1), now=NOW + 2, ahead=AHEAD) == []
    assert deal(book, {ALL: Limit(600)}, waiters("a", 1), now=NOW + 2, ahead=1.0)


def test_tokens_that_were_reserved_and_not_used_are_given_back() -> None:
    book, limits = Book(), {ALL: Limit(None, 6_000)}
    deal(book, limits, waiters("a", 1, tokens=3_000), now=NOW, ahead=AHEAD)
    assert book.used(ALL, NOW) == (1, 3_000)
    assert deal(book, limits, waiters("a", 1, tokens=10), now=NOW + 4, ahead=AHEAD) == []
    book.correct([ALL], -2_800, limits, NOW + 4)
    assert deal(book, limits, waiters("a", 1, tokens=10), now=NOW + 4, ahead=AHEAD)
    assert book.used(ALL, NOW + 4)[1] == 210


def test_the_book_forgets_what_is_over() -> None:
    book = Book()
    book.hold("m", NOW + 1)
    deal(book, {ALL: Limit(600)}, waiters("a", 3), now=NOW, ahead=AHEAD)
    deal(book, {ALL: Limit(600)}, waiters("b", 1), now=NOW + 200, ahead=AHEAD)
    assert book.held == {}
    assert book.used(ALL, NOW + 200) == (1, 0)
    assert set(book.meters[ALL].shares) == {"b"}


def test_how_long_a_question_waits_is_told_from_who_waits_before_it() -> None:
    assert expected({"a": 100, "b": 3}, "a", 10, 0.1) == pytest.approx(1.3)
    assert expected({"a": 100, "b": 3}, "b", 3, 0.1) == pytest.approx(0.6)


def test_the_spacing_leaves_room_for_what_arrives_late() -> None:
    assert spacing(600) * 600 == pytest.approx(MINUTE_S + SLACK_S)
