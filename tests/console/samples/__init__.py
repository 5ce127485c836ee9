"""Sample contexts of every page, as the templates document them: what template tests and screenshots are made from."""

from console import styleguide
from tests.console.samples.approvals import BAR, BODY, approvals, bulk, bulk_results, edit, lost, request
from tests.console.samples.circuits import breakers
from tests.console.samples.frame import NOW, Context, ago, frame, later
from tests.console.samples.letters import dead_letters, inlet, inlets, schedule, schedules
from tests.console.samples.load import limits, overview
from tests.console.samples.money import budgets
from tests.console.samples.others import (
    agent,
    agents,
    audit,
    cover,
    entry,
    glass,
    jump,
    mail,
    mail_message,
    measures,
    one_tool,
    policy,
    policy_edit,
    policy_review,
    policy_revision,
    prompt,
    prompt_edit,
    prompts,
    settings_page,
    stop,
    tokens,
    tool_list,
)
from tests.console.samples.replays import replay
from tests.console.samples.revisions import agent_revision
from tests.console.samples.sessions import session, sessions

__all__ = ["BAR", "PAGES", "approvals", "request"]

PAGES: dict[str, tuple[str, Context]] = {
    "budgets": ("budgets/page.html", budgets()),
    "overview": ("overview/page.html", overview()),
    "overview-quiet": ("overview/page.html", overview(quiet=True)),
    "approvals": ("approvals/page.html", approvals(opened=False)),
    "approval": ("approvals/page.html", approvals()),
    "approvals-bulk": ("approvals/bulk.html", bulk()),
    "approvals-bulk-reject": ("approvals/bulk.html", bulk(verdict="reject", error="The instruction needs 3 characters.")),
    "approvals-bulk-results": ("approvals/bulk.html", bulk_results()),
    "approval-json": ("approvals/page.html", approvals(tab="json")),
    "approval-changes": ("approvals/page.html", approvals(tab="changes")),
    "approval-refused": (
        "approvals/page.html",
        approvals(bar={"verdicts": [], "refusal": "You started this session. Rosa can decide."}),
    ),
    "approval-conflict": (
        "approvals/page.html",
        approvals(
            item=request(status="rejected", decided_name="Rosa Reviewer", decided_at=ago(4)),
            conflict=styleguide.samples(NOW)["conflict"],
        ),
    ),
    "approval-held": (
        "approvals/page.html",
        approvals(
            item=request(status="held", decided_name="Remy Reviewer", decided_at=ago(1)),
            hold={
                "ref": "AP-20418",
                "undo_url": "/approvals/AP-20418/undo/",
                "until": later(4),
                "since": ago(1),
                "by_me": True,
            },
        ),
    ),
    "approval-question": (
        "approvals/page.html",
        approvals(
            item=request(kind="question", arguments=[], question="Which Lindqvist?"),
            bar={**BAR, "verdicts": ["answer", "reject"]},
        ),
    ),
    "approval-unknown": (
        "approvals/page.html",
        approvals(item=lost(), bar={**BAR, "verdicts": ["happened", "run_again", "give_up"]}),
    ),
    "approval-destructive": (
        "approvals/page.html",
        approvals(item=request(risk=4, tier="destructive"), bar={**BAR, "needs_password": True}),
    ),
    "approvals-empty": (
        "approvals/page.html",
        approvals(groups=[], item=None, opened=False, last_decision="Last decision 4 min ago by Rosa."),
    ),
    "edit": ("approvals/edit.html", edit()),
    "sessions": ("sessions/list.html", sessions()),
    "session": ("sessions/page.html", session()),
    "session-keeps-waiting": (
        "sessions/page.html",
        session(
            waits={
                "kind": "money",
                "title": "Waits for money",
                "icon": "wallet",
                "model": "",
                "since": ago(90),
                "until": later(900),
                "reason": "The budget of all agents per day has $0.0100 left.",
                "goes_on": "It goes on by itself.",
                "can": "An admin can raise the cap.",
                "url": "/budgets/",
                "where": "See the budgets",
                "others": "/sessions/?status=live&waits=money",
            },
        ),
    ),
    "agent-revision": ("agents/revision.html", agent_revision()),
    "agent-revision-text": ("agents/revision.html", agent_revision("text")),
    "session-replay": ("sessions/replay.html", replay()),
    "session-replay-hidden": ("sessions/replay.html", replay(hidden=True)),
    "session-replay-empty": ("sessions/replay.html", replay(turn=None)),
    "session-waterfall": ("sessions/page.html", session("waterfall")),
    "session-events": ("sessions/page.html", session("events")),
    "session-done": ("sessions/page.html", session(answer=f"The policy says: {BODY}", pending=[])),
    "agents": ("agents/list.html", agents()),
    "agent": ("agents/page.html", agent()),
    "tools": ("agents/tools.html", tool_list()),
    "tool": ("agents/tool.html", one_tool()),
    "cover": ("cover/page.html", cover()),
    "glass": ("glass/page.html", glass()),
    "schedule": ("schedules/one.html", schedule()),
    "schedule-ended": ("schedules/one.html", schedule(status="ended", coming=[], newest=[])),
    "schedules": ("schedules/page.html", schedules()),
    "inlet": ("inlets/one.html", inlet()),
    "inlet-ended": ("inlets/one.html", inlet(status="ended", newest=[])),
    "inlets": ("inlets/page.html", inlets()),
    "dead-letters": ("dead_letters/page.html", dead_letters()),
    "limits": ("limits/page.html", limits()),
    "limits-set": ("limits/page.html", limits(chosen=True)),
    "breakers": ("breakers/page.html", breakers()),
    "breakers-chosen": ("breakers/page.html", breakers(chosen=True)),
    "breakers-held": ("breakers/page.html", breakers(chosen=True, empty=True)),
    "stop": ("stop/page.html", stop()),
    "stop-chosen": ("stop/page.html", stop(chosen=True)),
    "prompts": ("prompts/list.html", prompts()),
    "prompt": ("prompts/page.html", prompt()),
    "prompt-diff": ("prompts/page.html", prompt("diff")),
    "prompt-edit": ("prompts/edit.html", prompt_edit()),
    "prompt-edit-wrong": ("prompts/edit.html", prompt_edit(wrong=True)),
    "policy": ("policies/page.html", policy()),
    "policy-revision": ("policies/revision.html", policy_revision()),
    "policy-diff": ("policies/revision.html", policy_revision("diff")),
    "policy-edit": ("policies/edit.html", policy_edit()),
    "policy-json": ("policies/edit.html", policy_edit("json")),
    "policy-review": ("policies/review.html", policy_review()),
    "measures": ("measures/page.html", measures()),
    "audit": ("audit/list.html", audit()),
    "audit-broken": ("audit/list.html", audit(ok=False)),
    "entry": ("audit/entry.html", entry()),
    "mail": ("mail/list.html", mail()),
    "mail-message": ("mail/message.html", mail_message()),
    "tokens": ("tokens/list.html", tokens()),
    "jump": ("jump/page.html", jump()),
    "settings": ("settings/page.html", settings_page()),
    "styleguide": ("styleguide.html", frame("", **styleguide.samples(NOW))),
    "sign-in": (
        "sign_in.html",
        frame("", error="That address and password do not fit together.", username="remy@demo.example", demo=True),
    ),
    "403": ("errors/403.html", frame("", detail="This needs the role auditor or admin.")),
    "404": ("errors/404.html", frame("")),
    "500": ("errors/500.html", {}),
}
