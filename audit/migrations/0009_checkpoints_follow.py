"""Each checkpoint names the one before it, and goes on a chain over all of them."""

from pathlib import Path

from django.db import migrations, models

from audit.grants import application_role

FILE = Path(__file__).parent / "checkpoints_v2.sql"


def make_chain(apps, schema_editor):
    """Run the SQL file; its function looks for tables in this schema alone."""
    with schema_editor.connection.cursor() as cursor:
        schema, _ = application_role(cursor)
        cursor.execute(FILE.read_text(encoding="utf-8").replace("%(schema)s", schema.replace('"', '""')))


class Migration(migrations.Migration):
    """Two columns, filled for what was signed before, and the function that writes them."""

    dependencies = [("audit", "0008_exports")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(make_chain, migrations.RunPython.noop)],
            state_operations=[
                migrations.AddField("checkpoint", "follows", models.BigIntegerField()),
                migrations.AddField("checkpoint", "chain", models.BinaryField()),
            ],
        ),
    ]
