"""The Django application `agents`."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Registers the floor `agents` with Django."""

    name = "agents"
    default_auto_field = "django.db.models.BigAutoField"
