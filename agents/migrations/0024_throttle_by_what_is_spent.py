from pathlib import Path

from django.db import migrations

from audit.grants import application_role

FILE = Path(__file__).parent / "budgets_v2.sql"


def throttle_by_what_is_spent(apps, schema_editor):
    """Put the round's new text in the place of the old one; whoever may call it still may."""
    with schema_editor.connection.cursor() as cursor:
        schema, _ = application_role(cursor)
        cursor.execute(FILE.read_text(encoding="utf-8").replace("%(schema)s", schema.replace('"', '""')))


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0023_inlets_change'),
    ]

    operations = [
        migrations.RunPython(throttle_by_what_is_spent, migrations.RunPython.noop),
    ]
