"""The rights table of API.md, held against every address: role by role, and nothing that declares none."""

import json
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from console.api.root import api
from console.rights import Right, Role
from tests.console.api.calls import ROOT, Program

ALL = frozenset(Role)
RUN = ALL - {Role.VIEWER, Role.AUDITOR}
DIRECT = frozenset({Role.OPERATOR, Role.ADMIN})
ADMIN = frozenset({Role.ADMIN})
PROMPTS = frozenset({Role.PROMPT_MANAGER, Role.ADMIN})
GRADERS = PROMPTS | {Role.REVIEWER}
OPERATIONS: dict[str, frozenset[Role]] = {
    "get_overview": ALL,
    "list_agents": ALL,
    "get_agent": ALL,
    "put_agent": ADMIN,
    "list_agent_revisions": ALL,
    "get_agent_revision": ALL,
    "get_coverage": ALL,
    "make_case_of_session": PROMPTS,
    "make_case_of_approval": PROMPTS,
    "compare_agent_revisions": ALL,
    "restore_agent": ADMIN,
    "start_session": RUN,
    "list_sessions": ALL,
    "get_session": ALL,
    "get_timeline": ALL,
    "get_call": ALL,
    "list_turns": ALL,
    "get_turn": ALL,
    "send_message": RUN,
    "cancel_session": RUN,
    "lift_refusals": ALL - {Role.VIEWER, Role.AUDITOR, Role.PROMPT_MANAGER},
    "release_result": ALL - {Role.VIEWER, Role.AUDITOR, Role.PROMPT_MANAGER},
    "change_prompt": RUN,
    "pause_session": DIRECT,
    "resume_session": DIRECT,
    "list_schedules": ALL,
    "create_schedule": ADMIN,
    "change_schedule": ADMIN,
    "end_schedule": ADMIN,
    "pause_schedule": DIRECT,
    "resume_schedule": DIRECT,
    "list_inlets": ALL,
    "create_inlet": ADMIN,
    "change_inlet": ADMIN,
    "pause_inlet": DIRECT,
    "resume_inlet": DIRECT,
    "rotate_inlet": ADMIN,
    "end_inlet": ADMIN,
    "list_webhooks": ALL,
    "send_webhook": DIRECT,
    "list_dead_letters": ALL,
    "replay_dead_letters": DIRECT,
    "close_dead_letters": DIRECT,
    "list_approvals": ALL,
    "get_approval": ALL,
    "reveal_approval": ALL - {Role.VIEWER, Role.PROMPT_MANAGER},
    "count_approvals": ALL,
    "list_views": ALL,
    "save_view": ALL,
    "remove_view": ALL,
    "decide_approval": RUN,
    "decide_approvals": RUN,
    "undo_approval": RUN,
    "claim_approval": RUN,
    "release_approval": RUN,
    "assign_approval": RUN,
    "extend_approval": RUN,
    "list_covers": ALL,
    "agree_cover": RUN,
    "end_cover": RUN,
    "list_standing": ALL,
    "revoke_standing": RUN,
    "list_glass_uses": ALL,
    "review_glass_use": frozenset({Role.AUDITOR, Role.ADMIN}),
    "list_breakers": ALL,
    "hold_breaker": DIRECT,
    "list_budgets": ALL,
    "get_spend": ALL,
    "get_budget": ALL,
    "create_budget": ADMIN,
    "change_budget": DIRECT,
    "end_budget": ADMIN,
    "list_stops": ALL,
    "press_stop": DIRECT,
    "lift_stop": DIRECT,
    "list_limits": ALL,
    "set_limit": DIRECT,
    "list_tools": ALL,
    "list_tool_definitions": ALL,
    "compare_tool_definitions": ALL,
    "list_tool_suites": ALL,
    "run_tool_suites": PROMPTS,
    "set_tool": DIRECT,
    "list_memories": ALL,
    "delete_memory": DIRECT,
    "list_policies": ALL,
    "create_policy": ADMIN,
    "get_policy": ALL,
    "compare_policies": ALL,
    "restore_policy": ADMIN,
    "get_measures": ALL - {Role.VIEWER},
    "set_controls": DIRECT,
    "preview_prompt": PROMPTS,
    "list_prompts": ALL,
    "get_prompt": ALL,
    "list_prompt_versions": ALL,
    "get_prompt_version": ALL,
    "create_prompt_version": PROMPTS,
    "compare_prompt_versions": PROMPTS | {Role.AUDITOR, Role.OPERATOR},
    "propose_prompt_version": PROMPTS,
    "retire_prompt_version": PROMPTS,
    "list_releases": ALL,
    "measure_prompt": ALL,
    "get_guards": ALL,
    "set_guards": PROMPTS,
    "release_prompt": PROMPTS,
    "withdraw_release": PROMPTS,
    "roll_back_prompt": PROMPTS | {Role.OPERATOR},
    "get_plan": ALL,
    "begin_plan": PROMPTS,
    "pause_plan": PROMPTS | {Role.OPERATOR},
    "resume_plan": PROMPTS,
    "cancel_plan": PROMPTS | {Role.OPERATOR},
    "list_suites": ALL,
    "create_suite": PROMPTS,
    "get_suite": ALL,
    "change_suite": PROMPTS,
    "end_suite": PROMPTS,
    "list_cases": ALL,
    "get_case": ALL,
    "put_case": PROMPTS,
    "remove_case": PROMPTS,
    "record_case": PROMPTS,
    "list_eval_runs": ALL,
    "start_eval_run": PROMPTS,
    "get_eval_run": ALL,
    "list_eval_results": ALL,
    "cancel_eval_run": PROMPTS,
    "start_rerun": PROMPTS,
    "list_reruns": ALL,
    "get_rerun": ALL,
    "cancel_rerun": PROMPTS,
    "list_rubrics": ALL,
    "get_rubric": ALL,
    "put_rubric": PROMPTS,
    "list_grading_rules": ALL,
    "set_grading_rule": PROMPTS | {Role.OPERATOR},
    "list_agreement": ALL,
    "list_grading_items": ALL,
    "get_grading_item": ALL,
    "take_next_item": GRADERS,
    "claim_grading_item": GRADERS,
    "release_grading_item": GRADERS,
    "skip_grading_item": GRADERS,
    "grade_item": GRADERS,
    "list_entries": ALL - {Role.VIEWER},
    "get_entry": ALL - {Role.VIEWER},
    "list_searches": ALL - {Role.VIEWER},
    "save_search": ALL - {Role.VIEWER},
    "remove_search": ALL - {Role.VIEWER},
    "verify_log": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "list_verifications": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "get_verification": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "acknowledge_finding": frozenset({Role.AUDITOR, Role.ADMIN}),
    "get_agreement": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "check_agreement": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "list_drills": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "hold_drill": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "get_story": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "get_checkpoint": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "prove_entry": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "prove_consistency": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "add_cosignature": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "list_retention": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "set_retention": ADMIN,
    "list_holds": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "place_hold": ADMIN,
    "lift_hold": ADMIN,
    "preview_deletion": ADMIN,
    "delete_content": ADMIN,
    "list_deletions": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "list_pushes": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "create_push": ADMIN,
    "pause_push": ADMIN,
    "resume_push": ADMIN,
    "rewind_push": ADMIN,
    "rotate_push": ADMIN,
    "end_push": ADMIN,
    "list_alarm_targets": frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMIN}),
    "ask_export": frozenset({Role.AUDITOR, Role.ADMIN}),
    "list_exports": frozenset({Role.AUDITOR, Role.ADMIN}),
    "get_export": frozenset({Role.AUDITOR, Role.ADMIN}),
    "cancel_export": frozenset({Role.AUDITOR, Role.ADMIN}),
    "download_export": frozenset({Role.AUDITOR, Role.ADMIN}),
    "list_tokens": ALL,
    "create_token": ALL,
    "revoke_token": ALL,
    "follow_events": ALL,
}
"""Who may call an operation at all, written by hand from API.md; what of it they may, the tests of each noun show."""
SIGNED = {"receive_message"}
"""Operations that take no token and no cookie, but messages with a signature: tests/console/views/test_inlets.py."""
PLACES = {
    "suite": "nothing",
    "definition": "0000000000000000",
    "case": "nothing",
    "run": "E-1",
    "export": "EX-1",
    "rerun": "R-1",
    "item": "G-1",
    "rubric": "nothing",
    "kind": "agent",
    "ref": "AP-1",
    "slug": "nothing",
    "version": "1.0.0",
    "name": "nothing",
    "token_id": "0" * 16,
    "index": "1",
    "number": "1",
    "key": "1",
    "place": "1.1",
    "cover_id": "0" * 32,
    "use_id": "0" * 32,
    "memory_id": "0" * 32,
    "hold_id": "0" * 32,
    "cls": "result",
    "budget_id": "0" * 32,
}


