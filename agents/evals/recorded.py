"""From life to test: a session that was, or a request that people rejected or changed, as a case with its results recorded."""

import json
from typing import Any

from agents.erasure import check_whole
from agents.errors import BadText, UnknownSession
from agents.evals.suites import put_case
from agents.loading import load
from agents.models import Case, Session
from agents.rehearsals.recording import recording
from agents.state import Call, State
from approvals.errors import ApprovalNotFound
from approvals.models import ApprovalRequest
from audit.actors import Actor

TITLE = 150


def from_life(*, suite: str, actor: Actor, session: str = "", request: str = "", name: str = "") -> Case:
    """Make a case of a session or of a request, whichever is named; see the two below. Raises BadText where not exactly one is."""
    if bool(session) == bool(request):
        raise BadText(field="session", reason="or `request` is named, one of them")
    if session:
        return from_session(suite=suite, session=session, actor=actor, name=name)
    return from_request(suite=suite, request=request, actor=actor, name=name)


def from_session(*, suite: str, session: str, actor: Actor, name: str = "") -> Case:
    """Make a case of a session: it shall make the calls with effects that it made, and none that people rejected.

    Raises:
        UnknownSession, UnknownSuite, BadCase.
    """
    state = _state(session)
    was = recording(state)
    calls = [call for call in state.calls() if call.tier not in ("", "read_only")]
    made = dict.fromkeys(call.tool for call in calls if call.status in ("succeeded", "resolved"))
    refused = dict.fromkeys(call.tool for call in calls if call.status == "rejected" and call.tool not in made)
    expect: list[dict[str, Any]] = [{"kind": "called", "tool": tool} for tool in made]
    expect += [{"kind": "not_called", "tool": tool} for tool in refused]
    expect.append({"kind": "within", "turns": min(1_000, max(4, state.turns * 2))})
    title = f"As in {state.ref}: {_line(was.start[0].text)}"
    document = _document(state, was, expect)
    return put_case(
        slug=suite, name=name or state.ref.lower(), title=title[:TITLE], document=document, actor=actor, origin="session", ref=state.ref
    )  # fmt: skip


def from_request(*, suite: str, request: str, actor: Actor, name: str = "") -> Case:
    """Make a case of a request that people rejected or changed: given that state, the call is not made, or made as they changed it.

    Raises:
        ApprovalNotFound, BadText, UnknownSuite, BadCase.
    """
    number = request.removeprefix("AP-")
    row = ApprovalRequest.objects.filter(number=int(number) if number.isdecimal() and len(number) < 16 else 0).first()
    if row is None:
        raise ApprovalNotFound(ref=request[:30])
    state = _state(row.session_ref)
    call = next((one for one in state.calls() if one.id == row.call_id), None)
    if call is None or not (call.status == "rejected" or call.edited):
        raise BadText(field="request", reason="is none in which people rejected or changed a call")
    was = recording(state, before_turn=call.turn)
    ref = f"AP-{row.number}"
    said = "does not call" if call.status == "rejected" else "calls as it was changed:"
    title = f"After {ref} it {said} {call.tool}"
    return put_case(
        slug=suite, name=name or ref.lower(), title=title[:TITLE], document=_document(state, was, _expected(call)), actor=actor,
        origin="request", ref=ref, tool=call.tool,
    )  # fmt: skip


def _expected(call: Call) -> list[dict[str, Any]]:
    if call.status == "rejected":
        return [{"kind": "not_called", "tool": call.tool}]
    after = json.loads(call.arguments or "{}")
    changed = [change["path"] for change in call.judgement.get("changes", []) if not change.get("removed")]
    before = json.loads(call.raw or "{}")
    names = changed or [name for name, value in after.items() if before.get(name) != value]
    return [{"kind": "called", "tool": call.tool, "arguments": {path: {"equals": _at(after, path)} for path in names}}]


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _state(ref: str) -> State:
    number = ref.removeprefix("S-")
    row = Session.objects.filter(number=int(number) if number.isdecimal() and len(number) < 16 else 0).first()
    if row is None:
        raise UnknownSession(ref=ref[:30])
    check_whole(row)
    return load([row.pk], None)[0]


def _document(state: State, was: Any, expect: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "start": [line.model_dump(mode="json", exclude_defaults=True) | {"source": line.source} for line in was.start],
        "recorded": [one.model_dump(mode="json", exclude_defaults=True) for one in was.recorded],
        "expect": expect, "task_type": state.task_type, "tenant": state.tenant[:200], "on_behalf_of": state.on_behalf_of[:200],
    }  # fmt: skip


def _line(text: str) -> str:
    return " ".join(text.split())
