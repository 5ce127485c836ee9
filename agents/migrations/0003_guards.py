"""The sequence of session numbers, and the triggers that refuse what no constraint can say."""

from pathlib import Path

from django.db import migrations

from audit.grants import application_role

FILE = Path(__file__).parent / "guards_v1.sql"


def make_guards(apps, schema_editor):
    """Run the SQL file; its functions look for tables in this schema alone."""
    with schema_editor.connection.cursor() as cursor:
        schema, _ = application_role(cursor)
        cursor.execute("CREATE SEQUENCE agents_session_number START 88001")
        cursor.execute(FILE.read_text(encoding="utf-8").replace("%(schema)s", schema.replace('"', '""')))


class Migration(migrations.Migration):
    dependencies = [("agents", "0002_library"), ("approvals", "0001_requests")]

    operations = [migrations.RunPython(make_guards)]
