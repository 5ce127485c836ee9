"""Sample contexts of agents, tools, prompts, policy, measures, audit trail, mail and tokens."""

from uuid import UUID

from agents.guardrails.stops import ActiveStop
from agents.prompts.versions import Draft
from approvals.document import DEFAULT_POLICY, Policy
from approvals.measures import Figures
from console import diff, styleguide
from console.policy_form import sent_of
from console.policy_words import lines
from console.views import policy_fields, prompt_variables
from tests.console.samples.approvals import BODY
from tests.console.samples.frame import NOW, Context, ago, frame, later
from tests.console.samples.gradings import measured
from tests.console.samples.replays import message
from tests.console.samples.verifications import finding


def tools() -> list[Context]:
    """Give tools as the agent's page lists them."""
    given = (("search_documents", "read_only", False), ("fetch_url", "read_only", True), ("write_file", "reversible_write", False),
             ("send_email", "irreversible_write", True), ("delete_document", "destructive", False))  # fmt: skip
    return [{"name": name, "description": f"What {name} does, in a sentence.", "tier": tier, "egress": egress, "enabled": True,
             "granted_for": ["default"]} for name, tier, egress in given]  # fmt: skip


def agents() -> Context:
    """Give the list of agents."""
    one = {"slug": "research-assistant", "url": "/agents/research-assistant/", "environment": "production", "model": "scripted-1",
           "prompt": {"label": "1.0.0", "url": "/prompts/research-assistant/1.0.0/"}, "tools": 14, "revision": 3,
           "sessions": {"running": 1, "waiting": 2}, "updated_at": ago(9000)}  # fmt: skip
    return frame("agents", items=[one])


def agent() -> Context:
    """Give one agent."""
    return frame("agents", agent={"slug": "research-assistant", "environment": "production", "revision": 3, "updated_at": ago(9000)},
                 facts=styleguide.samples(NOW)["facts"], tools=tools(), unknown=["gone_tool"], prompt={"label": "1.0.0", "url": "#"},
                 task_types=[{"name": "default", "scopes": ["documents:read", "mail:send"]}], document='{"slug": "x"}',
                 limits=[{"label": "Turns", "value": 20}, {"label": "Cost", "value": "$2.00"}], may_start=True,
                 starters={"more": True, "rows": [
                     {"name": "weekly", "status": "active", "url": "/schedules/weekly/", "next_at": later(7200), "icon": "clock"},
                     {"name": "tickets", "status": "active", "url": "/inlets/", "next_at": None, "icon": "inbox"}]},
                 revisions=[{"number": 3, "by": "Ada Admin", "note": "", "at": ago(9000)}])  # fmt: skip


def tool_list() -> Context:
    """Give all tools."""
    return frame("tools", families=[{"title": "Documents", "note": "", "tools": tools()}])


def one_tool() -> Context:
    """Give one tool with its levers."""
    choices = [{"value": tier, "label": tier, "note": "as it is now" * place, "checked": bool(place), "disabled": not place}
               for place, tier in enumerate(("read_only", "reversible_write"))]  # fmt: skip
    one = {**tools()[3], "declared": "read_only", "tier_raised": True, "summary": "Send {subject}", "consequence": "It is gone.",
           "revision": 2, "stopped": STOPPED}  # fmt: skip
    return frame("tools", tool=one, details=[{"label": "Time-out", "value": "30 s"}], may_set=True, choices=choices, enabled=True,
                 agents=[{"slug": "research-assistant", "url": "#"}], typed="", errors={},
                 suites=[{"title": BODY, "url": "/evals/suites/no-harm/", "agent": "research-assistant", "prompt": "research-assistant",
                          "version": "1.0.0", "ref": ref, "run_url": "/evals/runs/E-3/", "stale": True, "going": False}
                         for ref in ("E-3", "")], stale_suites=2, runs_suites=True,
                 definition_diff=diff.line_diff(styleguide.BEFORE, styleguide.AFTER),
                 definitions=[{"name": f"{n}f3c", "shown": f"{n}f3c…e07a", "at": ago(900 * n), "current": n == 1, "what": "Tier, schema",
                               "more": n < 3} for n in (1, 2, 3)],
                 history=[{"what": "Switched off", "by": "Olga", "at": ago(600), "reason": "Wrong recipients"}])  # fmt: skip


