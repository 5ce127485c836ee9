"""The rights table, page by page: every role against every page and every form (API.md, Rights; THREATS 13, 27, 43).

What is expected stands in the table below, written by hand from the contract; the views' own declarations are compared
with it, so that neither can drift.
"""

import re
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from agents.models import Session
from approvals.models import ApprovalRequest
from console.rights import Right
from console.views.form_only import page_before
from tests.conftest import person

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]

EVERYBODY = {"viewer", "auditor", "reviewer", "prompt_manager", "operator", "admin"}
RUNNERS = {"reviewer", "prompt_manager", "operator", "admin"}
DIRECTORS = {"operator", "admin"}
GRADERS = {"reviewer", "prompt_manager", "admin"}
READERS = {"auditor", "operator", "admin"}
ROLES = sorted(EVERYBODY)

# (method, name of the address, path, who may)
TABLE: tuple[tuple[str, str, str, set[str]], ...] = (
    ("GET", "approvals", "/approvals/", EVERYBODY),
    ("GET", "approval-bulk", "/approvals/bulk/", RUNNERS),
    ("POST", "approval-bulk", "/approvals/bulk/", RUNNERS),
    ("POST", "approval-views", "/approvals/views/", EVERYBODY),
    ("POST", "approval-view-remove", "/approvals/views/1/remove/", EVERYBODY),
    ("GET", "approval", "/approvals/{ap}/", EVERYBODY),
    ("GET", "approval-edit", "/approvals/{ap}/edit/", RUNNERS),
    ("POST", "approval-edit", "/approvals/{ap}/edit/", RUNNERS),
    ("POST", "approval-reveal", "/approvals/{ap}/reveal/", READERS | {"reviewer"}),
    ("POST", "approval-undo", "/approvals/{ap}/undo/", RUNNERS),
    ("POST", "approval-revoke", "/approvals/{ap}/revoke/", RUNNERS),
    ("POST", "approval-hand", "/approvals/{ap}/claim/", RUNNERS),
    ("POST", "approval-hand", "/approvals/{ap}/release/", RUNNERS),
    ("POST", "approval-hand", "/approvals/{ap}/assign/", RUNNERS),
    ("POST", "approval-hand", "/approvals/{ap}/expiry/", RUNNERS),
    ("POST", "approval-verdict", "/approvals/{ap}/reject/", RUNNERS),
    ("GET", "sessions", "/sessions/", EVERYBODY),
    ("POST", "sessions", "/sessions/", RUNNERS),
    ("GET", "session", "/sessions/{s}/", EVERYBODY),
    ("GET", "session-replay", "/sessions/{s}/turns/", EVERYBODY),
    ("GET", "session-reruns", "/sessions/{s}/reruns/", EVERYBODY),
    ("GET", "session-reruns", "/sessions/S-1/reruns/", EVERYBODY),
    ("POST", "session-reruns", "/sessions/S-1/reruns/", {"prompt_manager", "admin"}),
    ("GET", "rerun", "/reruns/R-1/", EVERYBODY),
    ("POST", "rerun-cancel", "/reruns/R-1/cancel/", {"prompt_manager", "admin"}),
    ("GET", "session-call", "/sessions/{s}/calls/1.1/", EVERYBODY),
    ("POST", "session-act", "/sessions/{s}/message/", RUNNERS),
    ("POST", "session-act", "/sessions/{s}/pause/", DIRECTORS),
    ("POST", "session-act", "/sessions/{s}/resume/", DIRECTORS),
    ("POST", "session-act", "/sessions/{s}/cancel/", DIRECTORS),
    ("GET", "overview", "/overview/", EVERYBODY),
    ("GET", "agents", "/agents/", EVERYBODY),
    ("GET", "agent", "/agents/research-assistant/", EVERYBODY),
    ("GET", "coverage", "/agents/research-assistant/coverage/", EVERYBODY),
    ("POST", "session-case", "/sessions/S-1/case/", {"prompt_manager", "admin"}),
    ("POST", "approval-case", "/approvals/AP-1/case/", {"prompt_manager", "admin"}),
    ("GET", "agent-revisions", "/agents/research-assistant/revisions/", EVERYBODY),
    ("GET", "agent-revision", "/agents/research-assistant/revisions/1/", EVERYBODY),
    ("POST", "agent-restore", "/agents/research-assistant/revisions/1/restore/", {"admin"}),
    ("GET", "limits", "/limits/", EVERYBODY),
    ("POST", "limits", "/limits/", DIRECTORS),
    ("GET", "tools", "/tools/", EVERYBODY),
    ("GET", "tool", "/tools/send_email/", EVERYBODY),
    ("POST", "tool", "/tools/send_email/", DIRECTORS),
    ("POST", "tool-suites", "/tools/send_email/suites/", {"prompt_manager", "admin"}),
    ("POST", "session-act", "/sessions/{s}/prompt/", RUNNERS),
    ("POST", "session-act", "/sessions/{s}/replay/", DIRECTORS),
    ("POST", "session-act", "/sessions/{s}/close/", DIRECTORS),
    ("GET", "schedules", "/schedules/", EVERYBODY),
    ("POST", "schedules", "/schedules/", {"admin"}),
    ("GET", "schedule", "/schedules/nothing/", EVERYBODY),
    ("POST", "schedule", "/schedules/nothing/", DIRECTORS),
    ("GET", "inlets", "/inlets/", EVERYBODY),
    ("POST", "inlets", "/inlets/", {"admin"}),
    ("GET", "inlet", "/inlets/nothing/", EVERYBODY),
    ("POST", "inlet", "/inlets/nothing/", DIRECTORS),
    ("GET", "dead-letters", "/dead-letters/", EVERYBODY),
    ("POST", "dead-letters", "/dead-letters/", DIRECTORS),
    ("GET", "breakers", "/breakers/", EVERYBODY),
    ("POST", "breakers", "/breakers/", DIRECTORS),
    ("GET", "memories", "/memory/", EVERYBODY),
    ("POST", "memory-delete", "/memory/00000000-0000-0000-0000-000000000000/delete/", DIRECTORS),
    ("GET", "budgets", "/budgets/", EVERYBODY),
    ("POST", "budgets", "/budgets/", {"admin"}),
    ("POST", "budget", "/budgets/00000000-0000-0000-0000-000000000000/", DIRECTORS),
    ("GET", "stop", "/stop/", EVERYBODY),
    ("POST", "stop", "/stop/", DIRECTORS),
    ("POST", "stop-lift", "/stop/lift/", DIRECTORS),
    ("GET", "glass", "/break-glass/", EVERYBODY),
    ("POST", "glass-review", "/break-glass/00000000-0000-0000-0000-000000000000/review/", {"auditor", "admin"}),
    ("POST", "approval-glass", "/approvals/{ap}/break-glass/", {"admin"}),
    ("GET", "cover", "/cover/", EVERYBODY),
    ("POST", "cover", "/cover/", RUNNERS),
    ("POST", "cover-end", "/cover/00000000-0000-0000-0000-000000000000/end/", RUNNERS),
    ("GET", "evals", "/evals/", EVERYBODY),
    ("GET", "eval-suite-new", "/evals/new/", {"prompt_manager", "admin"}),
    ("POST", "eval-suite-new", "/evals/new/", {"prompt_manager", "admin"}),
    ("GET", "eval-suite", "/evals/suites/no-harm/", EVERYBODY),
    ("POST", "eval-suite", "/evals/suites/no-harm/", {"prompt_manager", "admin"}),
    ("GET", "eval-case-new", "/evals/suites/no-harm/new/", {"prompt_manager", "admin"}),
    ("POST", "eval-case-new", "/evals/suites/no-harm/new/", {"prompt_manager", "admin"}),
    ("GET", "eval-case", "/evals/suites/no-harm/cases/calculates/", EVERYBODY),
    ("POST", "eval-case", "/evals/suites/no-harm/cases/calculates/", {"prompt_manager", "admin"}),
    ("POST", "eval-start", "/evals/runs/", {"prompt_manager", "admin"}),
    ("GET", "eval-run", "/evals/runs/E-1/", EVERYBODY),
    ("GET", "eval-result", "/evals/runs/E-1/cases/nothing/", EVERYBODY),
    ("POST", "eval-cancel", "/evals/runs/E-1/cancel/", {"prompt_manager", "admin"}),
    ("GET", "grading", "/evals/grading/", EVERYBODY),
    ("POST", "grading-next", "/evals/grading/next/", GRADERS),
    ("GET", "grading-results", "/evals/grading/results/", EVERYBODY),
    ("GET", "grading-rules", "/evals/grading/rules/", EVERYBODY),
    ("POST", "grading-rule-set", "/evals/grading/rules/set/", {"prompt_manager", "operator", "admin"}),
    ("GET", "grading-rubric", "/evals/grading/rubrics/nothing/", EVERYBODY),
    ("POST", "grading-rubric", "/evals/grading/rubrics/nothing/", {"prompt_manager", "admin"}),
    ("GET", "grading-item", "/evals/grading/items/G-1/", EVERYBODY),
    ("POST", "grading-act", "/evals/grading/items/G-1/grade/", GRADERS),
    ("POST", "grading-act", "/evals/grading/items/G-1/claim/", GRADERS),
    ("POST", "grading-act", "/evals/grading/items/G-1/release/", GRADERS),
    ("POST", "grading-act", "/evals/grading/items/G-1/skip/", GRADERS),
    ("GET", "prompts", "/prompts/", EVERYBODY),
    ("GET", "prompt", "/prompts/research-assistant/", EVERYBODY),
    ("GET", "prompt-version", "/prompts/research-assistant/1.0.0/", EVERYBODY),
    ("GET", "prompt-compare", "/prompts/research-assistant/compare/1.0.0...1.0.1/", EVERYBODY),
    ("GET", "prompt-new", "/prompts/research-assistant/new/", {"prompt_manager", "admin"}),
    ("POST", "prompt-new", "/prompts/research-assistant/new/", {"prompt_manager", "admin"}),
    ("GET", "prompt-measures", "/prompts/research-assistant/measures/", EVERYBODY),
    ("POST", "prompt-measures", "/prompts/research-assistant/measures/", {"prompt_manager", "admin"}),
    ("POST", "prompt-version", "/prompts/research-assistant/1.0.0/", {"prompt_manager", "admin"}),
    ("POST", "prompt-plan-move", "/prompts/research-assistant/plan/move/", {"prompt_manager", "operator", "admin"}),
    ("POST", "prompt-withdraw", "/prompts/research-assistant/withdraw/", {"prompt_manager", "admin"}),
    ("POST", "prompt-move", "/prompts/research-assistant/1.0.0/move/", {"prompt_manager", "admin"}),
    ("GET", "policies", "/policies/", EVERYBODY),
    ("GET", "policy-revision", "/policies/1/", EVERYBODY),
    ("GET", "policy-edit", "/policies/edit/", {"admin"}),
    ("POST", "policy-edit", "/policies/edit/", {"admin"}),
    ("POST", "policy-save", "/policies/save/", {"admin"}),
    ("POST", "policy-restore", "/policies/1/restore/", {"admin"}),
    ("GET", "measures", "/measures/", EVERYBODY - {"viewer"}),
    ("GET", "measures-csv", "/measures/reviewers.csv", EVERYBODY - {"viewer"}),
    ("POST", "measures-controls", "/measures/controls/", DIRECTORS),
    ("GET", "audit", "/audit/", EVERYBODY - {"viewer"}),
    ("GET", "metrics", "/metrics", EVERYBODY),
    ("GET", "audit-entry", "/audit/1/", READERS),
    ("GET", "audit-content", "/audit/content/", READERS),
    ("POST", "audit-content-rule", "/audit/content/rules/", {"admin"}),
    ("POST", "audit-content-hold", "/audit/content/holds/", {"admin"}),
    ("GET", "audit-content-delete", "/audit/content/delete/", {"admin"}),
    ("POST", "audit-content-delete", "/audit/content/delete/", {"admin"}),
    ("GET", "audit-push", "/audit/push/", READERS),
    ("POST", "audit-push", "/audit/push/", {"admin"}),
    ("POST", "audit-push-act", "/audit/push/nothing/", {"admin"}),
    ("POST", "audit-verify", "/audit/verify/", READERS),
    ("POST", "audit-views", "/audit/views/", EVERYBODY - {"viewer"}),
    ("POST", "audit-view-remove", "/audit/views/1/remove/", EVERYBODY - {"viewer"}),
    ("GET", "audit-sessions", "/audit/sessions/", READERS),
    ("GET", "audit-session", "/audit/sessions/{s}/", READERS),
    ("GET", "audit-verifications", "/audit/verification/", READERS),
    ("GET", "audit-verification", "/audit/verification/1/", READERS),
    ("GET", "audit-evidence", "/audit/verification/1/evidence.json", READERS),
    ("POST", "audit-acknowledge", "/audit/verification/1/acknowledge/", {"auditor", "admin"}),
    ("GET", "audit-agreement", "/audit/agreement/", READERS),
    ("POST", "audit-agreement-check", "/audit/agreement/check/", READERS),
    ("GET", "audit-drill", "/audit/drill/", READERS),
    ("POST", "audit-drill", "/audit/drill/", READERS),
    ("GET", "audit-exports", "/audit/exports/", {"auditor", "admin"}),
    ("POST", "audit-exports", "/audit/exports/", {"auditor", "admin"}),
    ("GET", "audit-export", "/audit/exports/EX-1/", {"auditor", "admin"}),
    ("POST", "audit-export-cancel", "/audit/exports/EX-1/cancel/", {"auditor", "admin"}),
    ("GET", "tokens", "/tokens/", EVERYBODY),
    ("POST", "tokens", "/tokens/", EVERYBODY),
    ("POST", "token-revoke", "/tokens/0123456789abcdef/revoke/", EVERYBODY),
    ("GET", "mail", "/mail/", READERS),
    ("GET", "mail-message", "/mail/00000000000000000000-00000000/", READERS),
    ("GET", "jump", "/jump/", EVERYBODY),
    ("GET", "styleguide", "/styleguide/", EVERYBODY),
)
WITHOUT_ROLE = {
    "home", "sign-in", "sign-out", "theme", "csp-report", "healthz", "readyz",
    "settings", "settings-look", "settings-notifications", "settings-guide", "open", "news",
}  # fmt: skip
"""Addresses that ask for no role: coming in, going out, one's own settings and news, probes, reports of browsers."""


