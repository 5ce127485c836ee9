"""A re-run beside its session, for the page and the API: turns and calls paired, the first difference, and what both took.

Texts are there only for those who may read the session's; sensitive values of calls are covered for everybody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum

from agents import replay
from agents.models import Rerun, ToolCall, Turn
from agents.rehearsals.play import Transcript, shortened
from agents.reruns import reruns
from agents.reruns.sides import Row, Step, first_difference, key, sides
from approvals.sensitive import UNREAD
from audit.content import read_texts
from console.auth import Caller
from console.covering import hides, mask_of_session
from console.diff import Diff, line_diff
from console.rehearsed import Veil, bare
from console.revealing import reveals_session

MOST = 200  # turns of a session that are compared
DELETED = "[deleted]"  # stands where a text was


@dataclass(frozen=True, slots=True)
class Made:
    """A call of the session, with its arguments as the model planned them."""

    call: ToolCall
    arguments: str


@dataclass(frozen=True, slots=True)
class Stood:
    """A turn of the session."""

    turn: Turn
    text: str
    calls: tuple[Made, ...]


@dataclass(frozen=True, slots=True)
class Took:
    """What a side took."""

    turns: int
    calls: int
    tokens: int
    cost_microusd: int
    ms: int  # at models


@dataclass(frozen=True, slots=True)
class Beside:
    """A re-run beside its session. Without `revealed` every text in it is empty; `answer` is None where an answer is missing."""

    row: Rerun
    told: Transcript
    revealed: bool
    then: tuple[Stood, ...]
    rows: tuple[Row, ...]
    first: int | None
    answer: Diff | None
    took: tuple[Took, Took]
    more: int  # turns of the session that are not compared: the re-run has not come so far, or they are too many
    elsewhere: frozenset[tuple[int, int]]  # calls of now, by turn and place, whose answer was recorded for other arguments


def beside(caller: Caller, row: Rerun) -> Beside:
    """Return a re-run beside its session as the caller may see it, in a fixed number of queries."""
    session, told = row.session, reruns.told(row)
    turns = replay.turns_of(session, first=row.from_turn, limit=MOST)
    then = _stood(turns)
    rows = _paired(then, told)
    revealed = reveals_session(caller, session_id=session.pk, started_user=session.started_user)
    veil = Veil(told, mask_of_session(session.pk)[0])
    took = (_took_then(row), _took_now(told))
    return Beside(
        row=row,
        told=veil.transcript(told) if revealed else bare(told),
        revealed=revealed,
        then=tuple(_covered(one, veil) if revealed else _bare(one) for one in then),
        rows=rows,
        first=first_difference(rows),
        answer=_answer(then, told, veil) if revealed and took[0].turns <= MOST else None,
        took=took,
        more=took[0].turns - sum(one.then is not None for one in rows),
        elsewhere=_elsewhere(then, told) if took[0].turns <= MOST else frozenset(),
    )


def planned(made: Made) -> tuple[str, str]:
    """Return a call of the session as it is compared: the tool, and what the model wrote."""
    return made.call.tool, made.arguments


def _stood(turns: Sequence[Turn]) -> list[Stood]:
    calls = list(ToolCall.objects.filter(turn__in=turns).order_by("index"))
    ids = [id_ for call in calls for id_ in (call.raw_id, call.arguments_id) if id_]
    wanted = [*ids, *(turn.text_id for turn in turns if turn.text_id)]
    texts = {**dict.fromkeys(wanted, DELETED), **read_texts(wanted)}
    of_turn: dict[UUID, list[Made]] = {}
    for call in calls:
        of_turn.setdefault(call.turn_id, []).append(Made(call, _written(call, texts)))
    return [Stood(turn, shortened(_text(texts, turn.text_id)), tuple(of_turn.get(turn.pk, ()))) for turn in turns]


def _written(call: ToolCall, texts: Mapping[UUID, str]) -> str:
    """What the model planned: as it was checked, but not as a reviewer changed it."""
    return (not call.edited and _text(texts, call.arguments_id)) or _text(texts, call.raw_id)


def _text(texts: Mapping[UUID, str], id_: UUID | None) -> str:
    return texts.get(id_, "") if id_ else ""


def _paired(then: Sequence[Stood], told: Transcript) -> tuple[Row, ...]:
    """The turns of both sides; of a re-run without an answer only as far as it has come."""
    before = [Step(one.text, tuple(planned(made) for made in one.calls)) for one in then]
    after = [Step(turn.text, tuple((call.tool, call.arguments) for call in turn.calls)) for turn in told.turns]
    rows = sides(before, after)
    reached = max((place for place, row in enumerate(rows, 1) if row.now is not None), default=0)
    return rows if told.ended == "answered" else rows[:reached]


def _covered(one: Stood, veil: Veil) -> Stood:
    calls = tuple(Made(made.call, _covered_arguments(made, veil)) for made in one.calls)
    return Stood(one.turn, veil.text(one.text), calls)


def _covered_arguments(made: Made, veil: Veil) -> str:
    # What could not be validated may hold a sensitive value anywhere.
    unread = hides(made.call.tool) and made.call.arguments_id is None
    return UNREAD if unread else veil.arguments(*planned(made))


def _bare(one: Stood) -> Stood:
    return Stood(one.turn, "", tuple(Made(made.call, "") for made in one.calls))


def _answer(then: Sequence[Stood], told: Transcript, veil: Veil) -> Diff | None:
    before = then[-1].text if then and not then[-1].calls else ""
    return line_diff(veil.text(before), veil.text(told.answer)) if before and told.answer else None


def _took_then(row: Rerun) -> Took:
    names = {"calls": "calls", "given": "input_tokens", "made": "output_tokens", "cost": "cost_microusd", "ms": "duration_ms"}
    found: dict[str, Any] = Turn.objects.filter(session=row.session, number__gte=row.from_turn).aggregate(
        turns=Count("pk"), **{f"sum_{name}": Sum(field) for name, field in names.items()}
    )
    calls, given, made, cost, ms = (int(found[f"sum_{name}"] or 0) for name in names)
    return Took(found["turns"], calls, given + made, cost, ms)


def _took_now(told: Transcript) -> Took:
    return Took(len(told.turns), len(told.calls), told.tokens, told.cost_microusd, sum(turn.ms for turn in told.turns))


def _elsewhere(then: Sequence[Stood], told: Transcript) -> frozenset[tuple[int, int]]:
    known = {(made.call.tool, key(made.arguments)) for one in then for made in one.calls}
    return frozenset(
        (turn, place)
        for turn, said in enumerate(told.turns)
        for place, call in enumerate(said.calls)
        if call.by == "record" and (call.tool, key(call.arguments)) not in known
    )
