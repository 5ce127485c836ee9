"""Where a chat message may go (THREATS 25, 53): known services, no options, public addresses at each connection."""

import socket
from typing import Any

import pytest
from urllib3.util import connection as dialling

from console.reach import chat
from console.reach.errors import ChatRefused, NotDelivered
from tests.console.reach.conftest import Room

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "syslog://",
        "https://internal.example/hook",
        "json://chat.example/plain",
        "jsons://127.0.0.1/x",
        "jsons://[::1]/x",
        "jsons://10.1.2.3/x",
        "jsons://169.254.169.254/latest/meta-data",
        "slack://T1JJ3T3L2",
        f"{SLACK}?template=/etc/passwd",
        f"{SLACK}?verify=no",
        f"{SLACK} {SLACK}",
        "nonsense",
    ],
)
def test_what_is_no_public_service_is_refused_when_it_is_entered(address: str) -> None:
    """Also what would read files or switch certificates off."""
    with pytest.raises(ChatRefused):
        chat.service_of(address)


@pytest.mark.parametrize("address", [SLACK, "mmosts://chat.example/abcdefghijklmnopqrstuvwx", "jsons://chat.example/hook"])
def test_a_known_service_is_taken(address: str) -> None:
    """With encryption."""
    assert chat.service_of(address)
    assert chat.name_of(address)


def test_a_name_that_means_a_private_address_is_refused_when_it_is_dialled(room: Room, settings: Any) -> None:
    """Whatever it meant when it was entered."""
    settings.CHAT_ALLOW_PRIVATE = False
    with pytest.raises(NotDelivered, match="localhost is not a public address") as refused:
        chat.send(f"jsons://localhost:{room.port}/x", "Title", "Text")
    assert refused.value.final
    assert room.said == []


def test_a_redirect_is_judged_like_any_connection(room: Room) -> None:
    """A service on the open net cannot send the message on to the metadata service."""
    room.statuses, room.elsewhere = [307], "http://169.254.169.254/latest/"
    with pytest.raises(NotDelivered, match="169.254.169.254 is not a public address"):
        chat.send(room.address, "Title", "Text")


def test_what_is_not_guarded_is_dialled_as_ever(room: Room) -> None:
    """Other users of the same client are not touched."""
    with dialling.create_connection(("127.0.0.1", room.port)) as connection:
        assert isinstance(connection, socket.socket)
