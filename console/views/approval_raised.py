"""An edit by which a call asks more than it asked before: its editor is told what, and presses once more (UI.md section 4).

The second press names the digest of what was shown, so that it holds for no other edit. Whoever decides by the API says in
one request what they want; the quorum and the groups of the new arguments hold there as here.
"""

from typing import Any

from agents import gate
from approvals.facts import Judgement
from approvals.models import ApprovalRequest
from audit.errors import CountersignError
from console.templatetags.ui import risk_word

Raised = dict[str, Any]


def raised(row: ApprovalRequest, arguments: dict[str, Any]) -> Raised | None:
    """Return what an edit of a waiting request would ask more, with the difference; None where it asks no more, or is refused.

    What is wrong with it the decision says, in the order in which it looks.
    """
    try:
        edit = gate.weighed(row, arguments)
    except CountersignError:
        return None
    more = _more(row, edit.judgement) if edit.judgement.verdict == "ask" else []
    if not more:
        return None
    return {"digest": edit.digest, "summary": edit.summary, "risk": edit.judgement.risk, "more": more,
            "changes": list(edit.difference)}  # fmt: skip


def _more(row: ApprovalRequest, after: Judgement) -> list[str]:
    more = []
    if after.risk > row.risk:
        more.append(f"{risk_word(after.risk)} instead of {risk_word(row.risk).lower()}.")
    if after.required > row.required:
        more.append(f"{after.required} reviewers have to agree instead of {row.required}; you would be one of them.")
    more += [f"Somebody of {group.replace('|', ' or ')} has to agree." for group in after.groups if group not in row.groups]
    if after.reauthenticate and not row.reauthenticate:
        more.append("It asks for your password.")
    known = {(reason["code"], reason["text"] if reason["code"] == "rule" else "") for reason in row.reasons}
    return more + [
        reason.text for reason in after.reasons if (reason.code, reason.text if reason.code == "rule" else "") not in known
    ]
