"""What witnesses signed under the log's checkpoints."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_verifications")]

    operations = [
        migrations.CreateModel(
            name="Cosignature",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "size", "name", "key_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("size", models.BigIntegerField()),
                ("name", models.TextField(db_collation="C")),
                ("key_id", models.TextField(db_collation="C")),
                ("line", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "audit_cosignature",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("size__gte", 1)), name="audit_cosignature_of_something")
                ],
            },
        ),
    ]
