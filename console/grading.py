"""An item to grade as somebody may see it, for pages and API: its conversation, and the grades that they may be shown."""

from dataclasses import dataclass
from typing import Any

from agents.grading.items import newest_grades, shown
from agents.grading.transcript import messages_of
from agents.models import Grade, GradingItem
from approvals.sensitive import Mask
from console.auth import Caller
from console.covering import mask_of_session
from console.readings import note_reading
from console.revealing import reads_item
from console.rights import Right
from console.turns import Message, covered


@dataclass(frozen=True, slots=True)
class ItemStory:
    """An item with its conversation, empty where the viewer may not read it, and the grades that may be shown."""

    item: GradingItem
    revealed: bool
    messages: tuple[Message, ...]
    grades: tuple[Grade, ...]
    own: Grade | None  # what the viewer gave
    others: int  # grades that are there and not shown yet


def item_story(caller: Caller, item: GradingItem) -> ItemStory:
    """Return an item as the caller may see it; that they read it is noted by `read_of`."""
    revealed = reads_item(caller, item)
    given = newest_grades([item.pk]).get(item.pk, [])
    own = next((one for one in given if one.by_kind == "person" and one.by == str(caller.user_id)), None)
    told = (
        shown(given, user=caller.user_id, grades=caller.has(Right.GRADE), closed=item.status == "skipped") if revealed else []
    )
    messages = covered(messages_of(item), *_cover(item)) if revealed else ()
    return ItemStory(item, revealed, messages, tuple(told), own, len(given) - len(told))


def _cover(item: GradingItem) -> tuple[Mask, Any]:
    return mask_of_session(item.session_id) if item.session_id else (Mask(), ())


def read_of(caller: Caller, item: GradingItem) -> tuple[str, ...]:
    """Return what is noted of who reads an item; nothing of a session that they started."""
    if item.session is None:
        return (f"results of {item.subject.partition(' ')[0]}",)
    return (item.session.ref,) if item.session.started_user != caller.user_id else ()


def note_item(caller: Caller, item: GradingItem) -> None:
    """Note that the caller reads an item, before it is served."""
    if items := read_of(caller, item):
        note_reading(caller, items)
