"""How rules read arguments: paths, comparisons, and who is known."""

from typing import Any

import pytest
from pydantic import ValidationError

from approvals.conditions import holds, outside, values_at
from approvals.document import DEFAULT_POLICY, Condition, Policy
from approvals.facts import Origin

KNOWN = DEFAULT_POLICY.model_copy(
    update={"recipients": ("kim@partner.example", "@example.com"), "hosts": ("docs.example.com",)}
)
ARGUMENTS: dict[str, Any] = {
    "to": "kim@example.com",
    "amount": 10,
    "items": [{"price": 1}, {"price": 5}],
    "paid": True,
    "cc": None,
}


def met(path: str, op: str, value: Any = None, *, named: bool = True, policy: Policy = KNOWN) -> bool:
    """Return whether a condition holds for the arguments above."""
    return holds(Condition.model_validate({"path": path, "op": op, "value": value}), ARGUMENTS, policy, named=named)


@pytest.mark.parametrize(
    ("path", "op", "value", "expected"),
    [
        ("amount", "gt", 9, True),
        ("amount", "gt", 10, False),
        ("amount", "ge", 10, True),
        ("amount", "lt", 10, False),
        ("amount", "le", 10, True),
        ("amount", "eq", 10, True),
        ("amount", "ne", 10, False),
        ("amount", "in", [1, 10], True),
        ("amount", "not_in", [1, 10], False),
        ("paid", "eq", 1, False),  # true is not one
        ("to", "contains", "KIM", True),
        ("to", "contains", "lee", False),
        ("items.*.price", "gt", 4, True),
        ("items.*.price", "gt", 5, False),
        ("items.*.price", "ne", 1, True),
        ("to", "gt", 1, True),  # no number: it cannot be read, so it holds
    ],
)
def test_condition_holds_for_any_value_on_its_path(path: str, op: str, value: Any, expected: bool) -> None:
    """APPR-1: rules over arguments."""
    assert met(path, op, value) is expected


def test_missing_argument_holds_for_a_rule_that_names_its_tool() -> None:
    """A rule that cannot read what it asks for must not be the way around it."""
    assert met("amuont", "gt", 1)
    assert met("items.*.weight", "gt", 1)
    assert met("to.name", "eq", "x")
    assert not met("amuont", "gt", 1, named=False)


def test_path_into_nothing_finds_nothing() -> None:
    """A list that is empty is there; a member that is not is not."""
    assert values_at({"items": []}, ["items", "*"]) == []
    assert values_at({"a": {"b": 1, "c": 2}}, ["a", "*"]) == [1, 2]
    assert values_at({"items": 5}, ["items", "*"]) is None


@pytest.mark.parametrize(
    "address",
    [
        "eve@elsewhere.example",
        "kim@example.com.elsewhere.example",
        "kim@example.com, eve@elsewhere.example",
        "kim@example.com;eve@elsewhere.example",
        "eve@elsewhere.example\nkim@example.com",
        "k\u0456m@partner.example",
        "Kim <kim@example.com>",
        "",
        5,
        ["kim@example.com", "eve@elsewhere.example"],
        {"to": "kim@example.com"},
    ],
)
def test_unknown_recipient_is_outside(address: Any) -> None:
    """TOOL-4; THREATS 35: whatever is not plainly a known address."""
    assert outside(address, KNOWN, "recipients")


@pytest.mark.parametrize(
    "address", ["kim@example.com", "KIM@Example.com", "kim@partner.example", ["lee@example.com"], [], None]
)
def test_known_recipient_is_inside(address: Any) -> None:
    """An address of the list, or of a domain of the list; nobody is nobody outside."""
    assert not outside(address, KNOWN, "recipients")


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("https://docs.example.com/a,b?c=d", False),
        ("https://api.docs.example.com:8443/", False),
        ("docs.example.com.", False),
        ("https://evildocs.example.com/", True),
        ("https://docs.example.com@elsewhere.example/", True),
        ("https://elsewhere.example\\@docs.example.com/", True),
        ("https://elsewhere.example/docs.example.com", True),
        ("https://[::1/", True),
        ("", True),
    ],
)
def test_hosts_are_read_as_a_client_would(place: str, expected: bool) -> None:
    """TOOL-4; THREATS 54: user parts, back slashes and look-alike ends do not pass for a known host."""
    assert outside(place, KNOWN, "hosts") is expected


