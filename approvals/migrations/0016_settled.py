"""What was decided, by when that was: the order of the decided tab, newest first."""

from django.db import migrations, models
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    """One partial index more; requests that wait are not in it."""

    dependencies = [("approvals", "0015_erased")]

    operations = [
        migrations.AddIndex(
            model_name="approvalrequest",
            index=models.Index(
                models.OrderBy(
                    Coalesce(
                        models.F("decided_at"),
                        models.Case(models.When(status="expired", then=models.F("expires_at")), default=models.F("created_at")),
                    ),
                    descending=True,
                ),
                models.OrderBy(models.F("number"), descending=True),
                condition=models.Q(
                    ("status__in", ("approved", "consumed", "rejected", "answered", "expired", "withdrawn", "void"))
                ),
                name="request_settled",
            ),
        ),
    ]
