"""A smaller index: sessions that are queued or run pass by quickly and stand in indexes of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Sessions by status, those that rest or have ended."""

    dependencies = (("agents", "0009_standing"),)

    operations = (
        migrations.RemoveIndex(model_name="session", name="session_by_status"),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                condition=models.Q(("status__in", ["queued", "running"]), _negated=True),
                fields=["status", "-number"],
                name="session_by_status",
            ),
        ),
    )
