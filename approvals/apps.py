"""The Django application `approvals`."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Registers the floor `approvals` with Django."""

    name = "approvals"
    default_auto_field = "django.db.models.BigAutoField"
