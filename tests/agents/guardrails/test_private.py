"""What is private in a text: keys by their form, numbers by their check digits, and nothing that only looks like one."""

import pytest

from agents.guardrails.private import KINDS, find, masked

KEY = "AKIA" + "IOSFODNN7EXAMPLE"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("card 4111 1111 1111 1111, thanks", "card", "4111 1111 1111 1111"),
        ("DE89 3704 0044 0532 0130 00 bitte", "iban", "DE89 3704 0044 0532 0130 00"),
        ("write to kim.lee+x@mail.example.com.", "email", "kim.lee+x@mail.example.com"),
        ("call +49 (30) 123 45-67 now", "phone", "+49 (30) 123 45-67"),
        ("tax id 86095742719", "national_id", "86095742719"),
        ("SSN 536-90-4399", "national_id", "536-90-4399"),
        (f"key={KEY}", "secret", KEY),
        ("ghp_" + "a1B2" * 9, "secret", "ghp_" + "a1B2" * 9),
        ("sk-proj-" + "Ab3" * 12, "secret", "sk-proj-" + "Ab3" * 12),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\nAAAA\n-----END PRIVATE KEY-----", "secret",
         "-----BEGIN PRIVATE KEY-----\nMIIB\nAAAA\n-----END PRIVATE KEY-----"),
    ],
)  # fmt: skip
def test_what_is_private_is_found_whole(text: str, kind: str, value: str) -> None:
    """GUARD-12: kept libraries say what a key looks like and whether a number checks."""
    found = [one for one in find(text, KINDS) if one.kind == kind]
    assert [text[one.start : one.end] for one in found] == [value]


@pytest.mark.parametrize(
    "text",
    [
        "order 4111 1111 1111 1112",
        "DE88 3704 0044 0532 0130 00",
        "invoice 86095742718 of 2026-11-22",
        "a1b2c3d4e5f60718293a4b5c6d7e8f90",
        "S-88123/7.1 and AP-20418",
        "in 2024, 2025 and 2026",
    ],
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    """GUARD-12: an order number is no card."""
    assert find(text, KINDS) == []


def test_only_the_kinds_that_are_asked_for_are_masked() -> None:
    """GUARD-12: each by its name; of two that overlap the longer one."""
    text = f"kim@example.com pays with 4111111111111111, key {KEY}, https://kim:hunter22@host.example/"
    assert masked(text, ("card",)) == text.replace("4111111111111111", "[card]")
    assert masked(text, ("secret",)).count("[secret]") == 2
    assert "hunter22" not in masked(text, ("secret",))


@pytest.mark.parametrize("part", ["eyJ", "sk-", "a@", "4111 ", "+49 ", "xoxb-1-", "://a:", "a.", "1", "DE89 "])
def test_hostile_text_costs_bounded_work(part: str) -> None:
    """GUARD-11: no pattern starts over at each place of what it has read; a text of the largest size passes."""
    assert find(part * (200_000 // len(part)), KINDS) is not None
