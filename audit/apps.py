"""The Django application of the audit floor. Nothing starts here."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The lowest floor: it imports no other part of the project."""

    name = "audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
