"""Addresses of the pages and of the API."""

from django.urls import path

from console.views import health

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
]
