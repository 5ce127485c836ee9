"""The ASGI application: HTTP through Django, the websocket of the live feed through Channels."""

import gc
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import SessionMiddlewareStack
from django.core.asgi import get_asgi_application

# Django must be set up before the routing imports models.
_http = get_asgi_application()

from console.line import Line  # noqa: E402
from console.long_lines import answer_them  # noqa: E402
from console.routing import websocket_urlpatterns  # noqa: E402

PAGES_AT_ONCE = 3
TURN_S = 0.001
# The loop that tells people what changed shares the interpreter with the threads that make pages: it waits for a turn of
# each of them, which is Python's 5 ms otherwise.
sys.setswitchinterval(TURN_S)
answer_them()

application = ProtocolTypeRouter(
    {
        "http": Line(_http, places=PAGES_AT_ONCE),
        "websocket": AllowedHostsOriginValidator(SessionMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
# What is loaded stays: each full search for garbage would else go through all of it again, and every page would wait.
gc.collect()
gc.freeze()
