"""What of a session's calls needs a look: refused often enough before, one of too many at once, a result that is kept back."""

from typing import Any

from agents.brought import message_key
from agents.gate.flagging import withheld
from agents.gate.submit import TOO_MANY
from agents.models import ToolCall
from console.auth import Caller
from console.rights import Right
from console.signs import signs_of
from console.views.session_reads import Story, ended
from console.views.session_story import link

REFUSED = "refused_often"


def unasked(told: Story, caller: Caller) -> dict[str, Any]:
    """Return the newest call that stands for each, if there is any, with what this person can do about it."""
    refused = [call for call in told.calls if call.status == "denied" and REFUSED in _codes(call)]
    lifted = set(told.session.lifted or ())
    refused = [call for call in refused if not {one["key"] for one in call.judgement.get("refused", ())} <= lifted]
    crowded = [call for call in told.calls if TOO_MANY in _codes(call)]
    return {
        "refused": _refused(told, refused, caller) if refused else None,
        "withheld": _withheld(told, caller),
        "crowded": {"count": len(crowded), "text": _text(crowded[-1], TOO_MANY)} if crowded else None,
    }


def _withheld(told: Story, caller: Caller) -> dict[str, Any] | None:
    """Return the newest result that is kept from the model, what it looks like, and whether this person may release it."""
    given = {message.text_id for message in told.messages}
    brought = (message_key(told.session.ref), "the inlet", told.session.taint)
    all_ = [brought, *((call.key, call.tool, call.sources) for call in told.calls)]
    kept = [one for one in all_ if (text := withheld(one[2])) and text not in given]
    if not kept:
        return None
    key, tool, sources = kept[-1]
    said = told.text(withheld(sources))
    return {
        "tool": tool,
        "call": key,
        "signs": list(dict.fromkeys(sign for source in sources for sign in signs_of(source))),
        "text": said,
        "more": len(kept) - 1,
        "may_release": bool(said) and caller.has(Right.RELEASE_RESULTS) and not ended(told.session),
    }


def _refused(told: Story, calls: list[ToolCall], caller: Caller) -> dict[str, Any]:
    last = calls[-1]
    asked = {str(row.pk): row for row in told.requests}
    before = [asked[one["request"]] for one in last.judgement.get("refused", ()) if one["request"] in asked]
    return {
        "tool": last.tool,
        "call": last.key,
        "text": _text(last, REFUSED),
        "requests": [link(row) for row in before],
        "may_lift": caller.has(Right.LIFT_REFUSALS) and not ended(told.session) and told.session.started_user != caller.user_id,
    }


def _codes(call: ToolCall) -> set[str]:
    return {reason["code"] for reason in call.judgement.get("reasons", ())}


def _text(call: ToolCall, code: str) -> str:
    return next(str(reason["text"]) for reason in call.judgement["reasons"] if reason["code"] == code)
