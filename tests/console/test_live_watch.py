"""Watching a session over the socket makes its worker stream (LOOP-10)."""

from django.contrib.auth.models import User

from agents.models import Session
from tests.console.test_live import Page, cookie_of, elsewhere, play
from tests.flows.conftest import World, model_url, world
from tests.waiting import wait_until

__all__ = ["model_url", "world"]


def test_a_wish_to_watch_is_noted_on_the_session(world: World, remy: User) -> None:
    """The mark is what the worker looks at before it asks the model; a session that is not there is nobody's business."""
    session, key = world.start("scenario: slow"), cookie_of(remy)

    def watched() -> bool:
        return Session.objects.get(pk=session.pk).watched_until is not None

    async def scene() -> None:
        page = Page(key)
        await page.open()
        assert not await elsewhere(watched)
        await page.wire.send_to(text_data='{"watch": "S-1"}')
        await page.wire.send_to(text_data=f'{{"watch": "{session.ref}"}}')
        await elsewhere(wait_until, watched)
        await page.leave()

    play(scene)
