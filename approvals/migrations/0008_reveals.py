"""Who had the sensitive fields of a request shown. A table of its own: nearly no request has such fields."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """One table more."""

    dependencies = (("approvals", "0007_number_alone"),)

    operations = (
        migrations.CreateModel(
            name="Reveal",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("revision", models.IntegerField()),
                ("person", models.BigIntegerField()),
                ("person_name", models.TextField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="reveals", to="approvals.approvalrequest"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("request", "revision", "person"), name="one_reveal_per_person_and_revision"
                    )
                ],
            },
        ),
    )
