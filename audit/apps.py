"""The Django application of the audit floor. Nothing starts here."""

from django.apps import AppConfig

from audit import tampering


class AuditConfig(AppConfig):
    """The lowest floor: it imports no other part of the project."""

    name = "audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have every connection tell when the database refuses to change the log."""
        tampering.listen()
