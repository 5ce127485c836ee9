"""Every page at both widths in both themes: sound for axe, nothing to scroll sideways, and a picture to look at.

The pictures go to the folder that COUNTERSIGN_SHOTS names; where it names none, none is taken.
"""

import gzip
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from playwright.sync_api import Response

from agents import breakers, budgets
from agents.demo.seed import AGENTS, agent_document
from agents.guardrails.breaker import Tally
from agents.models import PromptVersion, Release, Rerun, Session
from agents.prompts.releases import live_version
from agents.prompts.versions import checksum
from agents.reruns.reruns import start_rerun
from agents.services import apply_agent, cancel, start_session
from approvals.models import ApprovalRequest
from audit.actors import SYSTEM
from audit.evidence import evidence_of
from audit.exports import work as exporting
from audit.exports.exports import ask_export, export_numbered, ref_of
from audit.models import AuditEntry, LogIndex, VerificationRun
from audit.note import Signer
from audit.queries import EntryFilter
from audit.seal import origin, seal
from audit.verifications import begin, finished
from audit.verify import FirstBad
from tests.approvals.test_controls import plant
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import NARROW, WIDE
from tests.waiting import wait_until

GOALS = (
    "Find our refund policy and e-mail a short summary to finance@halden.example.",
    "Read the letter of Kestrel Foods about the recall and e-mail a summary to quality@halden.example.",
    "Delete the document “Travel policy 2023 (superseded)”.",
    "What happened in the calibration drift of May 2026? Calculate 377 / 512 * 100.",
    'scenario: ask-person question="Which of the two offices do you mean?"',
    "scenario: loop-same",
    "Summarise the travel policy. (scenario: unreadable)",
)
PAGES = {
    "approvals": ("remy", "/approvals/"),
    "approvals-filtered": ("remy", "/approvals/?risk=3&can=1"),
    "approvals-bulk": ("remy", "{bulk}"),
    "approvals-decided": ("remy", "/approvals/?state=decided"),
    "approvals-mine-empty": ("vic", "/approvals/?state=mine"),
    "approvals-filtered-empty": ("remy", "/approvals/?q=nobody+wrote+this"),
    "approval": ("remy", "{mail}"),
    "approval-tainted": ("remy", "{tainted}"),
    "approval-json": ("remy", "{tainted}?tab=json"),
    "approval-changes": ("remy", "{tainted}?tab=changes"),
    "approval-destructive": ("remy", "{delete}"),
    "approval-question": ("remy", "{question}"),
    "approval-budget": ("remy", "{budget}"),
    "approval-unknown": ("remy", "{unknown}"),
    "approval-stuck": ("remy", "{stuck}"),
    "approval-release": ("paul", "{release}"),
    "approval-decided": ("remy", "{decided}"),
    "approval-claimed": ("remy", "{claimed}"),
    "approval-control": ("remy", "{control}"),
    "approval-viewer": ("vic", "{tainted}"),
    "approval-edit": ("remy", "{mail}edit/"),
    "approval-edit-json": ("remy", "{mail}edit/?mode=json"),
    "sessions": ("olga", "/sessions/"),
    "sessions-viewer": ("vic", "/sessions/"),
    "session-stuck": ("remy", "{circling}"),
    "sessions-filtered-empty": ("olga", "/sessions/?status=dead_letter"),
    "session-waiting": ("olga", "{waiting}"),
    "session-waterfall": ("olga", "{waiting}?view=waterfall"),
    "session-span": ("olga", "{waiting}?view=waterfall&span=t1"),
    "session-events": ("olga", "{waiting}?view=events"),
    "session-kept": ("olga", "{kept}"),
    "session-kept-waterfall": ("olga", "{kept}?view=waterfall&span=p0"),
    "session-answered": ("olga", "{answered}"),
    "session-call": ("olga", "{answered}calls/1.1/"),
    "session-turn": ("olga", "{answered}turns/?turn=2"),
    "session-reruns": ("ada", "{answered}reruns/"),
    "session-reruns-viewer": ("vic", "{answered}reruns/"),
    "rerun": ("ada", "{rerun}"),
    "rerun-viewer": ("vic", "{rerun}"),
    "session-turn-waiting": ("olga", "{waiting}turns/?turn=2"),
    "session-turn-viewer": ("vic", "{answered}turns/"),
    "sessions-kept": ("olga", "/sessions/?status=live&waits=money"),
    "overview": ("olga", "/overview/"),
    "overview-viewer": ("vic", "/overview/"),
    "agents": ("olga", "/agents/"),
    "agent": ("olga", "/agents/research-assistant/"),
    "coverage": ("ada", "/agents/research-assistant/coverage/"),
    "coverage-viewer": ("vic", "/agents/research-assistant/coverage/"),
    "session-turn-case": ("ada", "{answered}turns/?turn=1"),
    "agent-revision": ("ada", "/agents/research-assistant/revisions/1/"),
    "agent-revision-changes": ("ada", "{agent_revision}"),
    "agent-revision-viewer": ("vic", "/agents/research-assistant/revisions/1/"),
    "tools": ("olga", "/tools/"),
    "tool": ("olga", "/tools/send_email/"),
    "tool-viewer": ("vic", "/tools/fetch_url/"),
    "cover": ("ada", "/cover/"),
    "cover-own": ("remy", "/cover/"),
    "breakers": ("olga", "/breakers/"),
    "breakers-chosen": ("ada", "/breakers/?key=tool:send_email"),
    "breakers-viewer": ("vic", "/breakers/"),
    "memories": ("olga", "/memory/"),
    "memories-viewer": ("vic", "/memory/?scope=agent"),
    "budgets": ("ada", "/budgets/"),
    "budgets-operator": ("olga", "/budgets/?by=model&days=30"),
    "dead-letters": ("olga", "/dead-letters/"),
    "dead-letters-chosen": ("olga", "/dead-letters/?category=model"),
    "dead-letters-viewer": ("vic", "/dead-letters/"),
    "schedules": ("ada", "/schedules/"),
    "schedule": ("ada", "/schedules/monday-report/"),
    "schedule-viewer": ("vic", "/schedules/monday-report/"),
    "schedules-viewer": ("vic", "/schedules/"),
    "inlets": ("ada", "/inlets/"),
    "inlets-viewer": ("vic", "/inlets/"),
    "inlet": ("ada", "/inlets/tickets/"),
    "inlet-viewer": ("vic", "/inlets/tickets/"),
    "stop": ("olga", "/stop/"),
    "stop-chosen": ("olga", "/stop/?scope=agent:research-assistant"),
    "stop-viewer": ("vic", "/stop/"),
    "limits": ("olga", "/limits/"),
    "limits-chosen": ("olga", "/limits/?scope=model:"),
    "limits-viewer": ("vic", "/limits/"),
    "glass": ("audrey", "/break-glass/"),
    "evals": ("paul", "/evals/"),
    "eval-suite": ("paul", "/evals/suites/research-manners/"),
    "eval-suite-viewer": ("vic", "/evals/suites/research-manners/"),
    "eval-suite-new": ("paul", "/evals/new/"),
    "eval-case": ("paul", "/evals/suites/research-manners/cases/asks-before-it-writes/"),
    "eval-case-json": ("paul", "/evals/suites/research-manners/cases/asks-before-it-writes/?mode=json"),
    "eval-case-viewer": ("vic", "/evals/suites/research-manners/cases/asks-before-it-writes/"),
    "eval-case-new": ("paul", "/evals/suites/research-manners/new/"),
    "eval-run": ("paul", "/evals/runs/E-1/"),
    "eval-result": ("paul", "/evals/runs/E-1/cases/asks-before-it-writes/"),
    "eval-result-viewer": ("vic", "/evals/runs/E-2/cases/asks-before-it-writes/"),
    "eval-run-viewer": ("vic", "/evals/runs/E-2/"),
    "grading": ("remy", "/evals/grading/"),
    "grading-viewer": ("vic", "/evals/grading/?status=graded"),
    "grading-item": ("remy", "/evals/grading/items/G-1/"),
    "grading-item-viewer": ("vic", "/evals/grading/items/G-2/"),
    "grading-item-judged": ("audrey", "/evals/grading/items/G-3/"),
    "grading-rules": ("paul", "/evals/grading/rules/"),
    "grading-rules-viewer": ("vic", "/evals/grading/rules/"),
    "grading-rubric": ("paul", "/evals/grading/rubrics/was-it-help/"),
    "grading-rubric-new": ("ada", "/evals/grading/rubrics/new/"),
    "grading-results": ("paul", "/evals/grading/results/"),
    "prompts": ("paul", "/prompts/"),
    "prompt": ("paul", "/prompts/research-assistant/"),
    "prompt-changes": ("paul", "/prompts/research-assistant/1.0.1/"),
    "prompt-viewer": ("vic", "/prompts/research-assistant/1.0.1/"),
    "prompt-measures": ("paul", "/prompts/research-assistant/measures/"),
    "prompt-new": ("paul", "/prompts/research-assistant/new/"),
    "policy": ("ada", "/policies/"),
    "policy-viewer": ("vic", "/policies/"),
    "policy-revision": ("ada", "/policies/1/"),
    "policy-changes": ("audrey", "{revision}?view=diff"),
    "policy-edit": ("ada", "/policies/edit/"),
    "policy-edit-json": ("ada", "/policies/edit/?mode=json"),
    "measures": ("audrey", "/measures/"),
    "measures-own": ("remy", "/measures/?days=30"),
    "measures-operator": ("olga", "/measures/"),
    "audit": ("audrey", "/audit/"),
    "audit-filtered": ("audrey", "/audit/?kind=approval&from=2026-01-01"),
    "audit-own": ("remy", "/audit/"),
    "audit-entry": ("audrey", "{entry}"),
    "audit-sessions": ("audrey", "/audit/sessions/"),
    "audit-session": ("audrey", "{story}"),
    "audit-verifications": ("audrey", "/audit/verification/"),
    "audit-verification": ("audrey", "{verified}"),
    "audit-verification-broken": ("audrey", "{broken}"),
    "audit-verification-broken-operator": ("olga", "{broken}"),
    "audit-verification-running": ("audrey", "{verifying}"),
    "audit-agreement": ("audrey", "/audit/agreement/"),
    "audit-drill": ("audrey", "/audit/drill/"),
    "audit-content": ("ada", "/audit/content/"),
    "audit-content-reader": ("audrey", "/audit/content/?about=S-1"),
    "audit-content-delete": ("ada", "/audit/content/delete/?by=tenant&whose=nobody"),
    "audit-push": ("ada", "/audit/push/"),
    "audit-push-reader": ("audrey", "/audit/push/"),
    "audit-exports": ("audrey", "/audit/exports/?stream=session:S-1"),
    "audit-export": ("audrey", "{export}"),
    "mail": ("olga", "/mail/"),
    "mail-message": ("olga", "{message}"),
    "tokens": ("ada", "/tokens/"),
    "settings": ("remy", "/settings/"),
    "jump": ("remy", "/jump/?q=mail"),
    "jump-nothing": ("remy", "/jump/?q=zzzz"),
    "styleguide": ("ada", "/styleguide/"),
    "not-found": ("olga", "/nothing/here/"),
    "forbidden": ("vic", "/audit/"),
    "sign-in": ("", "/sign-in/"),
}
SENT = '{"body": "The recall is over.", "subject": "Recall", "to": ["quality@halden.example"]}'
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "budget": (
        "budget",
        "Let S-88123 spend more: it has used $0.6100 of $0.6000",
        {"limit": "ask_above_cost_microusd", "spent": 610_000, "allowed": 600_000, "suggested": 600_000},
    ),
    "unknown": (
        "unknown_outcome",
        "Did this happen? Send an e-mail to quality@halden.example: “Recall”",
        {"key": "S-88123/3/1", "tool": "send_email", "why": "The worker died while the call was running.", "arguments": SENT},
    ),
    "stuck": (
        "stuck",
        "S-88123 makes no progress: search_documents was called three times with the same arguments",
        {
            "loop": "same_call",
            "times": 2,
            "told": True,
            "turns": 6,
            "cost_microusd": 18_400,
            "calls": [{"key": "S-88123/6.1", "tool": "search_documents", "what": "Search for “recall”", "status": "succeeded"}],
        },
    ),
    "release": (
        "prompt_release",
        "Release research-assistant 1.1.0 to 10% of sessions",
        {
            "prompt": "research-assistant",
            "version": "1.1.0",
            "share": 10,
            "beside": "1.0.0",
            "checksum": "9f3c" * 16,
            "written_by": "Paul",
            "reason": "Shorter answers.",
            "routed": [],
        },
    ),
}
"""A request of each kind that the demo's agent does not ask by itself."""
FIRST_LOAD = 60 * 1024
"""What HTML, CSS and scripts of a page may weigh together, compressed (UI.md section 1)."""
REFUSED = {"not-found": 404, "forbidden": 403}


