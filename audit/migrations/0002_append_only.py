"""The functions that alone write the log, the triggers that refuse the rest, and the rights of the application's role."""

from pathlib import Path

from django.db import migrations

from audit.grants import application_role, grant_present

HERE = Path(__file__).parent
FILES = ("append_v1.sql", "index_v1.sql", "guards_v1.sql")


def make_functions(apps, schema_editor):
    """Run the SQL files; functions that run with the owner's rights look for tables in this schema alone."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        schema, role = application_role(cursor)
        cursor.execute("CREATE SEQUENCE audit_entry_id OWNED BY audit_entry.id")
        cursor.execute("INSERT INTO audit_log (single, id) VALUES (true, gen_random_uuid())")
        for file in FILES:
            cursor.execute((HERE / file).read_text(encoding="utf-8").replace("%(schema)s", schema.replace('"', '""')))
        if role:
            grant_present(cursor.cursor, schema=schema, role=role)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_tables")]

    operations = [migrations.RunPython(make_functions)]