STOPPED = ActiveStop(UUID(int=7), "agent:research-assistant", "agent", "It mails the wrong people.", "Olga Operator", ago(90))


def stop(*, chosen: bool = False) -> Context:
    """Give the kill switch, with something stopped."""
    reach = {"running": 12, "resting": 3, "approvals": 4}
    rows = [{"scope": "agent:research-assistant", "kind": "agent", "name": "research-assistant", "reach": reach, "held": True},
            {"scope": "agent:refund-desk", "kind": "agent", "name": "refund-desk", "reach": reach, "held": False}]  # fmt: skip
    past = {"scope": "all", "kind": "all", "name": "all agents", "reason": "A drill.", "pressed_name": "Olga Operator",
            "pressed_at": ago(9000), "lifted_name": "Ada Admin", "lifted_at": ago(8000)}  # fmt: skip
    context = frame("stop", active=[STOPPED], may_press=True, may_lift=True, groups=[{"title": "One agent", "kind": "agent", "rows": rows}],
                    chosen=rows[1] if chosen else None, held=False, problem="", typed={"reason": "", "name": "refund"}, history=[past],
                    errors={"name": ["Type refund-desk, as it stands here."]} if chosen else {})  # fmt: skip
    context["shell"]["stops"] = (STOPPED,)
    return context


def cover() -> Context:
    """Give covers, as an admin who is one's deputy sees them."""
    names = {"absent_name": "Remy Reviewer", "deputy_name": "Rosa Reviewer", "agreed_by": "Remy Reviewer", "reason": "On leave"}
    row = {**names, "id": UUID(int=7), "roles": ["reviewer", "legal"], "starts_at": ago(90_000), "ends_at": later(90_000),
           "state": "running", "may_end": True, "ended_by": "", "ended_at": None}  # fmt: skip
    ended = {**row, "state": "ended", "may_end": False, "ended_by": "Ada Admin", "ended_at": ago(60)}
    people = [{"name": "Remy Reviewer", "email": "remy@demo.example"}]
    typed = {"absent": "remy@demo.example", "deputy": "", "since": "", "until": "2026-12-01T09:00", "reason": "On leave"}
    return frame("cover", mine=[row], received=[{**row, "state": "planned"}], rows=[row, ended], everybody=True, older="?before=1",
                 may=True, deputies=people, absents=people, roles=["admin"], chosen=["admin"], typed=typed,
                 errors={"until": ["A cover holds 90 days at most."]})  # fmt: skip


def glass() -> Context:
    """Give uses of break-glass: one to be reviewed, with a note that is too short, and one that is."""
    use = {"id": UUID(int=9), "ref": "AP-20418", "tool": "send_email", "agent": "research-assistant", "used_name": "Ada Admin",
           "created_at": ago(600), "reason": "Nobody of the legal department can be reached.", "lacked": ["somebody of legal"],
           "status": "open", "reviewed_name": "", "note": "", "reviewed_at": None, "own": False, "may_review": True,
           "typed": "Fine.", "error": "Say what you found, in 20 to 2,000 characters."}  # fmt: skip
    done = {**use, "id": UUID(int=8), "status": "reviewed", "may_review": False, "reviewed_name": "Audrey Auditor",
            "note": "It was right; legal agreed the next morning.", "reviewed_at": ago(60)}  # fmt: skip
    context = frame("glass", rows=[use, done], older="?before=1", enabled=True, open=[use])
    context["shell"]["glass"] = [use]
    return context


def prompts() -> Context:
    """Give the list of prompts."""
    return frame("prompts", items=[{"slug": "research-assistant", "url": "#", "live": "1.0.0", "versions": 2,
                                    "agents": ["research-assistant"], "updated_at": ago(90_000), "note": "First",
                                    "waits": {"ref": "AP-7", "url": "/approvals/AP-7/"}}])  # fmt: skip


