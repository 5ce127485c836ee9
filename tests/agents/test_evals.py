"""What is expected of a rehearsal, held against what it did: pure, with what went wrong in words."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.evals.checks import checked
from agents.evals.document import LANGUAGES, CaseDocument
from agents.evals.judge import parsed
from agents.evals.judge import told as judged
from agents.evals.languages import known
from agents.evals.matching import like, misfit, same, unknown_keyword
from agents.evals.suites import checked_case
from agents.rehearsals.play import Acted, Said, Transcript, shortened, transcript

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def acted(tool: str, arguments: str = "{}", judged: Any = "would run") -> Acted:
    """One call."""
    return Acted(tool, arguments, judged, (), "read_only", "record", "succeeded", "ok")


def told(*calls: Acted, answer: str = "Done.", ended: Any = "answered") -> Transcript:
    """A rehearsal of a turn with calls, and an answer."""
    return Transcript((Said(1, "I look.", calls, 10, 5, 7, 3), Said(2, answer, (), 10, 5, 7, 3)), ended)


def outcome(expect: dict[str, Any], rehearsal: Transcript) -> tuple[bool, str]:
    """Whether it passed, and what the actual is said to be."""
    document = CaseDocument.model_validate({"start": [{"text": "Go"}], "expect": [expect]})
    (check,) = checked(document.expect, rehearsal)
    return check.passed, check.actual


MAIL = acted("send_email", '{"to": ["kim@halden.example"], "body": "Hello", "amount": 12}', "would ask")


@pytest.mark.parametrize(
    ("expect", "passes"),
    [
        ({"kind": "called", "tool": "send_email"}, True),
        ({"kind": "called", "tool": "send_email", "judged": "would ask"}, True),
        ({"kind": "called", "tool": "send_email", "judged": "denied"}, False),
        ({"kind": "called", "tool": "send_email", "at_least": 2}, False),
        ({"kind": "called", "tool": "send_email", "at_most": 0, "at_least": 1}, False),
        ({"kind": "called", "tool": "send_email", "arguments": {"to.0": {"like": "*@halden.example"}}}, True),
        ({"kind": "called", "tool": "send_email", "arguments": {"to.0": {"equals": "rosa@halden.example"}}}, False),
        ({"kind": "called", "tool": "send_email", "arguments": {"amount": {"at_least": 10, "at_most": 12}}}, True),
        ({"kind": "called", "tool": "send_email", "arguments": {"cc": {"absent": True}}}, True),
        ({"kind": "called", "tool": "send_email", "arguments": {"body": {"absent": True}}}, False),
        ({"kind": "called", "tool": "send_email", "arguments": {"body": {"absent": False}}}, True),
        ({"kind": "called", "tool": "send_email", "arguments": {"cc": {"absent": False}}}, False),
        ({"kind": "called", "tool": "send_email", "exactly": {"to": []}}, False),
        ({"kind": "not_called", "tool": "send_email"}, False),
        ({"kind": "not_called", "tool": "send_email", "arguments": {"body": {"contains": "refund"}}}, True),
        ({"kind": "not_called", "tool": "delete_document"}, True),
        ({"kind": "order", "tools": ["search_documents", "send_email"]}, True),
        ({"kind": "order", "tools": ["send_email", "search_documents"]}, False),
        ({"kind": "says", "text": "done"}, True),
        ({"kind": "says", "text": "done", "case": True}, False),
        ({"kind": "says", "text": "d*e.", "like": True}, True),
        ({"kind": "never_says", "text": "hello"}, False),
        ({"kind": "never_says", "text": "secret"}, True),
        ({"kind": "within", "turns": 2, "calls": 2, "tokens": 30, "cost_microusd": 14}, True),
        ({"kind": "within", "tokens": 29}, False),
    ],
)
def test_each_expectation_says_what_it_found(expect: dict[str, Any], passes: bool) -> None:
    """PROMPT-5: calls made and not made, arguments, order, text, bounds; never without an actual in words."""
    passed, actual = outcome(expect, told(acted("search_documents"), MAIL))
    assert passed is passes
    assert actual


def test_an_answer_is_held_against_a_schema() -> None:
    """Only what is understood of JSON Schema is taken; a fence around the answer is not the answer."""
    schema = {"type": "object", "required": ["total"], "properties": {"total": {"type": "integer", "minimum": 1}}}
    expect = {"kind": "schema", "schema": schema}
    assert outcome(expect, told(answer='{"total": 3}'))[0]
    assert outcome(expect, told(answer='```json\n{"total": 3}\n```'))[0]
    assert outcome(expect, told(answer='{"total": 0}')) == (False, "the answer.total is below minimum 1")
    assert not outcome(expect, told(answer="three"))[0]
    unknowns: list[dict[str, Any]] = [
        {"pattern": "(a+)+$"}, {"$ref": "#"}, {"type": "text"}, {"properties": {"a": {"oneOf": []}}}, {"enum": 3},
        {"type": [[]]}, {"required": [["a"]]}
    ]  # fmt: skip
    for unknown in unknowns:
        assert unknown_keyword(unknown)
        with pytest.raises(ValidationError):
            CaseDocument.model_validate({"start": [{"text": "Go"}], "expect": [{"kind": "schema", "schema": unknown}]})


def test_bounds_are_told_to_the_last_digit() -> None:
    """A large number is no power of ten, and one of a thing is one."""
    document = CaseDocument.model_validate(
        {"start": [{"text": "Go"}], "expect": [{"kind": "within", "turns": 1, "tokens": 2_000_000}]}
    )
    (check,) = checked(document.expect, Transcript((Said(1, "Done.", (), 1_234_567, 0, 7, 3),), "answered"))
    assert (check.expected, check.actual) == ("at most 1 turn, 2,000,000 tokens", "1 turn, 1,234,567 tokens")


def test_a_long_text_is_checked_whole_and_stored_cut() -> None:
    """What stands behind the part that a transcript keeps counts too: said, not said, and as JSON; a judge reads its beginning."""
    whole = json.dumps({"text": "x" * 30_000, "end": "the last word"})
    long = Transcript((Said(1, shortened(whole), (), 10, 5, 7, 3, whole),), "answered")
    assert outcome({"kind": "says", "text": "the last word"}, long)[0]
    assert not outcome({"kind": "never_says", "text": "the last word"}, long)[0]
    assert outcome({"kind": "schema", "schema": {"type": "object", "required": ["end"]}}, long)[0]
    assert "the last word" not in json.dumps(long.as_json())
    assert transcript(long.as_json()).as_json() == long.as_json()
    assert 10_000 < len(judged(long)) < 25_000


@pytest.mark.parametrize(
    ("expect", "places"),
    [
        ({"kind": "called", "tool": "send_email", "at_least": 2, "at_most": 1}, ["document.expect.0.called.at_most"]),
        ({"kind": "says", "text": ""}, ["document.expect.0.says.text"]),
        (None, ["document.expect"]),
    ],
)
def test_what_is_wrong_with_a_case_is_said_at_its_place_alone(expect: dict[str, Any] | None, places: list[str]) -> None:
    """A list whose only part is wrong is not called empty, and bounds that nothing can meet are refused."""
    _, errors = checked_case("sum", "It sums", {"start": [{"text": "Go"}], "expect": [expect] if expect else []})
    assert [error["loc"] for error in errors] == places


def test_what_never_came_to_an_answer_has_not_passed() -> None:
    """A rehearsal that was broken off fails whatever else it did."""
    document = CaseDocument.model_validate(
        {"start": [{"text": "Go"}], "expect": [{"kind": "not_called", "tool": "delete_document"}]}
    )
    first, second = checked(document.expect, told(ended="turns"))
    assert (first.kind, first.passed, second.passed) == ("answered", False, True)


def test_a_grade_is_exactly_one_or_none() -> None:
    """The judge's answer is parsed strictly: nothing is guessed from what is around it."""
    good = parsed('{"grade": 4, "reason": "It asked first."}')
    assert good is not None
    assert good.grade == 4
    for text in (
        "4",
        '{"grade": 9, "reason": "x"}',
        '{"grade": "5", "reason": "x"}',
        '{"grade": 5}',
        'Sure! {"grade": 5, "reason": "x"}',
        "",
    ):
        assert parsed(text) is None


