"""The tree over the log: complete subtrees, signed checkpoints, and the function that alone writes both."""

from pathlib import Path

import django.db.models
from django.db import migrations, models

from audit.grants import application_role, grant_present

FILE = Path(__file__).parent / "seal_v1.sql"


def make_function(apps, schema_editor):
    """Run the SQL file, and let the application's role read the tables and call the function, no more."""
    with schema_editor.connection.cursor() as cursor:
        schema, role = application_role(cursor)
        cursor.execute(FILE.read_text(encoding="utf-8").replace("%(schema)s", schema.replace('"', '""')))
        if role:
            grant_present(cursor.cursor, schema=schema, role=role)


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]

    operations = [
        migrations.CreateModel(
            name="Subtree",
            fields=[
                ("pk", models.CompositePrimaryKey("level", "number", blank=True, editable=False, primary_key=True, serialize=False)),
                ("level", models.IntegerField()),
                ("number", models.BigIntegerField()),
                ("hash", models.BinaryField()),
            ],
            options={"db_table": "audit_subtree"},
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("root", models.BinaryField()),
                ("note", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "audit_checkpoint",
                "constraints": [models.CheckConstraint(condition=models.Q(("size__gte", 1)), name="audit_checkpoint_of_something")],
            },
        ),
        migrations.RunPython(make_function),
    ]