def prompt(view: str = "text") -> Context:
    """Give one prompt version."""
    one = {
        "version": "1.1.0",
        "text": styleguide.AFTER,
        "more": 180_000,
        "note": "Ask for ledger proof",
        "chip": {"text": "Canary 10%", "tone": "acc"},
        "parameters": '{"temperature": 0.2}',
    }
    chips = {"1.2.0": ("Draft", ""), "1.1.0": ("Canary 10%", "acc"), "1.0.0": ("Live 90%", "ok")}
    versions = [{"version": v, "url": "#", "current": v == "1.1.0", "chip": {"text": text, "tone": tone}, "note": "A note",
                 "at": ago(90_000)} for v, (text, tone) in chips.items()]  # fmt: skip
    panel = {"share": 10, "since": ago(90_000), "others": ["90 % on 1.0.0"], "stops": [5, 10, 25, 50, 100], "current": 10,
             "shown": "1", "edits": True, "draft": False, "aside": False, "waiting": {"ref": "AP-7", "url": "/approvals/AP-7/"},
             "asked": {"ref": "AP-6", "url": "/approvals/AP-6/", "word": "Rejected by Rosa", "said": "A second person refused it."},
             "typed": {"reason": BODY, "override": BODY}, "errors": {"form": [BODY], "reason": [BODY], "override": [BODY]},
             "back": {"left": "1.1.0", "to": "1.0.0", "sessions": 3},
             "back_typed": {"reason": BODY, "running": "stop",
                            "errors": {"form": [BODY], "reason": [BODY], "running": [BODY]}}}  # fmt: skip
    guards = {"rows": [{"label": "A call rejected", "state": state, "said": "+4 pt of 10 pt"}
                       for state in ("ok", "worse", "trips", "waits")],
              "trips": 1, "at": ago(5), "running": "finish with it"}  # fmt: skip
    suites = {"rows": [{"suite": "no-harm", "title": "It does no harm", "gate": True, "why": why, "threshold": 90, "ref": "E-3",
                        "url": "/evals/runs/E-3/", "passed": 4, "of": 6, "change": CHANGES[bool(why)]}
                       for why in ("", "no-harm passed 4 of 6")],
              "held": ["no-harm passed 4 of 6"], "runs": True, "against": "1.0.0", "why": "",
              "figures": [{"name": "Cost of a case", "before": "$0.41", "after": "$0.44", "change": "+7.3%", "tone": "c-warn"}],
              "trust": {"judge": "scripted-mini", "url": "/evals/grading/results/", "rows": measured()}}  # fmt: skip
    steps = [{"share": share, "state": state, "hours": "1", "minimum": 50, "first": share == 5}
             for share, state in ((5, "done"), (25, "now"), (100, "coming"))]  # fmt: skip
    plan = {"id": "1", "status": "active", "by": BODY, "why": "", "waits": "too few sessions", "had": 12, "steps": steps,
            "next": {"share": 100, "at": ago(-600), "minimum": 50}}  # fmt: skip
    form = [{"share": share, "name": str(share), "hours": "soon", "minimum": "50", "chosen": share != 10,
             "hours_errors": ["A number of hours from 0 to 720."], "minimum_errors": ["A whole number."] if share == 50 else []}
            for share in (5, 10, 25, 50, 100)]  # fmt: skip
    wrong = {"form": [BODY], "reason": ["Say why."], "override": ["Say more."], "steps": ["Choose two shares at least."]}
    return frame("prompts", prompt={"slug": "research-assistant", "url": "#"}, version=one, versions=versions, view=view,
                 evaluation=suites, planned={"plan": plan, "acts": True, "resumes": True, "form": form,
                                             "typed": {"reason": BODY, "override": BODY}, "errors": wrong},
                 against="1.0.0", diff=diff.line_diff(styleguide.BEFORE, styleguide.AFTER), agents=["research-assistant"],
                 rows=[{"label": "Author", "value": "Paul Prompt"}, {"label": "Checksum", "value": "9f3c…e07a", "mono": True}],
                 rollout=panel, besides=[], older="?older=1", guards=guards,
                 history=[{"version": "1.1.0", "share": 10, "by": "Paul Prompt", "reason": "", "at": ago(90_000), "live": True},
                          {"version": "0.9.0", "share": 100, "by": "Paul Prompt", "reason": "First", "at": ago(90_000),
                           "rolled_back": True}])  # fmt: skip


