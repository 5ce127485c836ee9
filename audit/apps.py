"""The Django application of the audit floor. Nothing starts here."""

from django.apps import AppConfig

from audit import far_times, tampering


class AuditConfig(AppConfig):
    """The lowest floor: it imports no other part of the project."""

    name = "audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have every connection tell when the database refuses to change the log, and read whatever time a forger wrote."""
        tampering.listen()
        far_times.listen()
