"""A case's form: what it shows is what it sends, and every complaint finds its input and says what mends it."""

from typing import Any

import pytest

from agents.evals.document import CaseDocument
from agents.evals.suites import checked_case
from console.case_conditions import conditions_of, lines_of
from console.case_form import KINDS, added, document_of, dropped, faithful, located, sent_of
from console.views import case_fields

EVERY: list[dict[str, Any]] = [
    {"kind": "called", "tool": "send_email", "at_least": 2, "at_most": 3, "judged": "would ask", "arguments": {
        "to.0": {"equals": "kim@halden.example"}, "amount": {"at_least": 1.0, "at_most": 2.5}, "cc": {"absent": True},
        "body": {"contains": "12"}, "note": {"equals": None}, "kind": {"one_of": [1, "a", None]}, "subject": {"like": '"q* '}}},
    {"kind": "not_called", "tool": "delete_document", "exactly": {}},
    {"kind": "order", "tools": ["search_documents", "read_document"]},
    {"kind": "says", "text": " done ", "like": True},
    {"kind": "never_says", "text": "secret", "case": True},
    {"kind": "schema", "schema": {"type": "object", "required": ["id"]}},
    {"kind": "language", "languages": ["hr", "bs"]},
    {"kind": "within", "turns": 3, "calls": 0, "tokens": 9, "cost_microusd": 1_234_567, "seconds": 1.5},
    {"kind": "rubric", "rubric": "It is kind, and it is brief.", "at_least": 3},
]  # fmt: skip
WHOLE: dict[str, Any] = {
    "start": [{"text": "Hello\nthere", "trust": "untrusted"},
              {"source": "agent", "text": "I look.", "calls": [{"tool": "search_documents", "result": "Nothing."}]}],
    "recorded": [{"tool": "read_document", "arguments": {"id": 7}, "result": "A letter.", "status": "failed", "trust": "untrusted",
                  "sources": [{"source": "document", "title": "A letter"}]}, {"tool": "send_email", "arguments": {}}],
    "expect": EVERY, "sandbox": ["search_documents"], "task_type": "mail", "tenant": "acme", "on_behalf_of": "kim", "turns": 5,
    "seconds": 12.5,
}  # fmt: skip


def test_every_part_of_a_case_goes_through_the_form_unchanged() -> None:
    """Each kind of expectation, each condition, messages with calls, results with sources, and the rest."""
    assert {one["kind"] for one in EVERY} == set(KINDS) == set(case_fields.KIND_WORDS)
    stored = CaseDocument.model_validate(WHOLE).stored()
    assert CaseDocument.model_validate(document_of(sent_of(stored))).stored() == stored
    assert faithful(stored)
    shown = {field.name for part in case_fields.sections(sent_of(stored), {}) for row in part.rows for field in row.fields}
    inputs = {name for name in sent_of(stored) if name.count(".") == 2 and not name.endswith(".kind")}
    assert inputs <= shown, "no value without an input"


def test_what_the_form_would_not_show_is_offered_as_json_alone() -> None:
    """A box that is not ticked cannot say that it was said to be so; too many rows are for nobody to edit by hand."""
    said = {"start": [{"text": "Hi"}], "expect": [{"kind": "says", "text": "x", "case": False}]}
    assert not faithful(CaseDocument.model_validate(said).stored())
    long = {
        "start": [{"text": "Hi"}],
        "recorded": [{"tool": f"t{n}"} for n in range(300)],
        "expect": [{"kind": "within", "turns": 1}],
    }
    assert not faithful(CaseDocument.model_validate(long).stored())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("to.0 equals kim@halden.example", {"to.0": {"equals": "kim@halden.example"}}),
        ("amount  at_most  100", {"amount": {"at_most": 100}}),
        ("body contains 12", {"body": {"contains": "12"}}),
        ('body contains "a b "', {"body": {"contains": "a b "}}),
        ("a equals 1\n\na at_least 0", {"a": {"equals": 1, "at_least": 0}}),
        ("cc absent", {"cc": {"absent": True}}),
    ],
)
def test_a_condition_is_a_line(line: str, said: dict[str, Any]) -> None:
    """JSON where it reads as JSON, else the text; written again it says the same."""
    assert conditions_of(line) == said
    assert conditions_of(lines_of(said)) == said


def test_each_error_stands_at_its_input_and_says_what_mends_it() -> None:
    """Places of rows are those of the form, whatever was taken out between them."""
    sent = {
        "start.0.source": "user", "start.0.text": "Hi", "expect.3.kind": "called", "expect.3.arguments": "to.0 is x\nfoo",
        "expect.5.kind": "order", "expect.5.tools": "a", "expect.6.kind": "within", "expect.6.cost": "abc",
        "expect.8.kind": "called", "expect.8.tool": "No tool!", "expect.8.exactly": "{x", "turns": "0",
    }  # fmt: skip
    found = located(checked_case("good", "A title", document_of(sent))[1], sent)
    assert "to.0 is: unknown" in found["expect.3.arguments"][0]
    assert "needs one of equals" in found["expect.3.arguments"][1]
    assert "at least two tools" in found["expect.5.tools"][0]
    assert "such as 0.50" in found["expect.6.cost"][0]
    assert "letters, digits" in found["expect.8.tool"][0]
    assert "JSON" in found["expect.8.exactly"][0]
    assert set(found) == {"expect.3.tool", "expect.3.arguments", "expect.5.tools", "expect.6.cost", "expect.8.tool",
                          "expect.8.exactly", "turns"}  # fmt: skip
    bare = {"start.0.source": "user"}
    assert located(checked_case("good", "A title", document_of(bare))[1], bare) == {
        "start": ["Begins with what a user says."],
        "expect": ["Needs at least 1."],
    }


def test_rows_are_added_and_taken_out() -> None:
    """Nothing else is touched; what is no row changes nothing."""
    sent = added({"start.0.text": "Hi"}, "order")
    assert sent["expect.0.kind"] == "order"
    assert added(sent, "recorded")["recorded.0.status"] == "succeeded"
    assert added(sent, "start")["start.1.source"] == "user"
    assert dropped(sent, "expect.0") == {"start.0.text": "Hi"}
    for odd in ("expect", "expect.x", "other.0", "expect.10000"):
        assert dropped(sent, odd) == sent
