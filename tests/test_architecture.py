"""The architecture is a test: rules about calls, names and sizes that import contracts cannot express."""

import ast
import re
from collections.abc import Callable

import pytest
from django.apps import apps
from django.db.models import ForeignKey

from tests.architecture import FLOORS, Module, modules, oversized

# What may be called, and the one place that may call it.
ONE_DOOR = {
    "approvals.services.decide": "agents.gate",
    "approvals.services.consume": "agents.gate",
    "agents.tools.execute.execute": "agents.gate",
    "agents.tools.execute": "agents.gate",
}
SETS_STATUS = re.compile(r"\bSET\b(?:(?!\bWHERE\b|\bFROM\b).)*?\bstatus\s*=", re.IGNORECASE | re.DOTALL)
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "handlers", "handler", "misc"}


def _offenders(rule: Callable[[Module], list[str]]) -> list[str]:
    return [line for module in modules() for line in rule(module)]


def test_effects_and_decisions_go_through_the_gate_alone() -> None:
    """GUARD-1, THREATS: nothing but agents.gate runs a tool, takes a decision or consumes an approval."""

    def rule(module: Module) -> list[str]:
        return [
            f"{module.where(call)}: {name} may be called by {ONE_DOOR[name]} only"
            for call, name in module.calls()
            if name in ONE_DOOR and not module.within(ONE_DOOR[name]) and module.name != name.rpartition(".")[0]
        ]

    assert _offenders(rule) == []


def test_only_the_audit_services_write_a_status() -> None:
    """AUDIT-1: a change of state without its entry is impossible, as nothing else writes the column."""

    def rule(module: Module) -> list[str]:
        # The kept answers of the API have the status of HTTP.
        if any(module.within(name) for name in ("audit.services", "audit.statements", "console.api.idempotency")):
            return []
        found: list[str] = []
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SETS_STATUS.search(node.value):
                found.append(f"{module.where(node)}: SQL that sets a status")
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"update", "update_or_create"}
            ):
                found += [f"{module.where(node)}: update(status=…)" for word in node.keywords if word.arg == "status"]
        return found

    assert _offenders(rule) == []


def test_imports_stand_at_the_top() -> None:
    """An import inside a function hides a cycle."""

    def rule(module: Module) -> list[str]:
        return [
            f"{module.where(inner)}: import inside {node.name}"
            for node, _ in module.functions()
            for inner in ast.walk(node)
            if isinstance(inner, ast.Import | ast.ImportFrom)
        ]

    assert _offenders(rule) == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    """Find the noun."""
    assert [module.name for module in modules() if module.name.rpartition(".")[2] in VAGUE] == []


def test_modules_and_functions_stay_below_their_ceilings() -> None:
    """CONTRIBUTING.md: 300 lines a module, 40 a function; the message lists who is above."""
    assert oversized() == []


def test_foreign_keys_point_down_the_staircase() -> None:
    """DESIGN: a floor's tables refer to floors below only."""
    wrong = [
        f"{model.__name__}.{field.name}"
        for floor in FLOORS
        for model in apps.get_app_config(floor).get_models()
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey)
        and field.remote_field.model._meta.app_label in FLOORS
        and FLOORS.index(field.remote_field.model._meta.app_label) > FLOORS.index(floor)
    ]
    assert wrong == []


@pytest.mark.parametrize("floor", FLOORS[:3])
def test_lower_floors_do_not_refer_to_accounts(floor: str) -> None:
    """People are named by id below the console: an account's end must not touch history."""
    wrong = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config(floor).get_models()
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey) and field.remote_field.model._meta.app_label == "auth"
    ]
    assert wrong == []


def test_no_web_below_the_console() -> None:
    """HTTP lives in the console alone, because a decision must wake an agent without approvals knowing agents."""
    web = ("django.http", "django.shortcuts", "django.urls", "django.views")

    def rule(module: Module) -> list[str]:
        if module.within("console"):
            return []
        return [f"{module.name} imports {name}" for name in module.imported_names().values() if name.startswith(web)]

    assert _offenders(rule) == []


def test_nothing_evaluates_text_as_code() -> None:
    """TOOL-9: no model output is ever run as code."""

    def rule(module: Module) -> list[str]:
        return [
            f"{module.where(call)}: {name}"
            for call, name in module.calls()
            if name in {"eval", "exec", "compile", "__import__"}
        ]

    assert _offenders(rule) == []