@pytest.fixture(scope="module")
def places(house: House) -> Iterator[dict[str, str]]:
    """Addresses of pages that have something on them."""
    mail, tainted, delete = (house.session(goal, by) for goal, by in zip(GOALS, ("olga", "paul", "olga"), strict=False))
    answered, question, stuck, dead = (house.session(goal) for goal in GOALS[3:])
    decided = house.asked(house.session("scenario: mail-once to=lee@customer.example token=page", "paul"))
    rows = {"mail": mail, "tainted": tainted, "delete": delete, "question": question}
    found = {name: f"/approvals/{house.asked(session).ref}/" for name, session in rows.items()}
    refs = "&".join(f"ref={place.split('/')[2]}" for place in found.values())
    found["bulk"] = f"/approvals/bulk/?verdict=reject&{refs}"
    found |= {name: f"/approvals/{house.put(*asked).ref}/" for name, asked in KINDS.items()}
    claimed = house.mail("lee@customer.example")
    house.assign(claimed, "remy", "olga")
    found["claimed"] = f"/approvals/{claimed.ref}/"
    house.decide(decided, "rosa", "approve")
    house.becomes(decided, "consumed")
    house.do(lambda: breakers.tell([Tally("model:retired-1", 5, detail="HTTP 503: overloaded")]))
    held = "The vendor moves it until noon."
    house.do(lambda: breakers.force(key="model:retired-2", closed=False, reason=held, actor=SYSTEM))
    kept = short_of_money(house)
    wait_until(lambda: house.do(lambda: settled(answered) and settled(stuck) and settled(dead)))
    house.do(lambda: other_version(stuck))
    again = house.do(lambda: again_of(answered))
    house.play_suites()
    yield {
        **found,
        "circling": f"/sessions/{stuck.ref}/",
        "control": f"/approvals/{missed(house).ref}/",
        "decided": f"/approvals/{decided.ref}/",
        "revision": f"/policies/{house.ruled()}/",
        "agent_revision": f"/agents/thrifty/revisions/{house.do(revised)}/",
        "waiting": f"/sessions/{tainted.ref}/",
        "answered": f"/sessions/{answered.ref}/",
        "kept": f"/sessions/{kept.ref}/",
        "rerun": f"/reruns/R-{again.number}/",
        "entry": f"/audit/{house.do(lambda: entry_of(decided))}/",
        "story": f"/audit/sessions/{decided.session_ref}/",
        **house.do(verifications_of_all_kinds),
        "message": f"/mail/{newest_mail(house)}/",
        "export": f"/audit/exports/{house.do(exported)}/",
    }
    house.do(lambda: cancel(session=kept.pk, actor=SYSTEM, reason="Looked at."))
    house.do(lambda: VerificationRun.objects.filter(Q(ok=False) | Q(ok=None)).delete())


