"""Standing approvals of sessions whose texts were deleted on request give up which arguments could differ, and up to what."""

from pathlib import Path

from django.db import migrations

from audit.grants import application_role

HERE = Path(__file__).parent
FILE = HERE / "standing_v2.sql"


def make_guard(apps, schema_editor):
    """Run the SQL file; its function looks for tables in this schema alone."""
    with schema_editor.connection.cursor() as cursor:
        schema, _ = application_role(cursor)
        cursor.execute(FILE.read_text(encoding="utf-8").replace("%(schema)s", schema.replace('"', '""')))


class Migration(migrations.Migration):
    """A function anew."""

    dependencies = [("approvals", "0016_settled"), ("audit", "0007_retention")]

    operations = [migrations.RunPython(make_guard, migrations.RunPython.noop)]
