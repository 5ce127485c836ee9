"""A person's own settings: how the console looks, its keys, and what reaches them where."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

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
from console.views.form_only import form_only
from console.views.guard import guard

TEMPLATE = "settings/page.html"
THEMES = (("", "As this computer"), ("light", "Light"), ("dark", "Dark"))
DENSITIES = (("compact", "Compact"), ("comfortable", "Comfortable"))
WORDS = {
    "requested": ("A request that I may decide", "Not those that four eyes keep from you."),
    "escalated": ("A request that presses", "It expires soon and nobody has answered."),
    "assigned": ("A request that was given to me", ""),
    "ended": ("The answer or the end of a session that I started", "However it ended{letters}."),
    "budget": ("A budget that reaches 50, 80 or 100 %", ""),
    "breaker": ("A breaker that opens", "A provider, a model or a tool does not work."),
    "canary": ("A canary that a guard rolled back", ""),
    "audit": ("An audit log that does not verify", "Or is not signed, or was to be changed."),
    "browser": ("Notifications of this browser", "While a page of the console is open in it, in front or behind."),
    "email": ("E-mail", "To {address}."),
    "chat": ("Chat", "To the address below."),
}
CONCERNS = {"requested": Right.DECIDE, "escalated": Right.DECIDE, "assigned": Right.DECIDE, "ended": Right.SEE,
            "budget": Right.RESTRAIN, "breaker": Right.RESTRAIN, "canary": Right.ROLL_BACK_PROMPTS,
            "audit": Right.VERIFY_AUDIT}  # fmt: skip
"""What one has to be able to do to be told of it; nobody is offered what never reaches them."""


@require_safe
@guard(Right.SIGNED_IN)
def settings(request: HttpRequest) -> HttpResponse:
    """Show them."""
    return page(request, TEMPLATE, lambda: _context(request))


@form_only
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
@form_only
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
        caller.user_id, occasions=_kept(caller, said["occasions"]), channels=said["channels"], chat=address,
        actor=caller.actor(),
    )  # fmt: skip
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
    caller = caller_of(request)
    mine = settings_of(caller.user_id)
    sent = request.POST if errors else None
    return {
        "nav": "settings",
        "look": [
            {"name": "theme", "title": "Theme", "choices": _choices(THEMES, mine.theme)},
            {"name": "density", "title": "Density", "choices": _choices(DENSITIES, mine.density or "compact")},
        ],
        "letters": mine.letters,
        "occasions": _boxes(offered(caller), sent.getlist("occasions") if sent else mine.occasions, letters=_letters(caller)),
        "channels": _boxes(CHANNELS, sent.getlist("channels") if sent else mine.channels, address=_address(request)),
        "chat": {"service": chat.name_of(mine.chat), "schemas": chat.examples()},
        "deliveries": outbox.newest_of(caller.user_id),
        "lost": lost_address(mine),
        "covers": _covers(caller),
        "errors": errors or {},
    }


def offered(caller: Caller) -> tuple[str, ...]:
    """Return what a person can be told of, by their roles."""
    return tuple(name for name in OCCASIONS if caller.has(CONCERNS[name]))


def _kept(caller: Caller, chosen: Iterable[str]) -> list[str]:
    """Return what was chosen with what was not offered as it is: who gets that role again is told again."""
    seen = offered(caller)
    unseen = (name for name in settings_of(caller.user_id).occasions if name not in seen)
    return [*(name for name in chosen if name in seen), *unseen]


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


def _boxes(names: tuple[str, ...], chosen: Any, **told: str) -> list[dict[str, Any]]:
    return [
        {"value": name, "label": WORDS[name][0], "hint": WORDS[name][1].format(**told), "checked": name in chosen}
        for name in names
    ]


def _address(request: HttpRequest) -> str:
    return request.user.email or "no address: ask an admin"  # type: ignore[union-attr]


def _letters(caller: Caller) -> str:
    return ", and of every dead letter" if caller.has(Right.RESTRAIN) else ""