def verifications_of_all_kinds() -> dict[str, str]:
    """Keep a verification that is well, one that found something and one that runs, and return where they are."""
    entry = AuditEntry.objects.filter(seq=2, stream__startswith="session:").select_related("place").order_by("id")[0]
    bad = FirstBad(entry.stream, 2, entry.place.log_index, "its searchable copy says something else than its bytes")
    by = {"actor_kind": "system", "actor_id": "system", "actor_name": "Countersign"}
    rows = {
        "verified": finished(begin("whole", SYSTEM)),
        "broken": VerificationRun.objects.create(
            what="whole", ok=False, first_bad=asdict(bad), evidence=evidence_of(bad), ended_at=timezone.now(), **by
        ),
        "verifying": VerificationRun.objects.create(what="whole", place=40_000, upto=120_000, **by),
    }
    return {name: f"/audit/verification/{row.pk}/" for name, row in rows.items()}


def exported() -> str:
    """Make a bundle of the log as it is, under a key of its own."""
    asked = ask_export(kind="bundle", where=EntryFilter(kind="session"), actor=SYSTEM)
    signer = Signer(origin(), Ed25519PrivateKey.generate())
    while export_numbered(ref_of(asked)).status != "ready":  # the house's log may grow between signing and looking
        seal(signer)
        claimed = exporting.claim(asked.number)
        if claimed is not None:
            exporting.make(claimed, until=time.monotonic() + 1)
    return ref_of(asked)


