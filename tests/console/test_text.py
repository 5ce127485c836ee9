"""Text that cannot be trusted is shown as text, and what hides in it is shown too."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import lookalikes, visible
from console.templatetags import ui


@pytest.mark.parametrize(
    ("character", "mark"),
    [
        ("\u202e", "⟦U+202E⟧"), ("\u2066", "⟦U+2066⟧"), ("\u200b", "⟦U+200B⟧"), ("\u00ad", "⟦U+00AD⟧"),
        ("\U000e0041", "⟦U+E0041⟧"), ("\ufe0f", "⟦U+FE0F⟧"), ("\U000e0100", "⟦U+E0100⟧"), ("\x1b", "⟦U+001B⟧"),
        ("\r", "⟦U+000D⟧"), ("\x00", "⟦U+0000⟧"), ("\u2028", "⟦U+2028⟧"), ("\u3164", "⟦U+3164⟧"), ("\ufeff", "⟦U+FEFF⟧"),
    ],
)  # fmt: skip
def test_hidden_characters_become_marks_and_are_counted(character: str, mark: str) -> None:
    """Escapes, bidirectional, zero-width, tag characters and selectors are visible (THREATS 32, 33, 34)."""
    assert mark in ui.visible_text(f"a{character}b")
    assert character not in ui.visible_text(f"a{character}b")
    assert visible.hidden_count(f"{character}a{character}") == 2


@pytest.mark.parametrize(
    "attack", ["<script>alert(1)</script>", '<img src=x onerror="x">', "<svg/onload=x>", '"><b hx-post="/">']
)
def test_markup_is_text(attack: str) -> None:
    """Nothing that an agent or a customer writes becomes markup (THREATS 31, 52)."""
    shown = ui.visible_text(attack)
    assert "<" not in shown
    assert "&lt;" in shown


def test_padding_cannot_push_the_tail_out_of_sight() -> None:
    """Ten thousand blank lines are one mark, and what stands behind them is shown (THREATS 36)."""
    shown = ui.visible_text("start" + "\n" * 10_000 + "the tail" + " " * 500 + "end")
    assert "⟦9999 blank lines⟧" in shown
    assert "⟦500 spaces⟧" in shown
    assert "the tail" in shown
    assert len(shown) < 500


@given(st.text(alphabet=string.printable.replace("\r", "").replace("\x0b", "").replace("\x0c", ""), max_size=200))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """Only what hides is changed."""
    if not visible.PADDING.search(text):
        assert "".join(piece.text for piece in visible.pieces(text)) == text
        assert visible.hidden_count(text) == 0


@given(st.text(max_size=200))
def test_nothing_hidden_is_left(text: str) -> None:
    """Whatever the text, no character that hides reaches the page (THREATS 33, 34)."""
    assert visible.hidden_count("".join(piece.text for piece in visible.pieces(text))) == 0


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("p\u0430ypal", 1),  # a Cyrillic letter in a Latin word
        ("paypal", 0),
        ("Привет, мир", 0),  # a language of its own
        ("пишите на почту Kim", 0),
        ("αβγ und 3 µm", 0),
        ("über Zoë, naïve Straße", 0),
        ("kim@h\u0430lden.example", 1),
        ("kim@\u0430\u0440\u0440.example", 3),  # a whole foreign label in an address
        ("https://\u0430\u0440\u0440.example/x", 3),
        ("kim@müller.example", 1),
        ("\uff50\uff41y", 2),  # full-width letters
        ("\U0001d429ay", 1),  # a mathematical letter
        ("東京 and こんにちは", 0),
    ],
)
def test_letters_taken_for_others_are_marked_and_counted(text: str, odd: int) -> None:
    """THREATS 35: mixed words, and every foreign letter in an address or host."""
    assert sum(bool(piece.odd) for piece in visible.pieces(text)) == odd
    assert lookalikes.count(text) == odd
    assert ui.visible_text(text).count('class="odd"') == odd
    assert any("another alphabet" in line for line in visible.told(text)) is bool(odd)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("kim@p\u0430ypal.example", "xn--pypal-4ve.example"),
        ("https://m\u00fcller.example/a", "xn--mller-kva.example"),
        ("see M\u00fcller.example for it", "xn--mller-kva.example"),
    ],
)
def test_the_real_name_of_a_host_is_told(text: str, host: str) -> None:
    """THREATS 35: what a name server would be asked for."""
    assert any(line.endswith(f"is {host}.") for line in visible.told(text))


def test_what_is_taken_out_is_said() -> None:
    """THREATS 34, 36: counts in words, and nothing of an ordinary text."""
    assert visible.told("a\u200bb") == ["1 hidden character marked."]
    assert visible.told("start" + "\n" * 100 + "tail") == ["99 blank lines taken out; text goes on behind them."]
    assert visible.told("An ordinary letter.\n\nWith two paragraphs.") == []
