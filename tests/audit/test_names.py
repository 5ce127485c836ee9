"""Identifiers, event kinds and errors: the small words that everything else is said in."""

import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122

import pytest

from audit.errors import CountersignError, IllegalMove, StaleState
from audit.events import EventKind
from audit.ids import uuid7


def test_identifiers_are_uuid_7_and_sort_by_the_time_they_were_made() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {RFC_4122}


def test_threads_never_make_the_same_identifier() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = [one for several in pool.map(lambda _: [uuid7() for _ in range(2_000)], range(4)) for one in several]
    assert len({one.int >> 64 for one in made}) == 8_000


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_is_noun_and_verb_and_says_what_it_states(kind: EventKind) -> None:
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", kind.value)
    assert kind.noun == kind.value.split(".")[0]
    assert re.fullmatch(r"[A-Z][^.]*[^ ]\.", kind.doc)
    assert EventKind(kind.value) is kind


def test_an_error_says_its_facts() -> None:
    error = IllegalMove(model="audit.Lamp", state="dark", event="dim")
    assert error.detail == str(error) == 'audit.Lamp cannot do "dim" while it is dark.'
    assert (error.code, error.state) == ("illegal_move", "dark")


def test_an_error_without_its_facts_still_says_something() -> None:
    assert "{ids}" in StaleState().detail
    assert CountersignError().detail == "The request was refused."


def test_an_error_survives_the_way_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(StaleState(ids=["a"])))
    assert isinstance(error, StaleState)
    assert error.ids == ["a"]