CHANGES = (
    {"text": "−12.5", "tone": "c-warn", "why": "", "before": "6 of 6"},
    {"text": "", "tone": "", "why": "the active version was never run", "before": ""},
)


def prompt_measures(wrong: bool = False) -> Context:
    """Give what the live versions of a prompt come to."""
    cells = [{"version": "1.1.0", "value": "20.0 %", "between": "11.2 % to 33.0 %", "n": "10 of 50"},
             {"version": "1.0.0", "value": "", "between": "", "n": "0"}]  # fmt: skip
    stood = [None, *({"state": state, "worse": "+18 pt", "between": "-4 pt to +40 pt", "allowed": "10 pt", "minimum": "20"}
                     for state in ("ok", "worse", "trips", "waits"))]  # fmt: skip
    rows = [{"label": f"Rejected {at}", "of": "sessions that people decided on", "cells": cells, "finding": one}
            for at, one in enumerate(stood)]  # fmt: skip
    lines = [{"name": "rejection", "label": "A call rejected", "unit": "points", "allowed": "10", "minimum": "20",
              "errors": ["must be at most 1"] if wrong else []}]  # fmt: skip
    form = {
        "lines": lines,
        "running": [{"value": "finish", "label": "finish with it", "checked": True}],
        "revision": 3,
        "errors": [],
    }
    versions = [{"version": "1.1.0", "share": 10, "url": "#"}, {"version": "1.0.0", "share": 90, "url": "#"}]
    return frame("prompts", prompt={"slug": "research-assistant", "url": "#"}, since=ago(9_000), versions=versions, rows=rows,
                 form=form, may_set=True, wrong=int(wrong))  # fmt: skip


def previewed() -> Context:
    """Give what a draft would give the model."""
    facts = [{"label": "Room", "value": "60,000"}]
    return {"ref": "S-88123", "url": "/sessions/S-88123/turns/?turn=3", "turn": 3, "version": "1.0.0", "facts": facts, "same": False,
            "diff": diff.line_diff(styleguide.BEFORE, styleguide.AFTER), "omitted": 2, "omitted_then": 0, "missing": ["tenant"],
            "count": 4, "left": 2, "messages": [message(4, "user", styleguide.AFTER)], "hidden": False}  # fmt: skip


def prompt_edit(wrong: bool = False) -> Context:
    """Give the page on which a version is written."""
    text = "You serve {{customer}}.\nBe brief."
    errors = {"variables": ["the text uses {{customer}}, which is not declared"]} if wrong else {}
    draft = Draft(
        text, {}, {}, [{"loc": "variables", "msg": "not declared"}] if wrong else [], "minor", "Lines came or went.", "1.3.0"
    )
    return frame("prompts", prompt={"slug": "research-assistant", "url": "#"}, parent="1.1.0", draft=draft, errors=errors,
                 rows=prompt_variables.shown([], text, {}),
                 typed={"text": text, "temperature": "0.2", "max_output_tokens": "", "note": "", "version": ""},
                 wrong=len(errors), tokens=9, tokens_before=7, used=[{"name": "customer", "declared": not wrong}],
                 preview=None if wrong else previewed())  # fmt: skip


def audit(ok: bool = True) -> Context:
    """Give the audit trail, with what verification found or without."""
    items = [{"n": 48213 - i, "url": f"/audit/{48213 - i}/", "at": ago(i * 7), "kind": "tool_call.awaiting", "tool": "send_email",
              "doc": "Policy asks people before the call may run.", "actor": "research-assistant", "stream": "session:S-88123",
              "stream_url": "?stream=session:S-88123", "hash": "9f3c" * 16} for i in range(8)]  # fmt: skip
    views = [{"name": "Refunds of this week", "url": "?tool=issue_refund", "on": True, "remove_url": "#"}]
    context = frame("audit", items=items, older="?before=1", newer="", filters={}, kinds=["session.started"], may_verify=True,
                    views=views, carried="tool=issue_refund", looked_to={"n": 40_000, "url": "#", "at": ago(9000)})  # fmt: skip
    if not ok:
        context["shell"]["finding"] = finding()
    return context


