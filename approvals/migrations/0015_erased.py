"""Requests and decisions of sessions whose texts were deleted on request give up what they repeat of those."""

from pathlib import Path

from django.db import migrations

from audit.grants import application_role

HERE = Path(__file__).parent
FILE = HERE / "erased_v1.sql"


def make_guards(apps, schema_editor):
    """Run the SQL file; its functions look for tables in this schema alone."""
    with schema_editor.connection.cursor() as cursor:
        schema, _ = application_role(cursor)
        cursor.execute(FILE.read_text(encoding="utf-8").replace("%(schema)s", schema.replace('"', '""')))


class Migration(migrations.Migration):
    """Two functions anew."""

    dependencies = [("approvals", "0014_releases_asked"), ("audit", "0007_retention")]

    operations = [migrations.RunPython(make_guards, migrations.RunPython.noop)]
