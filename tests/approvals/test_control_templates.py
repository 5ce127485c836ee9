"""The catalogue of control requests: one thing is wrong, plainly, and said."""

from typing import Any

import pytest

from approvals.control_templates import CATALOGUE, HANDED_OUT, lookalike, spoilt

MAIL = {"to": ["kim@example.com", "lee@other.example"], "subject": "Hello", "body": "Dear Kim, all is well."}


@pytest.mark.parametrize(
    ("arguments", "template", "wrong", "value"),
    [
        (MAIL, "recipient", "to", ["kim@examp1e.com", "lee@other.example"]),
        ({"to": "Kim@Example.com"}, "recipient", "to", "Kim@examp1e.com"),
        ({"url": "https://status.example/incidents?x=1"}, "host", "url", "https://5tatus.example/incidents?x=1"),
        ({"order": "A1", "amount": 120}, "amount", "amount", 12_000),
        ({"refund_total": 1.5}, "amount", "refund_total", 150.0),
        ({"title": "A note", "text": "How refunds work."}, "secrets", "text", f"How refunds work.\n\n{HANDED_OUT}"),
    ],
)
def test_a_template_changes_one_argument_and_says_what_is_wrong(
    arguments: dict[str, Any], template: str, wrong: str, value: object
) -> None:
    """Everything else stays as the real call had it."""
    found = next(spoilt(arguments))
    assert (found.template, found.wrong, found.arguments[wrong]) == (template, wrong, value)
    assert {**found.arguments, wrong: arguments[wrong]} == arguments
    assert found.because.endswith(".")


@pytest.mark.parametrize("arguments", [{}, {"document": "7f"}, {"amount": True}, {"copies": 3}, {"amount": 0}, {"body": "  "}])
def test_what_cannot_be_spoilt_plainly_is_left_alone(arguments: dict[str, Any]) -> None:
    """No template guesses."""
    assert list(spoilt(arguments)) == []


def test_every_template_comes_first_once() -> None:
    """The catalogue is gone through from anywhere."""
    found = {next(spoilt(MAIL, first)).template for first in range(len(CATALOGUE))}
    assert found == {"recipient", "secrets"}


@pytest.mark.parametrize("domain", ["example.com", "a.bc", "xkcd.zz", "customer.example", "localhost"])
def test_a_lookalike_is_another_domain(domain: str) -> None:
    """Never the same, never with other labels."""
    found = lookalike(domain)
    assert found != domain
    assert found.count(".") == domain.count(".")
