"""How earlier requests were decided, and where values come from, as the page of a request shows them."""

import html
from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client

from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
MAIL = "scenario: mail-once to={to} token={token}"


def test_the_page_counts_similar_decisions_and_leads_to_the_nearest(world: World, signed_in: SignedIn, remy: User) -> None:
    """APPR-2: counts, the nearest first, its reason and a link; and the origin of each value."""
    earlier = []
    for token, to in (("T1", "kim@customer.example"), ("T2", "lee@customer.example")):
        session = world.start(MAIL.format(to=to, token=token))
        world.work()
        (request,) = world.pending(session)
        world.decide(request, remy, "reject", instruction=f"Not to {to}.")
        earlier.append(request)
    session = world.start(MAIL.format(to="kim@customer.example", token="T3"))
    world.work()
    (request,) = world.pending(session)
    page = html.unescape(signed_in(remy).get(f"/approvals/{request.ref}/").content.decode())
    side = page[page.index("Similar decisions") :]
    assert "2 rejected" in side
    nearest, other = (side.index(f'href="/approvals/{row.ref}/"') for row in earlier)
    assert nearest < other
    assert "Rejected by Remy: “Not to kim@customer.example.”" in side
    assert "Message of Olga" in page
    assert "By its tier" in page
