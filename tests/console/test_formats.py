"""Numbers, money and times are written one way everywhere."""

from datetime import UTC, datetime, timedelta

import pytest

from console import formats

NOW = datetime(2026, 11, 22, 9, 48, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (1, "<$0.01"),
        (9_999, "<$0.01"),
        (10_000, "$0.01"),
        (380_000, "$0.38"),
        (-25_000, "−$0.03"),
        (12_345_678_900, "$12,345.68"),
    ],
)
def test_micro_dollars(amount: int, text: str) -> None:
    """What is above zero is never shown as zero (THREATS 42)."""
    assert formats.microusd(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (1, "$0.000001"), (610_000, "$0.61"), (1_234_500_000, "$1,234.50"), (-50_000, "−$0.05")],
)
def test_money_that_a_limit_is_compared_with_loses_no_digit(amount: int, text: str) -> None:
    """THREATS 42."""
    assert formats.exact_microusd(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0:00"),
        (8, "0:08"),
        (252, "4:12"),
        (1320, "22 min"),
        (3600, "1 h"),
        (4200, "1 h 10"),
        (20_000, "5 h"),
        (200_000, "2 d"),
    ],
)
def test_countdown(seconds: int, text: str) -> None:
    """What is left is exact to the second when it matters."""
    assert formats.countdown(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (14, "14 ms"),
        (2_500, "2.5 s"),
        (192_000, "3 min 12 s"),
        (7_500_000, "2 h 5 min"),
        (3_600_000, "1 h"),
        (86_400_000, "1 d"),
    ],
)
def test_duration(milliseconds: int, text: str) -> None:
    """The two largest units that matter."""
    assert formats.duration(milliseconds) == text


def test_relative_and_exact_times() -> None:
    """A relative time has its exact one beside it."""
    assert formats.ago(NOW - timedelta(minutes=7), NOW) == "7 min ago"
    assert formats.ago(NOW, NOW) == "just now"
    assert formats.ago(NOW + timedelta(hours=2), NOW) == "in 2 h"
    assert formats.exact(NOW) == "2026-11-22 09:48:12 UTC"


def test_numbers_and_digests() -> None:
    """Groups of three; both ends of a digest."""
    assert formats.grouped(48_213) == "48\u202f213"
    assert formats.size(12_400) == "12.4 KB"
    assert formats.middle("9f3c" + "0" * 56 + "e07a") == "9f3c…e07a"
