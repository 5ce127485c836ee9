"""The Django application `console`: registers the system checks of an installation."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.module_loading import import_string

from console import checks


class ConsoleConfig(AppConfig):
    """Registers the floor `console` with Django."""

    name = "console"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the product's own system checks part of `manage.py check`."""
        register(checks.roles_are_apart, Tags.security, deploy=True)
        register(checks.public_address_is_https, Tags.security, deploy=True)
        register(checks.named_keys_are_keys, Tags.security)
        register(import_string("console.reach.alarms.alarms_have_addresses"), Tags.security)  # by name: it needs the models