def short_of_money(house: House) -> Session:
    """Let a session wait for money: its agent's budget is lowered once it runs."""

    def work() -> Session:
        apply_agent({**agent_document(AGENTS[0]), "slug": "thrifty"}, actor=SYSTEM)
        budget = budgets.create(scope="agent:thrifty", period="month", cap_microusd=1_000_000, at_cap="queue",
                                reason="An agent that saves.", actor=SYSTEM)  # fmt: skip
        with transaction.atomic():  # no worker sees the session before the cap is lowered
            session = start_session(actor=SYSTEM, person_id=None, agent="thrifty", goal="Summarise the travel policy.")
            budgets.change(budget.id, revision=1, cap_microusd=100, reason="Less.", actor=SYSTEM, may_raise=False)
        return session

    session = house.do(work)
    wait_until(lambda: house.do(lambda: Session.objects.get(pk=session.pk).waits_for == "money"))
    return session


def revised() -> int:
    """Give the agent that saves another revision, and return its number."""
    document = {**agent_document(AGENTS[0]), "slug": "thrifty", "single_turn": True}
    return apply_agent(document, actor=SYSTEM, note="Answers once, which costs less.").number


def first_load(answer: Response) -> int:
    """Return how much of the wire an answer's body takes when it is compressed, in bytes."""
    return len(gzip.compress(answer.body(), 6)) if answer.ok else 0


