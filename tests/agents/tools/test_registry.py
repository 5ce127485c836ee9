"""Registering tools: what stops a start, what a declaration becomes (TOOL-1, TOOL-6)."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel, ConfigDict

from agents.tools import ToolContext, registry
from agents.tools.errors import ToolDefinitionError
from tests.agents.tools.conftest import Declare

REFUND = """
from pydantic import BaseModel, ConfigDict
from agents.tools import ToolContext, tool

class Refund(BaseModel):
    model_config = ConfigDict(extra="forbid")
    payment_id: str
    amount_cents: int

def still_open(args: Refund, context: ToolContext) -> str:   # precondition: raises, or returns what must still hold at execution
    ...

@tool(tier="irreversible_write", scopes=["payments:refund"], egress=True, idempotent=False, timeout_s=20, concurrency=5,
      blast_radius=lambda args: "wide" if args.amount_cents > 50_000 else "narrow", check=still_open,
      summary="Refund {amount_cents} cents of payment {payment_id}")
def refund(args: Refund, context: ToolContext) -> dict:   # may be async; context: session id, principal, idempotency_key, files, dry_run
    ...
"""


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Loose(BaseModel):
    what: str = ""


class Holder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: Loose


def touch(args: Nothing, context: ToolContext) -> dict[str, Any]:
    """Touch something."""
    return {}


BUILT_IN = {
    "search_documents": ("read_only", False),
    "read_document": ("read_only", False),
    "summarise_document": ("read_only", False),
    "calculate": ("read_only", False),
    "read_file": ("read_only", False),
    "recall": ("read_only", False),
    "fetch_url": ("read_only", True),
    "web_search": ("read_only", True),
    "write_file": ("reversible_write", False),
    "draft_message": ("reversible_write", False),
    "remember": ("reversible_write", False),
    "send_email": ("irreversible_write", True),
    "publish_note": ("irreversible_write", False),
    "delete_document": ("destructive", False),
    "ask_person": ("read_only", False),
}


def test_the_built_in_tools_have_the_tiers_of_the_contract() -> None:
    """TOOL-7 and the demo's list."""
    found = {name: (tool.tier, tool.egress) for name, tool in registry.all_tools().items() if name in BUILT_IN}
    assert found == BUILT_IN


def test_every_built_in_tool_can_be_offered_to_a_model() -> None:
    for name in BUILT_IN:
        tool = registry.get(name)
        assert tool is not None
        function = tool.offer["function"]
        assert function["name"] == name
        assert len(function["description"]) > 20
        assert function["parameters"]["type"] == "object"
        assert function["parameters"]["additionalProperties"] is False
        assert len(tool.definition) == 64


def test_a_call_that_may_have_happened_is_repeated_only_where_that_is_harmless() -> None:
    """TOOL-3."""
    repeatable = {name for name in BUILT_IN if (tool := registry.get(name)) and tool.repeatable}
    assert repeatable == set(BUILT_IN) - {"send_email"}


def test_an_unknown_tool_is_none() -> None:
    assert registry.get("format_disk") is None


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"tier": None}, "no known tier"),
        ({"tier": "harmless"}, "no known tier"),
        ({"tier": "irreversible_write"}, "idempotent"),
        ({"tier": "destructive"}, "idempotent"),
        ({"summary": ""}, "no summary"),
        ({"summary": "Do {what}"}, "names {what}"),
        ({"summary": "Do {model_config}"}, "names {model_config}"),
        ({"summary": "Do {inner.__class__}"}, "names {inner.__class__}"),
        ({"scopes": ["everything"]}, "noun:verb"),
        ({"scopes": "documents:read"}, "must be a list"),
    ],
)
def test_a_careless_declaration_stops_the_start(declare: Declare, facts: dict[str, Any], told: str) -> None:
    with pytest.raises(ToolDefinitionError) as refused:
        declare(touch, **facts)
    assert told in refused.value.detail
    assert "touch" in refused.value.detail
    assert isinstance(refused.value, ImproperlyConfigured)


def test_a_model_that_lets_unknown_keys_through_stops_the_start(declare: Declare) -> None:
    def loose(args: Loose, context: ToolContext) -> dict[str, Any]:
        """Do."""
        return {}

    def nested(args: Holder, context: ToolContext) -> dict[str, Any]:
        """Do."""
        return {}

    for function in (loose, nested):
        with pytest.raises(ToolDefinitionError, match="Loose allows unknown keys"):
            declare(function)


