"""Whether a long session gets dearer: CPU of turn 200 against turn 2, and rows and bytes by turns.

One session at a time, averaged over several. The worker's own CPU is measured with an in-process model that answers
at once; beside it the same with a real client, whose requests grow with what the context's budget lets through.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from tests.bench.options import Options
from tests.bench.report import Figure
from tests.bench.stage import Stage, stage, working
from tests.bench.throughput import stored

TURNS = 208
EARLY = range(2, 21)
LATE = range(190, 209)


def measure(options: Options) -> Iterator[Figure]:
    """Late turns over early ones."""
    with stage() as here:
        own, grown = _cpu_by_turn(here, "stub", options.long)
        client, _ = _cpu_by_turn(here, "client", options.long)
    said = {"early_ms": _at(own, EARLY), "late_ms": _at(own, LATE), "sessions": options.long}
    yield Figure("turn 200 against turn 2, own CPU", said["late_ms"] / said["early_ms"], must="<= 1.3", detail=said)
    said = {"early_ms": _at(client, EARLY), "late_ms": _at(client, LATE), "sessions": options.long}
    yield Figure("turn 200 against turn 2, with the model's client", said["late_ms"] / said["early_ms"], detail=said)
    yield Figure("rows per turn in sessions of 208 turns, all", grown["all_rows"] / TURNS)
    yield Figure("KiB per turn in sessions of 208 turns, all", grown["all_bytes"] / 1024 / TURNS, "KiB")


def _cpu_by_turn(here: Stage, how: str, sessions: int) -> tuple[dict[int, float], dict[str, float]]:
    notes = here.folder / f"notes-{how}"
    with working(here, command=("-m", "tests.bench.long_work", how, str(notes))):
        people = ("--at-once", 1, "--agent", "bench-long", "--goal", "scenario: loop-work")
        here.run("people", 1, *people)  # warm
        before = stored(here)
        here.run("people", sessions, *people)
        after = stored(here)
    return _by_turn(notes), {name: (after[name] - before[name]) / sessions for name in after}


def _by_turn(notes: Path) -> dict[int, float]:
    """The mean CPU from each question to the next, the first session left out."""
    spent: dict[int, list[float]] = defaultdict(list)
    lines = [line.split() for line in notes.read_text(encoding="ascii").splitlines()]
    asked = [(int(turn), float(cpu)) for turn, cpu in lines]
    starts = [index for index, (turn, _) in enumerate(asked) if turn == 1]
    for (turn, cpu), (following, later) in zip(asked[starts[1] :], asked[starts[1] + 1 :], strict=False):
        if following == turn + 1:
            spent[turn].append(later - cpu)
    return {turn: mean(each) for turn, each in spent.items()}


def _at(cpu: dict[int, float], turns: range) -> float:
    return mean(cpu[turn] for turn in turns)