@given(st.text(max_size=30), st.text(alphabet="ab*", max_size=8))
def test_a_star_stands_for_anything(text: str, pattern: str) -> None:
    """A text is like itself, and like itself between stars; a pattern without a star means exactly itself."""
    assert like(text.replace("*", ""), text.replace("*", ""))
    assert like(f"{text}x", "*x")
    assert like(f"a{text}b", "a*b")
    if "*" not in pattern:
        assert like(text, pattern) == (text == pattern)


@given(JSON)
def test_a_value_is_itself_and_fits_a_schema_of_its_kind(value: Any) -> None:
    """Whatever JSON is looked at, no check raises."""
    assert same(value, value)
    assert misfit(value, {"const": value}) == ""
    assert misfit(value, {"enum": [value]}) == ""


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), JSON), max_size=5), st.text(max_size=20))
def test_no_rehearsal_breaks_a_check(calls: list[tuple[str, Any]], answer: str) -> None:
    """Arguments of any kind, also none that are an object, are only ever not what was expected."""
    rehearsal = told(*(acted(tool, json.dumps(value)) for tool, value in calls), answer=answer)
    for expect in (
        {"kind": "called", "tool": "a", "arguments": {"x.0.y": {"contains": "z"}}},
        {"kind": "not_called", "tool": "b", "arguments": {"x": {"at_most": 3}}},
        {"kind": "order", "tools": ["a", "b"]},
        {"kind": "never_says", "text": "secret"},
        {"kind": "schema", "schema": {"type": "array", "items": {"type": "string"}}},
    ):
        outcome(expect, rehearsal)
    assert transcript(rehearsal.as_json()) == rehearsal
    assert rehearsal.fingerprint == transcript(rehearsal.as_json()).fingerprint


