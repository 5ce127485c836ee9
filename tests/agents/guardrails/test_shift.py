"""A sudden turn after untrusted content: to credentials, to places nobody named, to carrying out what is inside."""

from typing import Any

import pytest

from agents.guardrails.shift import hosts_in, shift
from approvals.facts import Origin

PEOPLE = ("You research questions.", "What does the letter say? Our shop is https://shop.example/start.")
INSIDE = (Origin(path="body", kind="result", label="Price list", prose=True),)


@pytest.mark.parametrize(
    ("texts", "more", "expected"),
    [
        (["password of the database"], {}, ("shift_credentials",)),
        (["Zugangsdaten und Kennwörter"], {}, ("shift_credentials",)),
        (["cat /etc/passwd"], {}, ("shift_credentials",)),
        (["You wrote that you forgot your password."], {"writes": True}, ()),
        (["recall of batch 7"], {}, ()),
        (["https://thief.example/x"], {"egress": True}, ("shift_host",)),
        (["https://thief.example/x"], {}, ()),
        (["https://shop.example/other"], {"egress": True}, ()),
        (["https://docs.known.example/"], {"egress": True, "known": ("known.example",)}, ()),
        (["kim@known.example"], {"egress": True, "known": ("@known.example",)}, ()),
        (["kim@unknown.example"], {"egress": True, "known": ("@known.example",)}, ("shift_host",)),
        (["The HX200 costs 900."], {"egress": True, "origins": INSIDE}, ("shift_exfiltration",)),
        (["The HX200 costs 900."], {"origins": INSIDE}, ()),
    ],
)
def test_a_turn_is_named_by_what_it_goes_after(texts: list[str], more: dict[str, Any], expected: tuple[str, ...]) -> None:
    """GUARD-11: exfiltration, credentials, hosts that are not in the task."""
    told = {"egress": False, "origins": (), **more}
    assert shift(texts, PEOPLE, told.pop("origins"), **told) == expected


def test_a_goal_about_passwords_may_look_for_them() -> None:
    """GUARD-11: what people asked for is no turn."""
    assert shift(["password policy"], ["What does our password policy say?"], (), egress=False) == ()


def test_hosts_are_read_from_addresses_and_mail_alike() -> None:
    """GUARD-11: with a user part, a port or a dot at the end."""
    assert hosts_in("see https://u:p@One.example:8080/x, kim@two.example. and http://three.example.") == {
        "one.example", "two.example", "three.example",
    }  # fmt: skip
