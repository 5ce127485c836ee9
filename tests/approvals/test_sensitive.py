"""Marks in place of sensitive values: in arguments, in changes, in texts that repeat them (GUARD-12)."""

import json

import pytest

from approvals.sensitive import UNREAD, Mask, Place, mark, masked, masked_changes, places_of

IBAN = Place(("account", "iban"), "IBAN")
ARGUMENTS = {"account": {"iban": "DE89370400440532013000", "bank": "B"}, "cents": 5}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("DE89370400440532013000", "[IBAN, 22 characters, hidden]"),
        ("x", "[IBAN, 1 character, hidden]"),
        (4500, "[IBAN, hidden]"),
        (["a", "b"], "[IBAN, 2 parts, hidden]"),
    ],
)
def test_a_mark_says_kind_and_length_and_nothing_of_the_value(value: object, shown: str) -> None:
    """A number has no length: it would tell how large it is."""
    assert mark("IBAN", value) == shown


def test_only_the_marked_place_is_covered_and_nothing_where_there_is_nothing() -> None:
    """What is empty stays empty, what is beside it stays readable."""
    assert masked(ARGUMENTS, [IBAN]) == {"account": {"iban": "[IBAN, 22 characters, hidden]", "bank": "B"}, "cents": 5}
    assert masked({"account": {"iban": ""}}, [IBAN]) == {"account": {"iban": ""}}
    assert masked({"account": "elsewhere"}, [IBAN]) == {"account": "elsewhere"}


def test_names_with_dots_are_other_places() -> None:
    """Places are lists of names, so that a name with a dot in it covers what it names."""
    place = Place(("by", "a.b", "iban"), "IBAN")
    assert masked({"by": {"a.b": {"iban": "XXXX"}}}, [place])["by"]["a.b"]["iban"] == "[IBAN, 4 characters, hidden]"


@pytest.mark.parametrize("path", ["account.iban", "account", "account.iban.0"])
def test_a_change_that_touches_a_sensitive_place_tells_no_value(path: str) -> None:
    """Also where a whole object around it was changed."""
    (change,) = masked_changes([{"path": path, "before": "DE89", "after": "GB33"}], [IBAN])
    assert "DE89" not in json.dumps(change)
    assert "GB33" not in json.dumps(change)
    assert masked_changes([{"path": "cents", "before": 1, "after": 2}], [IBAN]) == [{"path": "cents", "before": 1, "after": 2}]


@pytest.mark.parametrize(
    "text",
    ["to DE89370400440532013000.", "to de89 3704 0044 0532 0130 00.", "to DE89-3704-0044-0532-0130-00."],
)
def test_a_text_that_repeats_the_value_is_covered_however_it_is_spelled(text: str) -> None:
    """The agent's own words, quotes and answers of tools."""
    assert Mask([(ARGUMENTS, [IBAN])]).text(text) == "to [IBAN, 22 characters, hidden]."


def test_a_document_is_covered_inside_its_escapes() -> None:
    """A value with a quotation mark stands escaped in JSON, and is found there."""
    place = Place(("password",), "Password")
    mask = Mask([({"password": 'he"llo\n1'}, [place])])
    assert "llo" not in mask.document(json.dumps({"said": 'it is he"llo\n1'}))
    assert mask.document("not json") == "not json"
    assert mask.document("not json", [place]) == UNREAD


def test_numbers_are_covered_as_whole_numbers_only() -> None:
    """4500 inside 145003 is another number."""
    mask = Mask([({"pin": 4500}, [Place(("pin",), "PIN")])])
    assert mask.text("4500 and 145003") == "[PIN, 4 characters, hidden] and 145003"
    assert mask.value({"pin": 4500, "other": 145003}) == {"pin": "[PIN, 4 characters, hidden]", "other": 145003}


def test_places_are_kept_and_read_back() -> None:
    """As a request's facts hold them; without any there is nothing to do."""
    assert places_of({"sensitive": [IBAN.as_json()]}) == (IBAN,)
    assert places_of({}) == ()
    assert not Mask()
