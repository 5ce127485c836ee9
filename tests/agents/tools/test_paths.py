"""Paths stay inside the workspace (TOOL-4; THREATS 6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.tools.errors import InvalidInput
from agents.tools.paths import clean_path


@pytest.mark.parametrize("path", ["a", "notes/summary.md", "Übersicht 2026/März.md", "a/b/c/d/e/f/g/h", ".hidden", "a..b/c"])
def test_plain_relative_paths_are_kept(path: str) -> None:
    assert clean_path(path) == path


def test_a_path_has_one_form() -> None:
    assert clean_path("e\u0301.md") == "\u00e9.md"


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "../secret", "a/../../b", "a/..", "..", ".", "./a", "a//b", "a/", "~/x", "a\\b", "..\\a", "C:\\x", "C:/x",
        "a\0b", "a\nb", "a\u202eb", "a\u200bb", "a\u2028b", " a", "a ", "a/ b", "a.", "a/b.", "x" * 201, "a/" * 9 + "b", "con|x", "a?b",
    ],
)  # fmt: skip
def test_whatever_could_lead_outside_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput):
        clean_path(path)


@given(st.text(max_size=60))
def test_no_accepted_path_leads_outside(path: str) -> None:
    try:
        cleaned = clean_path(path)
    except InvalidInput:
        return
    parts = cleaned.split("/")
    assert not cleaned.startswith("/")
    assert ".." not in parts
    assert "" not in parts
    assert clean_path(cleaned) == cleaned
