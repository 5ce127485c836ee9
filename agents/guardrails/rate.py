"""PURE: when a question may be sent where a rate is limited, and whose turn it is.

Places are evenly spaced (GCRA without a burst): each takes its time of the limit, and the next is due when that is over.
The spacing is a little wider than the limit asks for, so that questions that arrive late by up to `SLACK_S` still never
make more than the limit in any minute of the provider's own clock. Whose turn it is follows virtual time: of the agents
that wait for the same limit the one that had least of it is next, and what an agent does not ask for is divided among
the others (max-min fair). Within an agent the session that waits longest is next. All times are seconds.
"""

from collections import deque
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, TypeVar

MINUTE_S = 60.0
SLACK_S = 1.8  # between a place's time and its question's arrival: LATE_S in the worker, the rest on the way
LATE_S = 1.0  # a place is good for so long; whoever comes later asks for another
FREE_S = 0.02  # between questions that no limit spaces: those that waited until a provider lets us in again
PAST_S = 5  # what was let through is counted in parts of a minute of so many seconds
SAME_S = 0.0005
ALL = ""  # the scope of all models together
PROVIDER = "provider:"  # what the scope of a provider begins with; that of a model is its name

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be asked in a minute; None: as much as anybody likes."""

    requests: int | None = None
    tokens: int | None = None


@dataclass(slots=True)
class Meter:
    """How far one scope's limit is used up, and by whom."""

    at: float = 0.0  # the next place by requests
    tokens_at: float = 0.0  # and by tokens
    virtual: float = 0.0  # the virtual time of the place that was given last
    shares: dict[str, float] = field(default_factory=dict)  # by agent: the virtual time up to which it was served


@dataclass(slots=True)
class Book:
    """All meters, until when a provider wants to be left alone, by model, and what the last minute took."""

    meters: dict[str, Meter] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    past: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)  # scope: {part of the minute: (requests, tokens)}

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Book":
        """Return the book that `as_json` gave."""
        meters = {scope: Meter(**meter) for scope, meter in stored.get("meters", {}).items()}
        past = {scope: {part: (n[0], n[1]) for part, n in parts.items()} for scope, parts in stored.get("past", {}).items()}
        return cls(meters, dict(stored.get("held", {})), past)

    def meter(self, scope: str) -> Meter:
        """The meter of a scope; a new one where nobody used it yet."""
        return self.meters.setdefault(scope, Meter())

    def used(self, scope: str, now: float) -> tuple[int, int]:
        """Return how many requests and tokens the last minute took."""
        since = now - MINUTE_S
        parts = [n for part, n in self.past.get(scope, {}).items() if int(part) * PAST_S > since]
        return sum(requests for requests, _ in parts), sum(tokens for _, tokens in parts)

    def hold(self, model: str, until: float) -> None:
        """Note that a provider wants to be left alone with a model until then; the longest wish counts."""
        self.held[model] = max(until, self.held.get(model, 0.0))

    def correct(self, scopes: Iterable[str], tokens: int, limits: Mapping[str, Limit], now: float) -> None:
        """Settle a reservation: `tokens` more, or less, were used than were reserved."""
        for scope in scopes:
            if (limit := limits.get(scope)) is not None and limit.tokens:
                meter = self.meter(scope)
                meter.tokens_at = max(now, meter.tokens_at) + tokens * spacing(limit.tokens)
            _count(self, scope, now, 0, tokens)


@dataclass(frozen=True, slots=True)
class Waiter:
    """A question that waits; given in the order in which those of one agent are served."""

    key: Hashable
    model: str
    agent: str
    tokens: int
    provider: str = ""  # the server that has the model


@dataclass(frozen=True, slots=True)
class Place:
    """When a question may be sent."""

    key: Hashable
    at: float


def spacing(most: int) -> float:
    """Return the time that one of `most` in a minute takes."""
    return (MINUTE_S + SLACK_S) / most


class Lane(NamedTuple):
    """Questions that the same limits hold: their scopes, the widest first, and the narrowest thing that sets them apart."""

    own: str
    scopes: tuple[str, ...]


def scopes_of(model: str, provider: str, limits: Mapping[str, Limit]) -> tuple[str, ...]:
    """Return the scopes that limit a question: all models, its provider, its model, as many of them as are limited."""
    return tuple(scope for scope in dict.fromkeys((ALL, f"{PROVIDER}{provider}", model)) if scope in limits)


def lane_of(model: str, provider: str, limits: Mapping[str, Limit], held: Collection[str]) -> Lane:
    """Return the lane in which a question waits; of a model that a provider does not want to hear it is the model's own."""
    scopes = scopes_of(model, provider, limits)
    return Lane(model if model in held else scopes[-1] if scopes else ALL, scopes)


