"""Coming in, going out, and how the console looks to one person."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from console import signin
from console.auth import caller_of
from console.errors import SignInRefused
from console.fragments import DENSITIES, THEMES
from console.preferences import set_look
from console.rights import Right
from console.views.form_only import form_only
from console.views.guard import guard

LOOKS = {"theme": THEMES, "density": DENSITIES}
YEAR_S = 365 * 24 * 3600
FIRST_PAGES = (
    (Right.DECIDE, "approvals"),
    (Right.READ_AUDIT, "audit"),
    (Right.SEE, "sessions"),
)
"""Where a person's day begins: the first right that they hold."""


@require_safe
@guard(Right.SIGNED_IN)
def home(request: HttpRequest) -> HttpResponse:
    """Send each role to its first page."""
    caller = caller_of(request)
    for right, name in FIRST_PAGES:
        if caller.has(right):
            return redirect(name)
    return redirect("tokens")


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.PUBLIC)
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show the sign-in form, or take it."""
    target = signin.safe_next(request, request.POST.get("next") or request.GET.get("next", "/"))
    if caller_of(request).known:
        return redirect(target)
    if request.method != "POST":
        return _form(request, target)
    email = request.POST.get("username", "")
    try:
        signin.sign_in(request, email, request.POST.get("password", ""))
    except SignInRefused as refused:
        return _form(request, target, email=email, error=refused.detail, status=403)
    return redirect(target)


@form_only
@guard(Right.SIGNED_IN)
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    signin.sign_out(request)
    return redirect("sign-in")


@form_only
@guard(Right.SIGNED_IN)
def theme(request: HttpRequest) -> HttpResponse:
    """Keep how the console looks to this person: its theme, its density, or both; "auto" takes a choice back."""
    said = {name: request.POST.get(name, "") for name in ("theme", "density")}
    given = {name: "" if value == "auto" else value for name, value in said.items() if value in (*LOOKS[name], "auto")}
    set_look(caller_of(request).user_id, theme=given.get("theme"), density=given.get("density"))
    answer = redirect(signin.safe_next(request, request.POST.get("next", "/")))
    if "theme" in given:
        remember_theme(answer, given["theme"])
    return answer


def remember_theme(answer: HttpResponse, theme: str) -> None:
    """Let the browser know the theme too: sign-in and error pages ask no database."""
    if theme:
        answer.set_cookie("theme", theme, max_age=YEAR_S, samesite="Lax", secure=settings.SECURE, httponly=False)
    else:
        answer.delete_cookie("theme", samesite="Lax")


def _form(request: HttpRequest, target: str, *, email: str = "", error: str = "", status: int = 200) -> HttpResponse:
    look = request.COOKIES.get("theme", "")
    context = {
        "next": target,
        "username": email,
        "error": error,
        "demo": settings.DEMO,
        "shell": {"theme": look if look in THEMES else ""},
    }
    return HttpResponse(render_to_string("sign_in.html", context, request), status=status)
