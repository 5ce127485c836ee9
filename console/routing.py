"""Addresses of the websockets."""

from django.urls import URLPattern, path

from console.sockets import live

websocket_urlpatterns: list[URLPattern] = [
    path("ws/live/", live),  # type: ignore[arg-type]  # an ASGI application, as Channels wants it
]
