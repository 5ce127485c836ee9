"""Re-runs of sessions: starting one, cancelling it, and reading what came of it. What plays them is `agents.reruns.work`."""

from typing import Any

from django.db import transaction
from django.db.models import Max

from agents.erasure import check_whole
from agents.errors import BadText
from agents.known_models import check_model, known_models
from agents.lifecycle import RERUN
from agents.loading import agent_config, load
from agents.models import PromptVersion, Rerun, Session
from agents.prompts.variables import missing
from agents.prompts.versions import version_named
from agents.queue import evaluate_soon
from agents.rehearsals.document import unfit
from agents.rehearsals.play import Transcript, transcript
from agents.rehearsals.recording import Recording, recording
from agents.replay import LABELS
from agents.reruns.errors import RerunEnded, UnknownRerun
from agents.starters import one_at_a_time
from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, Batch, Birth, Change, Entry
from audit.services import transition as write

OPEN = ("queued", "running")
AT_WORK = ("queued", "running")  # sessions that cannot be played again yet
MOST_OPEN = 50  # re-runs that wait or play at once
MOST_TURNS, MOST_CAP, LONGEST_S = 100, 10**12, 900
USUAL_S = 300
Bounds = dict[str, int]


@atomically
def start_rerun(
    *, session: Session, actor: Actor, version: str = "", model: str = "", from_turn: int = 1, turns: int | None = None,
    cap_microusd: int | None = None, seconds: int = USUAL_S, waits: bool = False,
) -> Rerun:  # fmt: skip
    """Have a session that rests or ended played again, in the background and without any effect.

    Its tools answer what they answered then, and people say what they said. Which agent, with which tools and limits, is as it
    was; policy is that of now.

    Args:
        session: which one.
        actor: who starts it; the caller has checked the right to, and that he may read the session.
        version: a version of the session's prompt; empty for its own.
        model: one that its agent named then, or some agent names now; empty for the one that it ran with.
        from_turn: the first turn that is played again; what came before stands as it was.
        turns, cap_microusd: where it is broken off; the agent's own limits where they are left out.
        seconds: how long it may take at most.
        waits: whether a session that still works is waited for, instead of being refused.

    Raises:
        UnknownPromptVersion; BadText, which names the field; ContentGone.
    """
    if session.status in AT_WORK and not waits:
        raise BadText(field="session", reason="names one that still works; what has come to a rest is played again")
    check_whole(session)
    target = version_named(session.prompt_version.prompt.slug, version) if version else session.prompt_version
    limits = agent_config(session.revision_id).limits
    bounds = {
        "from_turn": from_turn,
        "most_turns": min(limits.turns, MOST_TURNS) if turns is None else turns,
        "cap_microusd": limits.cost_microusd if cap_microusd is None else cap_microusd,
        "most_seconds": seconds,
    }
    chosen = model.strip() or session.revision.document["model"]
    _check(session, target, chosen, bounds)
    one_at_a_time("reruns")
    if Rerun.objects.filter(status__in=OPEN).count() >= MOST_OPEN:
        raise BadText(field="session", reason=f"cannot be played now: {MOST_OPEN} re-runs wait already")
    number = (Rerun.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    row = {
        "id": uuid7(), "number": number, "session_id": session.pk, "version_id": target.pk, "revision_id": session.revision_id,
        "model": chosen, "started_by": actor.name, **bounds,
    }  # fmt: skip
    entry = _entry(f"R-{number}", session, target, EventKind.RERUN_STARTED, actor, {"model": chosen, **bounds})
    write(Batch(births=(Birth("agents.Rerun", row, RERUN),), entries=(entry,)))
    transaction.on_commit(index_soon)
    transaction.on_commit(evaluate_soon)
    return rerun_numbered(f"R-{number}")


def _check(session: Session, target: PromptVersion, model: str, bounds: Bounds) -> None:
    for name, field, most in (("from_turn", "from_turn", max(1, session.turns)), ("most_turns", "turns", MOST_TURNS),
                              ("cap_microusd", "cap_microusd", MOST_CAP), ("most_seconds", "seconds", LONGEST_S)):  # fmt: skip
        if not 1 <= bounds[name] <= most:
            raise BadText(field=field, reason=f"lies between 1 and {most:,}")
    check_model("model", model, session.revision.document)
    labels = {**{name: getattr(session, name) for name in LABELS if name != "agent"}, "agent": session.agent.slug}
    if lacking := missing(target.variables, labels):
        raise BadText(field="version", reason=f"names one that needs labels which the session has not: {', '.join(lacking)}")
    if why := unfit(recorded(session, bounds["from_turn"]).start):
        raise BadText(field="from_turn", reason=f"names a turn from which nothing can be played: what stands before it {why}")


@atomically
def cancel_rerun(*, ref: str, actor: Actor) -> Rerun:
    """Cancel a re-run; what it has so far stays. Raises UnknownRerun, RerunEnded."""
    row = Rerun.objects.select_for_update(of=("self",)).filter(number=_number(ref)).first()
    if row is None:
        raise UnknownRerun(ref=ref[:30])
    if row.status not in OPEN:
        raise RerunEnded(ref=ref)
    cut = {"transcript": told(row).as_json()} if row.transcript else {}  # nobody goes on with it
    change = Change(RERUN, row.pk, row.status, "cancel", {**cut, "ended_at": NOW, "lease_expires": None})
    write(Batch((change,), (), (entry_of(row, EventKind.RERUN_CANCELLED, actor, spent(row)),)))
    transaction.on_commit(index_soon)
    return rerun_numbered(ref)


def rerun_numbered(ref: str) -> Rerun:
    """Return a re-run by its short id, with its session and version. Raises UnknownRerun."""
    found: Rerun | None = _rows().filter(number=_number(ref)).first()
    if found is None:
        raise UnknownRerun(ref=ref[:30])
    return found


def reruns_of(session: Session, limit: int, *, before: int | None = None) -> list[Rerun]:
    """Return re-runs of a session, the newest first; `before` is the number of the last one seen."""
    rows = _rows().filter(session=session).defer("transcript").order_by("-number")
    return list((rows.filter(number__lt=before) if before is not None else rows)[:limit])


def _rows() -> Any:
    return Rerun.objects.select_related(
        "session", "session__agent", "session__revision", "session__prompt_version__prompt", "version", "version__prompt"
    )


def _number(ref: str) -> int:
    number = ref.removeprefix("R-")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 16 else 0


def ref_of(row: Rerun) -> str:
    """Return the short id that people use."""
    return f"R-{row.number}"


def models_of(session: Session) -> list[str]:
    """Return the models that a session may be played with: the one that it ran with, what its agent named then, and agents name now."""
    return known_models(session.revision.document)


def told(row: Rerun) -> Transcript:
    """Return what has come of a re-run so far."""
    return transcript(row.transcript) if row.transcript else Transcript(ended="left")


def recorded(session: Session, from_turn: int) -> Recording:
    """Return a session as it stood before a turn, with what its tools answered and people said from there on."""
    return recording(load([session.pk], None)[0], before_turn=from_turn)


def spent(row: Rerun) -> dict[str, Any]:
    """Return what an entry says of how far a re-run came."""
    return {"turns": row.turns, "cost_microusd": row.cost_microusd}


def entry_of(row: Rerun, kind: EventKind, actor: Actor, facts: dict[str, Any]) -> Entry:
    """Return an entry about a re-run, in its prompt's stream and under its session's id."""
    return _entry(ref_of(row), row.session, row.version, kind, actor, facts)


def _entry(ref: str, session: Session, version: PromptVersion, kind: EventKind, actor: Actor, facts: dict[str, Any]) -> Entry:
    slug = version.prompt.slug
    said = {"rerun": ref, "session": session.ref, "version": version.version, **facts}
    return Entry(f"prompt:{slug}", kind, actor, said, ids=(slug, session.ref, ref))
