"""The session that a rehearsal pretends to be: where it begins, what people say in it later, and where it goes on.

Ids follow from the rehearsal's own, so that the same one once more is the same. What was played before a worker left is put
back whole from the turns that are kept; a call that the record answered is answered from it again.
"""

from collections.abc import Sequence
from uuid import UUID, uuid5

from agents.gate.submit import fingerprint
from agents.guardrails.purse import Pocket, Purse
from agents.rehearsals.document import Done, Line
from agents.rehearsals.play import Acted, Course, Play, Said
from agents.rehearsals.records import Records
from agents.state import Call, Pass, State
from agents.state import Said as Message


def stage_state(play: Play) -> State:
    """Return the session that a rehearsal pretends to be, at the point where it begins."""
    config = play.config if play.config.model == play.model else play.config.model_copy(update={"model": play.model})
    items: list[Message | Pass] = []
    turns = 0
    for index, line in enumerate(play.start):
        turns += line.source == "agent"
        items.append(_item(play.id, index, turns, line))
    state = State(
        id=play.id, number=0, agent=play.agent, config=config, prompt=play.prompt, prompt_version=play.prompt_version,
        parameters=dict(play.parameters), environment=play.environment, task_type=play.task_type, dry_run=False, trace="",
        started_kind="system", started_by="evaluation", started_user=None, started_name="evaluation",
        on_behalf_of=play.on_behalf_of, excluded=(), tenant=play.tenant, feature="evaluation", owner="", lease_token=0, step=0,
        nudges=0, attempts=0, stop="", stop_note={}, turns=turns, tool_calls=0, input_tokens=0, output_tokens=0, cost_microusd=0,
        active_ms=0, consecutive_errors=0, notes={}, taint=[], next_index=len(items), watched=False, expired=False, items=items,
    )  # fmt: skip
    for call in state.calls():
        state.mark(call.sources if call.trust == "untrusted" else ())
        state.remember(call)
    if any(isinstance(item, Message) and item.trust == "untrusted" for item in items):
        state.mark([{"source": "message", "title": "A message from outside"}])
    most = min(config.limits.cost_microusd, play.bounds.cost_microusd)
    state.purse = Purse(Pocket(config.limits.tokens, 0), Pocket(most, 0))
    return state


def _item(id_: UUID, index: int, turn: int, line: Line) -> Message | Pass:
    if line.source != "agent":
        return Message(uuid5(id_, f"message {index}"), index, line.source, line.trust, line.text)
    return Pass(
        uuid5(id_, f"turn {turn}"),
        index,
        turn,
        line.text,
        [_past(id_, turn, place, one) for place, one in enumerate(line.calls)],
    )


def _past(id_: UUID, turn: int, place: int, done: Done) -> Call:
    key = f"S-0/{turn}.{place + 1}"
    return Call(
        id=uuid5(id_, key), turn=turn, index=place, provider_id=f"call_{turn}_{place + 1}", key=key, tool=done.tool,
        status=done.status, raw=done.arguments, arguments=done.arguments, result=done.result, trust=done.trust,
        sources=[dict(source) for source in done.sources],
    )  # fmt: skip


def over(play: Play, course: Course) -> bool:
    """Say whether the agent has answered, and people said nothing more after that."""
    return bool(course.turns) and not course.turns[-1].calls and answers(course.turns) > len(play.later)


def hear(play: Play, state: State, times: int) -> None:
    """Let the agent read what people said after it has answered so many times; nothing where that was all."""
    for line in play.later[times - 1] if times <= len(play.later) else ():
        state.items.append(_item(play.id, state.next_index, state.turns, line))
        state.next_index, state.outline = state.next_index + 1, None
        if line.trust == "untrusted":
            state.mark([{"source": "message", "title": "A message from outside"}])


def go_on(play: Play, state: State, course: Course, records: Records) -> None:
    """Put back what was played before: turns, calls with their answers, and what people said between them."""
    for place, turn in enumerate(course.turns, 1):
        calls = [_again(state, turn, index, acted, records) for index, acted in enumerate(turn.calls)]
        state.items.append(Pass(uuid5(state.id, f"turn {turn.number}"), state.next_index, turn.number, turn.written, calls))
        state.turns, state.next_index = turn.number, state.next_index + 1
        state.tool_calls += len(calls)
        for call in calls:
            state.mark(call.sources if call.trust == "untrusted" else ())
            state.remember(call)
        if not calls:
            hear(play, state, answers(course.turns[:place]))
    state.cost_microusd = course.cost_microusd
    if state.purse is not None:
        state.purse.cost.spent = course.cost_microusd
        state.purse.tokens.spent = sum(turn.input_tokens + turn.output_tokens for turn in course.turns)


def _again(state: State, turn: Said, index: int, acted: Acted, records: Records) -> Call:
    key = f"{state.ref}/{turn.number}.{index + 1}"
    checked = None if acted.judged == "invalid" else acted.arguments
    call = Call(
        id=uuid5(state.id, key), turn=turn.number, index=index, provider_id=f"call_{turn.number}_{index + 1}", key=key,
        tool=acted.tool, status=acted.status, tier=acted.tier, raw=acted.arguments, arguments=checked, result=acted.whole or acted.result,
        fingerprint=fingerprint(acted.tool, checked.encode()) if checked is not None else "",
    )  # fmt: skip
    recorded = records.answer(acted.tool, acted.value) if acted.by == "record" else None
    if recorded is not None:
        call.result, call.trust = recorded.result, recorded.trust
        call.sources = [dict(source) for source in recorded.sources]
    return call


def answers(turns: Sequence[Said]) -> int:
    """Return how often the agent has answered in these turns."""
    return sum(not turn.calls for turn in turns)
