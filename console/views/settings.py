"""A person's own settings: how the console looks, its keys, and what reaches them where."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.auth import Caller, caller_of
from console.forms import Look, Notifications
from console.fragments import page
from console.guide import guide
from console.models import CHANNELS, OCCASIONS
from console.preferences import Settings, hide_guide, set_look, set_notifications, settings_of
from console.reach import chat, outbox
from console.reach.errors import ChatRefused
from console.rights import Right
from console.signin import safe_next
from console.views.accounts import remember_theme
from console.views.cover import own_of
from console.views.guard import guard

TEMPLATE = "settings/page.html"
THEMES = (("", "As this computer"), ("light", "Light"), ("dark", "Dark"))
DENSITIES = (("compact", "Compact"), ("comfortable", "Comfortable"))
WORDS = {
    "requested": ("A request that I may decide", "Not those that four eyes keep from you."),
    "escalated": ("A request that presses", "It expires soon and nobody has answered."),
    "assigned": ("A request that was given to me", ""),
    "ended": (
        "The answer or the end of a session that I started",
        "However it ended. Operators and admins hear of every dead letter too.",
    ),
    "budget": ("A budget that reaches 50, 80 or 100 %", "For operators and admins."),
    "breaker": ("A breaker that opens", "A provider, a model or a tool does not work. For operators and admins."),
    "canary": ("A canary that a guard rolled back", "For prompt managers, operators and admins."),
    "browser": ("Notifications of this browser", "While a page of the console is open in it, in front or behind."),
    "email": ("E-mail", "To {address}."),
    "chat": ("Chat", "To the address below."),
}


@require_safe
@guard(Right.SIGNED_IN)
def settings(request: HttpRequest) -> HttpResponse:
    """Show them."""
    return page(request, TEMPLATE, lambda: _context(request))


@require_POST
@guard(Right.SIGNED_IN)
def look(request: HttpRequest) -> HttpResponse:
    """Keep how the console looks, and whether single letters are keys."""
    form = Look(request.POST)
    if not form.is_valid():
        return page(request, TEMPLATE, lambda: _context(request, form.errors), status=422)
    said = form.cleaned_data
    set_look(caller_of(request).user_id, theme=said["theme"], density=said["density"], letters=said["letters"])
    messages.success(request, "Saved. It holds wherever you sign in.")
    answer = redirect("settings")
    remember_theme(answer, said["theme"])
    return answer


@sensitive_variables("said", "form", "address")
@require_POST
@guard(Right.SIGNED_IN)
def notifications(request: HttpRequest) -> HttpResponse:
    """Keep what reaches this person, and where."""
    form = Notifications(request.POST)
    if not form.is_valid():
        return page(request, TEMPLATE, lambda: _context(request, form.errors), status=422)
    said, caller = form.cleaned_data, caller_of(request)
    address: str | None = "" if said["forget"] else (said["chat"] or None)
    if wrong := _wrong_chat(address, chosen="chat" in said["channels"], user_id=caller.user_id):
        return page(request, TEMPLATE, lambda: _context(request, {"chat": [wrong]}), status=422)
    set_notifications(
        caller.user_id, occasions=said["occasions"], channels=said["channels"], chat=address, actor=caller.actor()
    )
    messages.success(request, "Saved.")
    return redirect("settings")


@sensitive_variables("address")
def _wrong_chat(address: str | None, *, chosen: bool, user_id: int) -> str:
    """Return what is wrong about the address of a chat, or that there is none; empty where all is well."""
    if chosen and not (address or (address is None and settings_of(user_id).chat)):
        return "Chat is chosen, and there is no address to send to."
    try:
        if address:
            chat.service_of(address)
    except ChatRefused as refused:
        return refused.detail
    return ""


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SIGNED_IN)
def first_steps(request: HttpRequest) -> HttpResponse:
    """Show the demo's first steps as they stand, for the menu; by POST put them away."""
    if request.method != "POST":
        return page(request, "partials/_guide.html", lambda: {"guide": guide(caller_of(request))})
    hide_guide(caller_of(request).user_id)
    return redirect(safe_next(request, request.POST.get("next", "/")))


def _context(request: HttpRequest, errors: Any = None) -> dict[str, Any]:
    mine = settings_of(caller_of(request).user_id)
    sent = request.POST if errors else None
    return {
        "nav": "settings",
        "look": [
            {"name": "theme", "title": "Theme", "choices": _choices(THEMES, mine.theme)},
            {"name": "density", "title": "Density", "choices": _choices(DENSITIES, mine.density or "compact")},
        ],
        "letters": mine.letters,
        "occasions": _boxes(OCCASIONS, sent.getlist("occasions") if sent else mine.occasions),
        "channels": _boxes(CHANNELS, sent.getlist("channels") if sent else mine.channels, request.user.email),  # type: ignore[union-attr]
        "chat": {"service": chat.name_of(mine.chat), "schemas": chat.examples()},
        "deliveries": outbox.newest_of(caller_of(request).user_id),
        "lost": lost_address(mine),
        "covers": _covers(caller_of(request)),
        "errors": errors or {},
    }


def _covers(caller: Caller) -> list[dict[str, Any]]:
    copied = ("absent_name", "deputy_name", "ends_at")
    return [
        {**{name: getattr(row, name) for name in copied}, "mine": row.absent == caller.user_id}
        for row in own_of(caller, timezone.now())
    ]


def lost_address(mine: Settings) -> bool:
    """Return whether chat is chosen while its address cannot be read: the installation has another secret now."""
    return "chat" in mine.channels and not mine.chat


def _choices(known: tuple[tuple[str, str], ...], chosen: str) -> list[dict[str, Any]]:
    return [{"value": value, "label": label, "checked": value == chosen} for value, label in known]


def _boxes(names: tuple[str, ...], chosen: Any, address: str = "") -> list[dict[str, Any]]:
    told = [(name, *WORDS[name]) for name in names]
    return [
        {"value": name, "label": label, "hint": hint.format(address=address or "no address: ask an admin"),
         "checked": name in chosen}
        for name, label, hint in told
    ]  # fmt: skip