def test_empty_list_knows_nobody() -> None:
    """Empty means no."""
    assert met("to", "outside", "recipients", policy=DEFAULT_POLICY)


@pytest.mark.parametrize(
    "part",
    [
        {"path": "a", "op": "in", "value": 5},
        {"path": "a", "op": "gt", "value": "5"},
        {"path": "a", "op": "gt", "value": True},
        {"path": "a", "op": "outside", "value": "everything"},
        {"path": "a", "op": "like", "value": "x"},
        {"path": "a", "op": "eq", "value": 1, "else": 2},
    ],
)
def test_condition_that_could_never_be_read_is_refused(part: dict[str, Any]) -> None:
    """A document is refused when it is stored, not when it judges."""
    with pytest.raises(ValidationError):
        Condition.model_validate(part)


def _without(part: str, name: str) -> dict[str, Any]:
    document = DEFAULT_POLICY.model_dump(mode="json")
    del document[part][name]
    return document


def test_document_that_leaves_something_out_is_refused() -> None:
    """What is not written down would have to be guessed."""
    for part, name in (("tiers", "destructive"), ("environments", "staging")):
        with pytest.raises(ValidationError, match=name):
            Policy.model_validate(_without(part, name))


def test_destructive_calls_cannot_be_confirmed_by_who_asked() -> None:
    """TOOL-6: a destructive call needs a reviewer who is not excluded."""
    document = DEFAULT_POLICY.model_dump(mode="json")
    document["tiers"]["destructive"]["self_confirm"] = True
    with pytest.raises(ValidationError, match="self_confirm"):
        Policy.model_validate(document)


def test_destructive_calls_are_asked_about_one_by_one() -> None:
    """APPR-3: one approval never stands for further destructive calls, whatever an admin stores."""
    document = DEFAULT_POLICY.model_dump(mode="json")
    document["tiers"]["destructive"]["repeat"] = {"count": 1, "minutes": 1}
    with pytest.raises(ValidationError, match="repeat"):
        Policy.model_validate(document)


def test_a_document_from_before_lets_no_approval_cover_further_calls() -> None:
    """APPR-3: what was stored without saying so does not widen by itself."""
    document = DEFAULT_POLICY.model_dump(mode="json")
    for row in document["tiers"].values():
        del row["repeat"]
    assert not any(row.repeat for row in Policy.model_validate(document).tiers.values())


def test_two_rules_of_one_name_are_refused() -> None:
    """A reason that names a rule has to name one."""
    rule = {"name": "a", "then": "ask"}
    with pytest.raises(ValidationError, match="same name"):
        Policy.model_validate({**DEFAULT_POLICY.model_dump(mode="json"), "rules": [rule, rule]})


ORIGINS = (
    Origin(path="to", kind="result", label="Letter", untrusted=True),
    Origin(path="amount", kind="model", own=100),
    Origin(path="items.0.price", kind="user"),
    Origin(path="items.1.price", kind="model", own=100),
    Origin(path="paid", kind="operator"),
)


@pytest.mark.parametrize(
    ("path", "clean", "tainted"),
    [
        ("to", True, True),
        ("amount", False, True),
        ("items", False, True),
        ("items.*.price", False, True),
        ("paid", False, False),
        ("nothing", True, True),  # a rule that names its tool and cannot read what it asks for holds
    ],
)
def test_a_rule_asks_where_a_value_comes_from(path: str, clean: bool, tainted: bool) -> None:
    """APPR-1: at a path and below it; what the model wrote itself counts once the session is tainted."""
    condition = Condition.model_validate({"path": path, "op": "untrusted"})
    for expected, mark in ((clean, False), (tainted, True)):
        assert holds(condition, ARGUMENTS, KNOWN, named=True, origins=ORIGINS, tainted=mark) is expected


def test_a_rule_about_origins_holds_where_none_are_known_after_untrusted_content() -> None:
    """What cannot be read is read strictly."""
    condition = Condition.model_validate({"path": "to", "op": "untrusted"})
    assert [holds(condition, ARGUMENTS, KNOWN, named=False, tainted=mark) for mark in (False, True)] == [False, True]