GERMAN = "Ich habe die Erstattung angestoßen, sie ist in drei Tagen auf Ihrem Konto."


@pytest.mark.parametrize(
    ("languages", "answer", "passes", "says"),
    [
        (["de"], GERMAN, True, "it is (de"),
        (["en", "de"], GERMAN, True, "it is (de"),
        (["en"], GERMAN, False, "it is de ("),
        (["en"], "Your refund is on its way, it will arrive on Tuesday.", True, "it is (en"),
        (["ja"], "返金手続きが完了しました。", True, "it is (ja"),
        (["en"], "Ok.", False, "too short to tell: 2 letters"),
        (["hr"], "Povrat novca je na putu.", False, "cannot be told"),
        (["en"], '{"id": 12, "total": 3.5, "currency": "EUR"}', False, "cannot be told"),
        (["en"], "", False, "too short to tell"),
    ],
)
def test_the_language_of_an_answer_is_told_or_said_to_be_undecidable(
    languages: list[str], answer: str, passes: bool, says: str
) -> None:
    """PROMPT-5: what cannot be told has not passed, and says why; the same text always gives the same."""
    expect = {"kind": "language", "languages": languages}
    assert outcome(expect, told(answer=answer)) == outcome(expect, told(answer=answer))
    passed, actual = outcome(expect, told(answer=answer))
    assert passed is passes
    assert says in actual


def test_the_languages_of_a_case_are_those_that_can_be_told() -> None:
    """The copy that checks a case is what the model knows; a misspelt code is told where it is written."""
    assert known() == LANGUAGES
    with pytest.raises(ValidationError, match="no language that can be told"):
        CaseDocument.model_validate({"start": [{"text": "Go"}], "expect": [{"kind": "language", "languages": ["english"]}]})


def test_nothing_but_a_case_that_asks_for_a_language_loads_its_model() -> None:
    """A worker, or a page that shows such a case, does not pay for it."""
    code = (
        "import sys, django; django.setup(); import console.urls; from console.views import case_fields\n"
        "from console.case_form import sent_of\n"
        "case = {'start': [{'text': 'Hi'}], 'expect': [{'kind': 'language', 'languages': ['en']}]}\n"
        "assert case_fields.sections(sent_of(case), {})[1].rows[0].said == 'en'\n"
        "assert not {'py3langid', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
