"""The rights table, page by page: every role against every page and every form (API.md, Rights; THREATS 13, 27, 43).

What is expected stands in the table below, written by hand from the contract; the views' own declarations are compared
with it, so that neither can drift.
"""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from agents.models import Session
from approvals.models import ApprovalRequest
from console.rights import Right
from tests.conftest import person

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]

EVERYBODY = {"viewer", "auditor", "reviewer", "prompt_manager", "operator", "admin"}
RUNNERS = {"reviewer", "prompt_manager", "operator", "admin"}
DIRECTORS = {"operator", "admin"}
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
    ("POST", "eval-start", "/evals/runs/", {"prompt_manager", "admin"}),
    ("GET", "eval-run", "/evals/runs/E-1/", EVERYBODY),
    ("POST", "eval-cancel", "/evals/runs/E-1/cancel/", {"prompt_manager", "admin"}),
    ("GET", "prompts", "/prompts/", EVERYBODY),
    ("GET", "prompt", "/prompts/research-assistant/", EVERYBODY),
    ("GET", "prompt-version", "/prompts/research-assistant/1.0.0/", EVERYBODY),
    ("GET", "prompt-compare", "/prompts/research-assistant/compare/1.0.0...1.0.1/", EVERYBODY),
    ("GET", "prompt-new", "/prompts/research-assistant/new/", {"prompt_manager", "admin"}),
    ("POST", "prompt-new", "/prompts/research-assistant/new/", {"prompt_manager", "admin"}),
    ("GET", "prompt-measures", "/prompts/research-assistant/measures/", EVERYBODY),
    ("POST", "prompt-measures", "/prompts/research-assistant/measures/", {"prompt_manager", "admin"}),
    ("POST", "prompt-release", "/prompts/research-assistant/release/", {"prompt_manager", "admin"}),
    ("POST", "prompt-rollback", "/prompts/research-assistant/rollback/", {"prompt_manager", "operator", "admin"}),
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
    ("GET", "audit-entry", "/audit/1/", READERS),
    ("POST", "audit-verify", "/audit/verify/", READERS),
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


def test_forms_cannot_be_got(waiting: Waiting, signed_in: SignedIn, ada: User) -> None:
    """What changes something is a POST alone."""
    session, request = waiting
    for method, _, path, _ in TABLE:
        if method == "POST" and not any(other[0] == "GET" and other[2] == path for other in TABLE):
            assert signed_in(ada).get(path.format(ap=request.ref, s=session.ref)).status_code == 405, path