def audit_sessions() -> Context:
    """Give the sessions that the log knows."""
    items = [{"ref": f"S-{88_123 - i}", "url": f"/audit/sessions/S-{88_123 - i}/", "agent": "research-assistant", "at": ago(i * 900),
              "prompt": "research v4", "by": "Olga Operator", "on_behalf_of": "kim@customer.example", "length": 24,
              "closed": bool(i), "hash": "9f3c" * 16} for i in range(6)]  # fmt: skip
    return frame("audit", items=items, older="?before=1", newer="", filters={}, filtered=False, looked_to=None)


def audit_session(ok: bool = True) -> Context:
    """Give one session's story."""
    items = [{"n": 48_190 + i, "url": f"/audit/{48_190 + i}/", "at": ago(600 - i), "kind": "decision.made", "seq": i, "tool": "",
              "doc": "One reviewer gave a verdict on one revision.", "actor": "Remy Reviewer", "actor_kind": "user",
              "on_behalf_of": "", "stream": "content" if i == 3 else "session:S-88123", "elsewhere": i == 3, "contents": i % 3,
              "said": [("verdict", "approve"), ("votes", "1")], "hash": "9f3c" * 16, "led_url": "#" if i == 2 else ""}
             for i in range(1, 7)]  # fmt: skip
    bad = {"seq": 4, "reason": "its bytes do not give its hash"}
    did = [("decision.made", "One reviewer gave a verdict."), ("content.read", "A person read raw content.")]
    return frame("audit", ref="S-88123", session_url="#", trail_url="#", rows=[{"label": "Started by", "value": "Olga Operator"}],
                 people=[{"name": "Remy Reviewer", "kind": "user", "id": "8", "did": did, "times": 2}],
                 chain={"stream": "session:S-88123", "length": 24, "hash": "9f3c" * 16, "closed": True},
                 checked={"ok": ok, "checked": 24, "first_bad": None if ok else bad}, sealed={"size": 48_213, "at": NOW},
                 last_url="#", may_verify=True, total=27, items=items, later="#", first="")  # fmt: skip


def agreement(ok: bool = True) -> Context:
    """Give the last check of rows and log, and those before it."""
    found = {"kind": "Request", "row": "AP-4711", "what": "decided by", "row_says": "1007", "log_says": "7",
             "stream": "session:S-88123", "seq": 12, "url": "/audit/48101/"}  # fmt: skip
    past = [
        {"at": ago(n * 1440), "by": "Countersign", "wrong": 0 if ok else 1, "looked": 48_213, "ms": 2_140} for n in range(3)
    ]
    counts = [("Sessions", 1_204), ("Tool calls", 3_902), ("Requests", 411), ("Decisions", 398), ("Streams", 1_262)]
    last = {**past[0], "ok": ok, "counts": counts, "findings": [] if ok else [found]}
    return frame("audit", last=last, past=past)


def drill(found_in: str = "") -> Context:
    """Give the drill, and where something was found."""
    tampering = {"name": "cut", "title": "Cut the end off", "does": "The last two entries of the session are gone."}
    bad = {"stream": "session:S-88123", "seq": 17, "log_index": None, "reason": "it is missing: the stream's head is after it"}
    held = {"found": True, "stream": "session:S-88123", "entries": 18, "wrong": 1, "first_bad": bad if found_in == "log" else None,
            "disagreement": agreement(ok=False)["last"]["findings"][0] if found_in == "rows" else None}  # fmt: skip
    return frame("audit", tamperings=[tampering], chosen="cut", problem="" if found_in else "Decide one first.", tampering=tampering,
                 held=held if found_in else None)  # fmt: skip


def entry() -> Context:
    """Give one audit entry."""
    one = {"n": 48213, "stream": "session:S-88123", "seq": 12, "kind": "decision.made", "doc": "One reviewer gave a verdict.",
           "at": NOW, "hash": "9f3c" * 16, "prev_hash": "e07a" * 16, "body": '{"v":1}', "facts": '{"verdict": "approve"}'}  # fmt: skip
    contents = [{"name": "reasoning", "commitment": "ab" * 32, "text": "Because it was asked.", "note": ""},
                {"name": "arguments", "commitment": "cd" * 32, "text": None, "note": "Your role does not read raw content."}]  # fmt: skip
    return frame("audit", entry=one, contents=contents, rows=[{"label": "Principal", "value": "Remy Reviewer"}],
                 previous_url="#", next_url="#", may_verify=True)  # fmt: skip


