"""Hashes and links of many entries at once say what the walk says of each."""

from collections.abc import Sequence
from typing import Any

import pytest

from audit.chain import entry_hash, genesis
from audit.verify_links import Links, Row


def chain(stream: str, *bodies: bytes) -> list[Row]:
    before, rows = genesis(stream), []
    for seq, body in enumerate(bodies, 1):
        hash_ = entry_hash(stream, seq, before, body)
        rows.append((stream, seq, before, hash_, body, seq))
        before = hash_
    return rows


ONE = chain("session:S-1", b'{"a":1}', b'{"a":2}', b'{"a":3}', b'{"closes":true,"a":4}')
OTHER = chain("session:Š-2", b"{}", b'{"b":1}')


def taken(rows: Sequence[Row]) -> bool:
    return Links().take(rows)


def test_streams_that_stand_between_each_other_hold() -> None:
    links = Links()
    assert links.take([ONE[0], OTHER[0], ONE[1]])
    assert links.take([OTHER[1], ONE[2], ONE[3]])
    assert links.count == 6
    assert links.firsts == [ONE[0][:3], OTHER[0][:3]]


def test_a_part_that_begins_in_the_middle_says_what_has_to_be_before_it() -> None:
    links = Links()
    assert links.take(ONE[2:])
    assert links.firsts == [("session:S-1", 3, ONE[1][3])]


@pytest.mark.parametrize(
    ("place", "value"), [(0, "session:S-9"), (1, 7), (1, -2), (2, bytes(32)), (3, bytes(32)), (4, b'{"a":9}')]
)
def test_one_that_was_changed_does_not(place: int, value: Any) -> None:
    changed: Any = (*ONE[1][:place], value, *ONE[1][place + 1 :])
    assert not taken([ONE[0], changed, ONE[2]])


def test_one_that_is_missing_doubled_swapped_or_behind_the_end_does_not() -> None:
    after = (ONE[3][3], b"{}")
    late: Row = ("session:S-1", 5, after[0], entry_hash("session:S-1", 5, *after), after[1], 5)
    assert taken(ONE)
    assert not taken([ONE[0], ONE[2]])
    assert not taken([ONE[0], ONE[0]])
    assert not taken([ONE[1], ONE[0]])
    assert not taken([*ONE, late])


def test_one_that_follows_another_past_does_not() -> None:
    forged = chain("session:S-1", b'{"a":0}', b'{"a":2}')
    assert taken(forged)
    assert not taken([ONE[0], forged[1]])