def operations() -> Iterator[tuple[str, str, str]]:
    """Name, method and path of every operation, with ids of things that are not there."""
    for bound in api._get_bound_routers():
        for path, view in bound.path_operations.items():
            for operation in view.operations:
                place = path.format(**{**PLACES, "ref": "S-1" if "sessions" in path else "AP-1"})
                yield str(operation.operation_id), operation.methods[0], place


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every address of the installation."""
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from patterns(one, prefix + str(one.pattern))
        else:
            yield prefix + str(one.pattern), one


def with_role(role: Role | None) -> User:
    """An account with one role, or with none."""
    user = User.objects.create_user(f"{role or 'nobody'}@demo.example")
    user.groups.set([Group.objects.get_or_create(name=role)[0]] if role else [])
    return user


def test_every_address_declares_its_right() -> None:
    """Deny by default: a view without a declared right fails here, before anybody can call it."""
    bare = [
        address
        for address, pattern in patterns(get_resolver())
        if not isinstance(getattr(pattern.callback, "right", None), Right)
    ]
    assert bare == []


def test_only_these_addresses_need_no_credential() -> None:
    """A page that becomes public by mistake is seen here."""
    public = {
        address for address, pattern in patterns(get_resolver()) if getattr(pattern.callback, "right", None) is Right.PUBLIC
    }
    assert public <= {
        "healthz",
        "readyz",
        "sign-in/",
        "csp-report/",
        "api/v1/openapi.json",
        "api/v1/docs",
        "api/v1/^(?P<rest>.*)$",
    }


def test_every_operation_is_in_the_table() -> None:
    """A new operation is placed on purpose."""
    assert {name for name, _, _ in operations()} == OPERATIONS.keys() | SIGNED


@pytest.mark.django_db
@pytest.mark.parametrize("role", [*Role, None])
def test_a_role_may_call_exactly_its_operations(role: Role | None) -> None:
    """API.md, Rights: every role, and an account without any, at every operation; refused before the body is read."""
    program = Program(with_role(role))
    allowed = set()
    for name, method, path in operations():
        answer = program(method, path, b"{" if method in {"POST", "PUT", "PATCH", "DELETE"} else None)
        if name in SIGNED:
            assert answer.status_code == 401, name
            continue
        refused = answer.status_code == 403 and json.loads(answer.content)["code"] == "forbidden"
        assert answer.status_code < 500, name
        if not refused:
            allowed.add(name)
    assert allowed == {name for name, roles in OPERATIONS.items() if role in roles}


@pytest.mark.django_db
def test_nobody_calls_anything() -> None:
    """401 at every operation, with any method."""
    client = Client()
    for name, method, path in operations():
        answer = client.generic(method, ROOT + path, b"{", content_type="application/json")
        assert (answer.status_code, json.loads(answer.content)["code"]) == (401, "unauthenticated"), name


@pytest.mark.django_db
def test_a_token_without_scopes_for_it_calls_nothing(ada: User) -> None:
    """Every operation but the feed, which is filtered event by event, needs a scope, and its own."""
    program = Program(ada, ["evals:read"])
    its = {"list_suites", "get_suite", "list_cases", "get_case", "list_eval_runs", "get_eval_run", "list_eval_results",
           "get_coverage", "list_reruns", "get_rerun", "list_rubrics", "get_rubric", "list_grading_rules", "list_agreement",
           "list_grading_items", "get_grading_item"}  # fmt: skip
    for name, method, path in operations():
        if name in its:
            assert program(method, path).status_code in (200, 404), name
        elif name != "follow_events":
            assert program(method, path).status_code == (401 if name in SIGNED else 403), name


@pytest.mark.django_db
def test_a_service_token_of_an_admin_still_never_decides(ada: User) -> None:
    """THREATS 23, 25."""
    answer = Program(ada, service="robot").post("/approvals/AP-1/decisions", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