def test_a_function_must_take_its_arguments_and_the_context(declare: Declare) -> None:
    def lonely(args: Nothing) -> dict[str, Any]:
        """Do."""
        return {}

    def untyped(args, context: ToolContext) -> dict[str, Any]:  # type: ignore[no-untyped-def]  # it is what is refused
        """Do."""
        return {}

    for function, told in ((lonely, "two parameters"), (untyped, "pydantic model")):
        with pytest.raises(ToolDefinitionError, match=told):
            declare(function)


def test_the_docstring_tells_the_model_what_a_tool_does(declare: Declare) -> None:
    assert declare(touch, summary="Touch it").description == inspect.getdoc(touch)


def test_without_a_docstring_the_summary_tells_the_model(
    declare: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of the API's description is registered as it stands there (TOOL-1)."""
    (tmp_path / "refund_example.py").write_text(REFUND, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    registry._import("refund_example")
    refund = registry.get("refund")
    assert refund is not None
    assert refund.offer["function"]["description"] == "Refund amount_cents cents of payment payment_id"
    assert (refund.tier, refund.repeatable, refund.concurrency) == ("irreversible_write", False, 5)


def test_idempotent_false_on_purpose_is_accepted(declare: Declare) -> None:
    assert declare(touch, tier="irreversible_write", idempotent=False).repeatable is False


def test_nobody_takes_the_name_of_a_built_in_tool(declare: Declare) -> None:
    def send_email(args: Nothing, context: ToolContext) -> dict[str, Any]:
        """Send."""
        return {}

    with pytest.raises(ToolDefinitionError, match=r"agents\.tools\.mail already has a tool"):
        declare(send_email)


def test_every_changed_fact_makes_another_definition(declare: Declare) -> None:
    """APPR-4, THREATS 3: an approval of the old definition does not fit the new one."""
    first = declare(touch).definition
    assert declare(touch).definition == first
    changes: list[dict[str, Any]] = [
        {"tier": "reversible_write"},
        {"scopes": ["a:b"]},
        {"egress": True},
        {"timeout_s": 7},
        {"summary": "Another"},
        {"consequence": "Gone."},
        {"idempotent": True},
        {"check": lambda args, context: "x"},
        {"blast_radius": lambda args: "wide"},
        {"blast_radius": "wide"},
    ]
    assert len({first, *(declare(touch, **change).definition for change in changes)}) == len(changes) + 1


OWN_TOOL = '''
from pydantic import BaseModel, ConfigDict
from agents.tools import ToolContext, tool

class Refund(BaseModel):
    model_config = ConfigDict(extra="forbid")
    payment_id: str
    amount_cents: int

@tool({arguments}summary="Refund {{amount_cents}} cents of payment {{payment_id}}")
def refund(args: Refund, context: ToolContext) -> dict:
    """Refund a payment."""
    return {{}}
'''


def _start(tmp_path: Path, arguments: str, modules: str = "shop_tools") -> subprocess.CompletedProcess[str]:
    """Load the registry in a process of its own, as web and worker do."""
    (tmp_path / "shop_tools.py").write_text(OWN_TOOL.format(arguments=arguments))
    program = (
        "import os, sys; sys.path[:0] = sys.argv[1:];"
        "os.environ['COUNTERSIGN_TOOLS'] = os.environ['TOOLS_UNDER_TEST'];"
        "import django; django.setup(); from agents.tools import registry;"
        "print(registry.all_tools()['refund'].blast_radius)"
    )
    root = Path(__file__).resolve().parents[3]
    environment = {"TOOLS_UNDER_TEST": modules, "DJANGO_SETTINGS_MODULE": "console.settings", "SECRET_KEY": "x" * 60}
    environment |= {"COUNTERSIGN_DATA": str(tmp_path), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-c", program, str(root), str(tmp_path)],
        capture_output=True, text=True, env=environment, timeout=300, check=False,
    )  # fmt: skip


def test_a_tool_of_ones_own_is_loaded_from_its_module(tmp_path: Path) -> None:
    done = _start(tmp_path, 'tier="irreversible_write", idempotent=False, blast_radius="wide", ')
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "wide"


@pytest.mark.parametrize(
    ("arguments", "modules", "told"),
    [
        ("", "shop_tools", "The tool refund cannot be registered: it has no known tier"),
        ('tier="irreversible_write", ', "shop_tools", "does not say whether it is idempotent"),
        ('tier="read_only", ', "shop_tools, not_there", "module not_there"),
        ('tier="read_only", ', "json", "registers no tool"),
    ],
)
def test_a_careless_module_stops_the_start_with_a_clear_message(
    tmp_path: Path, arguments: str, modules: str, told: str
) -> None:
    done = _start(tmp_path, arguments, modules)
    assert done.returncode != 0
    assert told in done.stderr