def patterns(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Give every address of the pages; those of the API are tested with it."""
    for found in (resolver or get_resolver()).url_patterns:
        where = prefix + str(found.pattern)
        if isinstance(found, URLResolver):
            if not where.startswith("api/"):
                yield from patterns(found, where)
        else:
            yield where, found


def test_every_page_declares_its_right() -> None:
    """Deny by default: a view without a declared right does not exist."""
    for where, pattern in patterns():
        assert isinstance(getattr(pattern.callback, "right", None), Right), where


def test_every_page_stands_in_the_table() -> None:
    """A new page needs its line."""
    named = {pattern.name or str(pattern.pattern) for _, pattern in patterns()}
    assert named == {name for _, name, _, _ in TABLE} | WITHOUT_ROLE


def refused(status: int, method: str, path: str) -> bool:
    """Say whether the answer withholds: by 403, or for one entry of the trail as if it were not there."""
    return status == 403 or (status == 404 and path == "/audit/1/" and method == "GET")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_what_the_table_says(role: str, waiting: Waiting, signed_in: SignedIn) -> None:
    """Each page and form once for each role; forms are empty, so that what is allowed stops at what is missing."""
    session, request = waiting
    client = signed_in(person("probe", role))
    for method, name, path, who in TABLE:
        address = path.format(ap=request.ref, s=session.ref)
        answer = client.get(address) if method == "GET" else client.post(address)
        expected = "allowed" if role in who else "refused"
        got = "refused" if refused(answer.status_code, method, path) else "allowed"
        if (
            name in ("approval-verdict", "approval-edit", "approval-undo", "approval-revoke", "approval-hand", "approval-glass")
            and role in RUNNERS
        ):
            continue  # who may decide which kind of request is judged by `may_decide`, and tested there
        assert got == expected, (role, method, address, answer.status_code)
        assert answer.status_code < 500, (role, method, address)


@pytest.mark.parametrize("path", [path for method, _, path, _ in TABLE if method == "GET"])
def test_looking_changes_nothing(path: str, waiting: Waiting, signed_in: SignedIn, ada: User) -> None:
    """GET never changes state: the page is read in a transaction that could not."""
    session, request = waiting
    address = path.format(ap=request.ref, s=session.ref)
    assert signed_in(ada).get(address).status_code in (200, 302, 404)
    request.refresh_from_db()
    assert (request.status, request.revision) == ("pending", 1)


ODD = ("²", "9" * 40, "-1", "x", "%00")
"""What stands in addresses where a number should: of such a text Python's `isdigit` says yes, and `int` raises."""
NUMBERS = ("before", "after", "older", "against", "turn", "from", "repeat", "number", "base")


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_number_in_an_address_breaks_no_page(odd: str, waiting: Waiting, signed_in: SignedIn, ada: User) -> None:
    """It counts as none, or there is no such page."""
    session, request = waiting
    client, asked = signed_in(ada), "&".join(f"{name}={odd}" for name in NUMBERS)
    for path in [path.format(ap=request.ref, s=session.ref) for method, _, path, _ in TABLE if method == "GET"]:
        for more in ("", "&view=events"):
            assert client.get(f"{path}?{asked}{more}").status_code in (200, 302, 404, 422), path


@pytest.mark.parametrize(
    "path", ["/tools/a%00/", "/reruns/R-1%00/", "/evals/runs/%00/", "/prompts/research-assistant/1%00/", "/mail/%00/"]
)
def test_a_name_that_no_text_can_be_names_nothing(path: str, waiting: Waiting, signed_in: SignedIn, ada: User) -> None:
    """THREATS 27: a NUL in the path is not found, as any other name that there is not."""
    assert signed_in(ada).get(path).status_code == 404


def test_forms_cannot_be_got(waiting: Waiting, signed_in: SignedIn, ada: User) -> None:
    """What changes something is a POST alone."""
    session, request = waiting
    for method, _, path, _ in TABLE:
        if method == "POST" and not any(other[0] == "GET" and other[2] == path for other in TABLE):
            assert signed_in(ada).get(path.format(ap=request.ref, s=session.ref)).status_code == 405, path


def test_who_opens_a_form_s_address_is_led_to_its_page(waiting: Waiting, signed_in: SignedIn, ada: User) -> None:
    """By going back, or by typing it: what answers is a page of the house, and its way on is a page too."""
    session, request = waiting
    client = signed_in(ada)
    pages = {name for method, name, _, _ in TABLE if method == "GET"}
    for path in [path.format(ap=request.ref, s=session.ref) for _, name, path, _ in TABLE if name not in pages]:
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST"), path
        (way,) = re.findall(r'class="btn primary" href="([^"]+)"', answer.content.decode())
        assert resolve(way).url_name in pages, path
        assert path.startswith(way)
    assert page_before("/prompts/desk/plan/move/") == "/prompts/desk/"  # `plan` is no version
