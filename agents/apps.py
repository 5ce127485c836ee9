"""The Django application `agents`."""

from django.apps import AppConfig
from django.utils.module_loading import import_string


class AgentsConfig(AppConfig):
    """Registers the floor `agents` with Django."""

    name = "agents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load every tool, so that one that is declared carelessly stops the start with a clear message."""
        import_string("agents.tools.registry.load")()  # by name, because its module needs the models that exist only now