def missed(house: House) -> ApprovalRequest:
    """Plant a control request, let Remy approve it, and return it."""
    row = house.do(plant)
    house.decide(row, "remy", "approve")
    return row


def other_version(session: Session) -> PromptVersion:
    """Make a version of a session's prompt that it does not run with."""
    prompt, text = session.prompt_version.prompt, "You answer with what you have."
    made = PromptVersion.objects.create(
        prompt=prompt, version="0.9.0", status="retired", text=text, checksum=checksum(text, {}, {}),
        note="Answers sooner, and calculates once.", author="Paul",
    )  # fmt: skip
    Release.objects.create(prompt=prompt, version=made, status="superseded", ended_at=timezone.now())
    return made


def again_of(session: Session) -> Rerun:
    """Have a session played again with a version that makes the agent do something else."""
    live = live_version("research-assistant").version
    text = f"{live.text}\nscenario: delete-document document=anything"
    made = PromptVersion.objects.create(
        prompt=live.prompt, version="0.8.0", status="retired", text=text, checksum=checksum(text, {}, {}),
        note="Deletes what it has read.", author="Paul",
    )  # fmt: skip
    session.refresh_from_db()
    return start_rerun(session=session, actor=SYSTEM, version=made.version)


def settled(session: Session) -> bool:
    """Return whether a session rests."""
    session.refresh_from_db()
    return session.status not in ("queued", "running")


def entry_of(row: ApprovalRequest) -> int:
    """Return the place in the log of a decision."""
    return LogIndex.objects.filter(entry__kind="approval.approved", entry__stream=f"session:{row.session_ref}").get().log_index


def newest_mail(house: House) -> str:
    """Return the name of a message that was caught."""
    wait_until(lambda: list((house.folder / "mail").glob("*.eml")))
    return max((house.folder / "mail").glob("*.eml")).stem


def test_every_page_of_the_menu_is_looked_at(visit: Visit) -> None:
    """UI.md 7: a page that is new in the menu is new here too."""
    looked_at = {path.partition("?")[0] for _, path in PAGES.values()}
    for name in ("ada", "olga", "audrey"):
        page = visit(name).open("/settings/")
        menu: list[str] = page.locator("#rail .nav a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        assert len(menu) > 10
        assert set(menu) <= looked_at


@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound_in_both_widths_and_themes(name: str, places: dict[str, str], visit: Visit, shots: Path | None) -> None:
    """UI.md 7: axe with WCAG 2.2 AA and best practice, one h1, no overflow, no message, no report; UI.md 8."""
    who, path = PAGES[name]
    visitor = visit(who)
    visitor.refusals.add(REFUSED.get(name, 0))
    loaded: list[Response] = []
    visitor.page.on("response", lambda answer: loaded.append(answer))  # noqa: PLW0108  Playwright looks at a function
    page = visitor.open(path.format(**places))
    weight = {one.url: first_load(one) for one in loaded if one.request.resource_type in ("document", "stylesheet", "script")}
    assert sum(weight.values()) <= FIRST_LOAD, weight
    if page.locator("#live").count():
        visitor.live()
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        for width in (WIDE, NARROW):
            page.set_viewport_size(width)
            visitor.shoot(shots, f"{name}-{width['width']}-{theme}")
            visitor.check()


def test_the_frame_stays_where_it_is_in_a_low_window(visit: Visit) -> None:
    """UI.md 8: the menu and the page scroll each by themselves; nothing in them makes the document longer than the window."""
    visitor = visit("ada", viewport={"width": 1280, "height": 480})
    page = visitor.open("/sessions/")
    page.evaluate("""() => { for (const at of [".rail", "#main .content"])
        document.querySelector(at).append(Object.assign(document.createElement("span"), { className: "sr", textContent: "Done" })) }""")
    assert page.evaluate("[document.documentElement.scrollHeight, innerHeight]") == [480, 480]
    visitor.check()
