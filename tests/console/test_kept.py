"""Parts that many people see alike: drawn once, never older than what the asker knows, never more than a few of them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from django.test import RequestFactory

from console.kept import Drawn, Shelf, cursor_of


class Drawing:
    """Draws a part of a log that goes on, and counts how often."""

    def __init__(self, head: int = 5) -> None:
        self.head = head
        self.times = 0

    def __call__(self) -> Drawn:
        self.times += 1
        return self.head, f"as of {self.head}, drawn {self.times} times"


@pytest.fixture
def drawing() -> Drawing:
    """One part."""
    return Drawing()


def test_a_part_is_drawn_once_for_all_who_know_no_more_of_the_log(drawing: Drawing) -> None:
    shelf = Shelf()
    assert {shelf.take("rows", cursor, drawing) for cursor in (5, 3, 5, 0)} == {"as of 5, drawn 1 times"}


def test_who_knows_of_a_later_event_gets_it_drawn_anew(drawing: Drawing) -> None:
    shelf = Shelf()
    shelf.take("rows", 5, drawing)
    drawing.head = 7
    assert shelf.take("rows", 6, drawing) == "as of 7, drawn 2 times"
    assert shelf.take("rows", 5, drawing) == "as of 7, drawn 2 times"


def test_what_time_alone_changes_is_drawn_anew(drawing: Drawing) -> None:
    shelf = Shelf(for_s=-1)
    shelf.take("rows", 5, drawing)
    assert shelf.take("rows", 5, drawing) == "as of 5, drawn 2 times"


def test_under_another_key_nothing_is_shared(drawing: Drawing) -> None:
    shelf = Shelf()
    assert shelf.take(("rows", "reviewers"), 5, drawing) != shelf.take(("rows", "viewers"), 5, drawing)


def test_only_so_many_are_kept_and_the_least_wanted_goes_first(drawing: Drawing) -> None:
    shelf = Shelf(most=2)
    for key in ("one", "two", "one", "three"):
        shelf.take(key, 5, drawing)
    assert drawing.times == 3
    shelf.take("one", 5, drawing)
    assert drawing.times == 3
    shelf.take("two", 5, drawing)
    assert drawing.times == 4


def test_those_who_come_together_wait_for_one_drawing(drawing: Drawing) -> None:
    shelf, all_here, may_end = Shelf(), Barrier(5), Event()

    def slow() -> Drawn:
        may_end.wait(120)
        return drawing()

    def come() -> str:
        all_here.wait(120)
        return shelf.take("rows", 5, slow)

    with ThreadPoolExecutor(5) as people:
        coming = [people.submit(come) for _ in range(4)]
        all_here.wait(120)
        may_end.set()
        assert {one.result(120) for one in coming} == {"as of 5, drawn 1 times"}


def test_a_drawing_that_fails_fails_for_its_asker_alone(drawing: Drawing) -> None:
    shelf = Shelf()

    def fails() -> Drawn:
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        shelf.take("rows", 5, fails)
    assert shelf.take("rows", 5, drawing) == "as of 5, drawn 1 times"


@pytest.mark.parametrize(("said", "cursor"), [("17", 17), ("", None), ("-1", None), ("²", None), ("9" * 18, None), ("x", None)])
def test_a_page_says_up_to_which_event_it_knows_the_log(said: str, cursor: int | None) -> None:
    assert cursor_of(RequestFactory().get("/", headers={"Live-Cursor": said})) == cursor
