"""What reaches people through their browser: links of messages, and news for an open page that nobody looks at."""

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit import feed
from console.auth import caller_of
from console.preferences import settings_of
from console.reach.links import opened
from console.reach.occasions import listener, tellings
from console.rights import Right
from console.views.guard import guard
from console.whole import whole

MOST = 100


@require_safe
@guard(Right.SIGNED_IN)
def follow(request: HttpRequest, signed: str) -> HttpResponse:
    """Go to the page that a link of a message names; what may be seen there is judged there."""
    return redirect(opened(signed, timezone.now()))


@never_cache
@require_safe
@guard(Right.SIGNED_IN)
def news(request: HttpRequest) -> HttpResponse:
    """Say what this person is told of after a place in the log, for a page that nobody looks at."""
    after = whole(request.GET.get("after", ""))
    events = [] if after is None else feed.read(after, MOST)
    caller = caller_of(request)
    user = User.objects.prefetch_related("groups").get(pk=caller.user_id)
    told = tellings(events, [listener(user, settings_of(caller.user_id).occasions)])
    items = [{"n": one.n, "title": one.heading, "text": one.text, "url": one.path} for one in told]
    return JsonResponse({"items": items})
