"""Mail that the demo really sent, over SMTP to its local catcher: raw content, with all that is in it."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.demo import mailbox
from agents.demo.mailbox import Mail, UnknownMessage
from console.fragments import page
from console.rights import Right
from console.views.guard import guard

SHOWN = 50


@require_safe
@guard(Right.REVEAL)
def sent(request: HttpRequest) -> HttpResponse:
    """List the messages, newest first."""
    _only_demo()
    return page(request, "mail/list.html", lambda: _list(request))


@require_safe
@guard(Right.REVEAL)
def message(request: HttpRequest, name: str) -> HttpResponse:
    """Show one message as text."""
    _only_demo()
    try:
        found = mailbox.read(name)
    except UnknownMessage:
        raise Http404 from None
    return page(request, "mail/message.html", lambda: {"nav": "mail", "message": _whole(found), "reads": (f"mail {found.id}",)})


def _only_demo() -> None:
    if not settings.DEMO:
        raise Http404


def _list(request: HttpRequest) -> dict[str, Any]:
    before = request.GET.get("before", "")[:40]
    found = mailbox.newest(SHOWN + 1, before=before)
    older = f"{reverse('mail')}?before={found[SHOWN - 1].id}" if len(found) > SHOWN else ""
    return {
        "nav": "mail",
        "items": [_line(mail) for mail in found[:SHOWN]],
        "older": older,
        "newer": reverse("mail") if before else "",
        "reads_list": ("mail",) if found else (),
    }


def _line(mail: Mail) -> dict[str, Any]:
    return {
        "url": reverse("mail-message", args=[mail.id]),
        "to": ", ".join(mail.recipients),
        "from": mail.sender,
        "subject": mail.subject,
        "at": mail.received_at,
    }


def _whole(mail: Mail) -> dict[str, Any]:
    rows = [{"label": name, "value": value, "mono": True} for name, value in mail.headers]
    return {**_line(mail), "body": mail.body.replace("\r\n", "\n"), "rows": rows}