def mail() -> Context:
    """Give the sent mail."""
    one = {
        "url": "#",
        "to": "finance@demo.example",
        "subject": "Duplicate charges",
        "from": "countersign@localhost",
        "at": ago(60),
    }
    return frame("mail", items=[one])


def mail_message() -> Context:
    """Give one message."""
    one = {
        "to": "finance@demo.example",
        "subject": "Duplicate charges",
        "from": "countersign@localhost",
        "at": ago(60),
        "body": BODY,
    }
    return frame("mail", message={**one, "raw": "Subject: x\n\nbody"})


def tokens() -> Context:
    """Give the tokens just after one was made."""
    one = {"id": "a1", "name": "ci", "prefix": "ctk_a1", "kind": "service", "owner": "Olga", "scopes": ["sessions:read", "sessions:write"],
           "created_at": ago(90), "expires_at": later(900_000), "last_used_at": None, "revoked_at": None}  # fmt: skip
    return frame("tokens", items=[one], made={"secret": "ctk_a1_" + "x" * 40, "name": "ci"}, lifetimes=[("30", "30 days")],
                 scopes=[{"noun": "sessions", "cells": [{"name": "sessions:read", "verb": "read", "allowed": True}]},
                         {"noun": "audit", "cells": [{"name": "audit:read", "verb": "read", "allowed": False}]}],
                 new={"scopes": []})  # fmt: skip


def settings_page() -> Context:
    """Give somebody's settings, with a message that was given up."""
    look = [{"name": "theme", "title": "Theme", "choices": [{"value": "dark", "label": "Dark", "checked": True}]}]
    box = {"value": "requested", "label": "A request that I may decide", "hint": "Not those of your own.", "checked": True}
    row = {"channel": "email", "count": 2, "created_at": ago(90), "sent_at": None, "given_up_at": ago(5), "attempts": 8,
           "error": "The mail server cannot be reached."}  # fmt: skip
    return frame("settings", look=look, letters=True, occasions=[box], channels=[{**box, "value": "browser"}], lost=False,
                 chat={"service": "Slack", "schemas": [{"name": "Slack", "example": "slack://A/B/C"}]}, deliveries=[row],
                 errors={"chat": ["This is not an address."]})  # fmt: skip


def jump() -> Context:
    """Give what was found for some words."""
    found = [
        {"kind": "Session", "title": "S-88123", "detail": "Running. Refunds", "url": "/sessions/S-88123/", "icon": "activity"}
    ]
    return frame("", q="refunds", found=found)


RULE = {"name": "E-mail to people outside", "tool": "send_email", "when": {"path": "to.*", "op": "outside", "value": "recipients"},
        "then": "ask", "required": 2, "groups": ["reviewer|admin"]}  # fmt: skip
FIGURES = Figures(
    kind="rule", name="E-mail", asked=31, waiting=2, approved=20, edited=3, rejected=4, expired=1, p50_s=90, p95_s=3_000
)
RULED = Policy.model_validate({**DEFAULT_POLICY.model_dump(), "rules": [RULE], "recipients": ["@halden.example"]})


def policy() -> Context:
    """Give the policy that judges now."""
    tier = {"name": "destructive", "word": "Destructive", "narrow": "ask", "wide": "deny", "narrow_word": "Asks people",
            "wide_word": "Refused", "who": "One person", "marks": "asks for the password", "asks": 3, "figures": FIGURES}  # fmt: skip
    rule = {"name": RULE["name"], "said": "Calls of send_email ask two people.", "then": "ask", "verdict": "Asks people",
            "asked": 31, "refused": 0, "matches": 31, "figures": FIGURES}  # fmt: skip
    return frame("policies", number=4, saved=policy_line(4), days=7, may_edit=True, tiers=[{**tier, "asked": 31}], rules=[rule],
                 reasons=[{**rule, "name": "The tier itself", "figures": None}], revisions=[policy_line(n) for n in (4, 3)],
                 limits=[{"label": "Agents in staging", "value": "up to read only"}],
                 known=[{"label": "Recipients", "entries": ["@halden.example"]}])  # fmt: skip