def deal(book: Book, limits: Mapping[str, Limit], waiting: Sequence[Waiter], *, now: float, ahead: float) -> list[Place]:
    """Give out the places of the next `ahead` seconds, in order of time; the book is carried on.

    Args:
        book: how far the limits are used up.
        limits: what is limited, by scope: a model's name, `PROVIDER` and a provider's, `ALL` for all of them together.
        waiting: who waits, those of one agent in the order in which they are served.
        now: the time.
        ahead: how far into the future places are given away: far enough that whoever gets one hears of it in time, and
            no further, so that whoever comes next waits for few of them.
    """
    _forget(book, now)
    queues: dict[Lane, dict[str, deque[Waiter]]] = {}
    for waiter in waiting:
        lane = lane_of(waiter.model, waiter.provider, limits, book.held)
        queues.setdefault(lane, {}).setdefault(waiter.agent, deque()).append(waiter)
    places: list[Place] = []
    while queues:
        due = {lane: _due(book, limits, lane, now) for lane in queues}
        first = min(due.values())
        if first > now + ahead:
            break
        lane, agent = _next(book, limits, queues, [lane for lane in queues if due[lane] <= first + SAME_S])
        waiter = queues[lane][agent].popleft()
        places.append(Place(waiter.key, due[lane]))
        _take(book, limits, lane, waiter, due[lane])
        if not queues[lane][agent]:
            del queues[lane][agent]
        if not queues[lane]:
            del queues[lane]
    return places


def _due(book: Book, limits: Mapping[str, Limit], lane: Lane, now: float) -> float:
    """Return when the next question of a lane may be sent."""
    found = [now, book.held.get(lane.own, 0.0)]
    for scope in lane.scopes or (lane.own,):
        meter, limit = book.meter(scope), limits.get(scope, Limit())
        # Never further than what one place takes: a limit that was raised is not waited for as it was before.
        each = spacing(limit.requests) if limit.requests else 0.0 if scope in limits else FREE_S
        found.append(min(meter.at, now + max(each, 1.0)) if each else now)
        found.append(min(meter.tokens_at, now + MINUTE_S) if limit.tokens else now)
    return max(found)


def _next(
    book: Book, limits: Mapping[str, Limit], queues: Mapping[Lane, Mapping[str, deque[Waiter]]], lanes: Sequence[Lane]
) -> tuple[Lane, str]:
    """Return the lane and the agent whose turn it is: the agent that had least of its lane, and of what the lanes share."""
    firsts = [(lane, min(queues[lane], key=lambda agent: _start(book, lane.own, agent))) for lane in lanes]
    return min(firsts, key=lambda first: _start(book, first[0].scopes[0] if first[0].scopes else ALL, first[1]))


def _start(book: Book, scope: str, agent: str) -> float:
    meter = book.meter(scope)
    return max(meter.virtual, meter.shares.get(agent, 0.0))


def _take(book: Book, limits: Mapping[str, Limit], lane: Lane, waiter: Waiter, at: float) -> None:
    """Move the meters by one question; its cost in virtual time is by how much it moves them."""
    for scope in dict.fromkeys((ALL, *lane.scopes, lane.own)):
        meter, limit = book.meter(scope), limits.get(scope)
        each = FREE_S if limit is None else spacing(limit.requests) if limit.requests else 0.0
        tokens = waiter.tokens * spacing(limit.tokens) if limit is not None and limit.tokens else 0.0
        if limit is not None or not lane.scopes:
            meter.at = max(meter.at, at) + each
            meter.tokens_at = max(meter.tokens_at, at) + tokens
        meter.virtual = _start(book, scope, waiter.agent)
        shares = {agent: until for agent, until in meter.shares.items() if until > meter.virtual}
        meter.shares = {**shares, waiter.agent: meter.virtual + max(each, tokens)}
        if limit is not None:
            _count(book, scope, at, 1, waiter.tokens)


def _count(book: Book, scope: str, at: float, requests: int, tokens: int) -> None:
    part = str(int(at // PAST_S))
    before = book.past.setdefault(scope, {}).get(part, (0, 0))
    book.past[scope][part] = (before[0] + requests, max(0, before[1] + tokens))


def _forget(book: Book, now: float) -> None:
    """Drop what says nothing any more, so that the book stays small."""
    book.held = {model: until for model, until in book.held.items() if until > now}
    oldest = now - MINUTE_S - PAST_S
    for scope, parts in list(book.past.items()):
        book.past[scope] = {part: n for part, n in parts.items() if int(part) * PAST_S > oldest}


def expected(counts: Mapping[str, int], agent: str, position: int, each: float) -> float:
    """Return about how long a question waits that is `position`th of its agent's (from 1), where `counts` of each agent wait.

    Until then every other agent has had as many places, or all that it asked for.
    """
    before = sum(min(count, position) for other, count in counts.items() if other != agent)
    return (before + position) * each
