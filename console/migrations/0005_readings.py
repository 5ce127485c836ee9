"""Who read which raw content within the last hour, so that the log has one entry of it."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """One table more."""

    dependencies = (("console", "0004_saved_views"),)

    operations = (
        migrations.CreateModel(
            name="Reading",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reader", models.TextField()),
                ("item", models.TextField()),
                ("read_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["read_at"], name="reading_age")],
                "constraints": [models.UniqueConstraint(fields=("reader", "item"), name="one_reading_per_hour")],
            },
        ),
    )
