"""Parts of pages that many people see alike: each drawn once for all of them, and kept in this process for a moment.

Who asks says up to which event of the log they know; what is given is drawn from a state at least as late. Under which key a
part is kept is what decides who shares it: it has to name everything that its drawing depends on, the rights of the
looker first.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

from django.http import HttpRequest

MOST = 64
"""So many parts are kept; the one that was asked for longest ago goes first."""
FOR_S = 1.0
"""What time alone changes is never older than this."""
HEADER = "Live-Cursor"
Drawn = tuple[int, str]
"""The place in the log that a part was drawn at, and its HTML."""


class _Place:
    """One part, as it was drawn last."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.drawn: Drawn | None = None
        self.at = 0.0


class Shelf:
    """What is kept."""

    def __init__(self, most: int = MOST, for_s: float = FOR_S) -> None:
        """Take how many parts are kept, and for how long."""
        self._most = most
        self._for_s = for_s
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()
        self._lock = Lock()

    def take(self, key: Hashable, cursor: int, draw: Callable[[], Drawn]) -> str:
        """Return the HTML of the part under a key as of event `cursor` or later."""
        return self.drawn(key, cursor, draw)[1]

    def drawn(self, key: Hashable, cursor: int, draw: Callable[[], Drawn]) -> Drawn:
        """Return the part under a key as of event `cursor` or later; who comes while it is drawn waits for it."""
        place = self._place(key)
        with place.lock:
            if place.drawn is None or place.drawn[0] < cursor or time.monotonic() - place.at > self._for_s:
                began = time.monotonic()
                place.drawn = draw()
                place.at = began  # only now: a drawing that failed leaves the one before as old as it is
            return place.drawn

    def _place(self, key: Hashable) -> _Place:
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            if len(self._places) > self._most:
                self._places.popitem(last=False)
            return place


def cursor_of(request: HttpRequest) -> int | None:
    """Return up to which event the page that asks knows the log; None where it does not say."""
    text = request.headers.get(HEADER, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
