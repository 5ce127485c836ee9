"""Links of messages only open pages (THREATS 51, 53)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.signing import Signer
from django.test import Client

from console.reach import links
from console.reach.errors import LinkExpired, UnknownLink
from tests.console.views.conftest import signed_in

__all__ = ["signed_in"]

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SignedIn = Callable[[User | None], Client]


def test_a_link_leads_through_sign_in_to_its_page(signed_in: SignedIn, remy: User) -> None:
    """And nowhere else: the page judges who may see what."""
    link = links.link("/approvals/AP-7/", datetime.now(UTC))
    assert link.startswith(settings.COUNTERSIGN_PUBLIC_URL)
    path = urlsplit(link).path
    stranger = Client().get(path)
    assert stranger.status_code == 302
    assert stranger.headers["Location"].startswith("/sign-in/?next=/open/")
    assert signed_in(remy).get(path).headers["Location"] == "/approvals/AP-7/"


def test_a_link_is_not_for_ever(signed_in: SignedIn, remy: User) -> None:
    """After a week it opens nothing, and says why."""
    link = links.link("/approvals/AP-7/", datetime.now(UTC) - timedelta(days=8))
    answer = signed_in(remy).get(urlsplit(link).path)
    assert answer.status_code == 410
    assert b"too old" in answer.content


def test_the_same_message_makes_the_same_link() -> None:
    """A message that is sent again is the same message."""
    assert links.link("/approvals/AP-7/", NOW) == links.link("/approvals/AP-7/", NOW)


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_no_signature_leads_out_of_the_house(path: str) -> None:
    """Even where somebody had the key to sign with."""
    signed = Signer(salt="console.reach.links").sign_object([path, int((NOW + timedelta(days=1)).timestamp())])
    with pytest.raises(UnknownLink):
        links.opened(signed, NOW)


def test_a_link_that_was_changed_opens_nothing(signed_in: SignedIn, remy: User) -> None:
    """Nor does one that was made elsewhere."""
    signed = urlsplit(links.link("/approvals/AP-7/", NOW)).path.split("/")[2]
    with pytest.raises(UnknownLink):
        links.opened(signed[:-1] + ("A" if signed[-1] != "A" else "B"), NOW)
    with pytest.raises(LinkExpired):
        links.opened(signed, NOW + timedelta(days=8))
    assert signed_in(remy).get("/open/nonsense/").status_code == 404