def policy_line(number: int) -> Context:
    """Give one revision as lists show it."""
    return {"number": number, "url": f"/policies/{number}/", "by": "Ada Admin", "at": ago(90_000), "note": "Mail outside asks two",
            "live": number == 4, "current": number == 3, "checksum": "9f" * 32}  # fmt: skip


def policy_revision(view: str = "text") -> Context:
    """Give one revision, or how it differs."""
    return frame("policies", revision=policy_line(3), revisions=[policy_line(n) for n in (4, 3)], others=[4], view=view,
                 text=lines(RULED), document=RULED.model_dump(mode="json"), against=2, loosens=["The rule 'mail' is gone."],
                 diff=diff.line_diff(lines(DEFAULT_POLICY), lines(RULED)) if view == "diff" else None, may_restore=True,
                 rows=[{"label": "Saved by", "value": "Ada Admin"}])  # fmt: skip


def policy_edit(mode: str = "form") -> Context:
    """Give the form, with somebody else's revision in between and something wrong."""
    sent, errors = sent_of(RULED), {"rules.0.required": ["must be at most 9"]}
    sections = [{"id": "tiers", "title": "Tiers", "note": "A note", "groups": policy_fields.tiers(sent, errors)},
                {"id": "rules", "title": "Rules", "note": "", "groups": policy_fields.rules(sent, errors)},
                {"id": "limits", "title": "Limits", "note": "", "groups": policy_fields.limits(sent, errors)}]  # fmt: skip
    conflict = {"title": "Ada saved revision 4 while you wrote", "text": "“Mail outside.”", "number": 4, "was": 3}
    return frame("policies", mode=mode, sections=sections if mode == "form" else [], json='{"tiers": {}}', note="Why", base=4,
                 note_errors=["Say why."], spare=2, errors=["Two rules have the same name."], wrong=2, conflict=conflict)  # fmt: skip


def policy_review() -> Context:
    """Give what saving would change."""
    return frame("policies", base=4, next=5, note="Why", document="{}", loosens=["The rule 'mail' is gone."], errors=["Tick it."],
                 diff=diff.line_diff(lines(RULED), lines(DEFAULT_POLICY)))  # fmt: skip


def measures() -> Context:
    """Give how people decide."""
    times = {"half": "1 min 30 s", "slow": "50 min", "half_s": 90, "slow_s": 3_000, "most_s": 3_000}
    row = {
        "name": "send_email",
        "asked": 31,
        "waiting": 2,
        "untouched": 17,
        "edited": 3,
        "rejected": 4,
        "expired": 1,
        "decided": 24,
        "screen": "12.4 s",
        "screen_low": "3.1 s",
        "quick": 4,
    }
    reviewer = {"name": "Rosa Reviewer", "decided": 24, "approved": 24, "edited": 0, "rejected": 0, "screen": "4.0 s",
                "screen_low": "1.2 s", "quick": 11,
                "doubted": True}  # fmt: skip
    return frame("measures", days=7, periods=[{"days": days, "url": "#"} for days in (7, 30)], summary=["31 calls were put up."],
                 everybody=True, csv={"reviewers": "#", "tools": "#", "rules": "#"}, enough=10, quick_s=5,
                 reviewers=[{**reviewer, **times}], signals=[{"name": "Rosa Reviewer", "said": "Never rejected anything."}],
                 groups=[{"id": "tools", "title": "By tool", "head": "Tool", "empty": "", "rows": [{**row, **times}]},
                         {"id": "rules", "title": "By policy rule", "head": "Rule", "empty": "None.", "rows": []}],
                 unquestioned=["publish_note"], controls={
                     "on": True, "rows": [{"name": "Rosa Reviewer", "caught": 2, "missed": 1}], "lapsed": 1, "may_set": True, "one_in": 50,
                     "per_day": 2, "reason": "For a month.", "changed_by": "Olga", "changed_at": NOW, "revision": 1,
                     "typed": {"on": True, "one_in": 50, "per_day": 2, "reason": ""}, "bounds": {"one_in": (5, 10_000), "per_day": (1, 20)},
                     "errors": {}})  # fmt: skip
